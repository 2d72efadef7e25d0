//! How far the import is, on standard error.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// A program that is not a terminal gets a line this often.
const LINE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) created: u64,
    pub(crate) already_there: u64,
    pub(crate) rejected: u64,
    pub(crate) in_doubt: u64,
    pub(crate) not_sent: u64,
}

impl Counts {
    pub(crate) fn all(&self) -> u64 {
        self.created + self.already_there + self.rejected + self.in_doubt + self.not_sent
    }

    fn sent(&self) -> u64 {
        self.all() - self.already_there
    }

    pub(crate) fn text(&self) -> String {
        let Self { created, already_there, rejected, in_doubt, not_sent } = self;
        let rest = if *not_sent > 0 { format!(", {not_sent} not sent") } else { String::new() };
        format!("{created} created, {already_there} already there, {rejected} rejected, {in_doubt} in doubt{rest}")
    }
}

pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    rows: u64,
    /// When the first row was not already there, because those that are cost next to no time.
    sending_since: Option<Instant>,
    last_line: Instant,
}

impl Progress {
    pub(crate) fn start(rows: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(rows), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:20} {msg}");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let bar = (!bar.is_hidden()).then_some(bar);
        if bar.is_none() {
            output::report(format_args!("importing {rows} rows"));
        }
        Self { bar, rows, sending_since: None, last_line: Instant::now() }
    }

    pub(crate) fn show(&mut self, counts: &Counts) {
        if counts.sent() > 0 {
            self.sending_since.get_or_insert_with(Instant::now);
        }
        match &self.bar {
            Some(bar) => {
                bar.set_message(self.line(counts));
                bar.set_position(counts.all());
            }
            None if self.last_line.elapsed() >= LINE => {
                self.last_line = Instant::now();
                output::report(format_args!("{}", self.line(counts)));
            }
            None => {}
        }
    }

    /// Says something without disturbing the bar.
    pub(crate) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::report(text)),
            None => output::report(text),
        }
    }

    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn line(&self, counts: &Counts) -> String {
        let (done, rows) = (counts.all(), self.rows);
        let seconds = self.sending_since.map_or(0.0, |since| since.elapsed().as_secs_f64());
        let speed = if seconds > 1.0 {
            let rate = counts.sent() as f64 / seconds;
            let left = rows.saturating_sub(done) as f64 / rate;
            format!(", {rate:.1} a second, {left:.0} s left")
        } else {
            String::new()
        };
        format!("{done} of {rows}{speed}: {}", counts.text())
    }
}
