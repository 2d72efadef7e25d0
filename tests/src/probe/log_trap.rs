//! Catches everything that is logged, by whatever crate.

use std::{
    fmt::{self, Debug, Write},
    panic,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::Interest,
};

use crate::probe::leak;

/// The text of all events and spans of `tracing`, all records of `log`, and all panics of the process, at every level,
/// for every target, with the values of all fields.
#[derive(Debug, Default)]
pub struct LogTrap {
    text: Mutex<String>,
    spans: AtomicU64,
}

impl LogTrap {
    /// Sets the trap for the whole process, or gives the one that is set.
    ///
    /// # Panics
    ///
    /// If another collector was there first.
    pub fn set() -> &'static Self {
        static TRAP: OnceLock<LogTrap> = OnceLock::new();
        static READY: OnceLock<()> = OnceLock::new();
        let trap = TRAP.get_or_init(Self::default);
        READY.get_or_init(|| {
            tracing::subscriber::set_global_default(trap).expect("no other subscriber");
            log::set_logger(trap).expect("no other logger");
            log::set_max_level(log::LevelFilter::Trace);
            let usual = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                trap.keep(format_args!("panic: {info}"));
                usual(info);
            }));
        });
        trap
    }

    /// All text so far, one line or more for each record.
    #[must_use]
    pub fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asserts that the secret was not logged in any form, see [`leak::assert_absent`].
    ///
    /// # Panics
    ///
    /// If it was, or if the trap has caught nothing at all and so proves nothing.
    #[track_caller]
    pub fn assert_absent(&self, secret: &str) {
        let text = self.text();
        assert!(!text.is_empty(), "nothing was logged; set the trap before the first call");
        if let Some((line, form)) = text.lines().find_map(|line| leak::find(line, secret).map(|form| (line, form))) {
            panic!("the secret was logged {form}, in a line that begins with {:?}", line.split(' ').next());
        }
        leak::assert_absent(&text, secret); // a secret with a line break stands in no single line
    }

    fn keep(&self, line: impl fmt::Display) {
        let line = line.to_string(); // before locking: formatting may log too
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(text, "{line}"); // writing to a string cannot fail
    }
}

impl Subscriber for &'static LogTrap {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut fields = Fields::default();
        span.record(&mut fields);
        self.keep(format_args!("{} span {}{fields}", span.metadata().target(), span.metadata().name()));
        span::Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, span: &span::Id, values: &span::Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        self.keep(format_args!("span {}{fields}", span.into_u64()));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.keep(format_args!("{} {}{fields}", event.metadata().target(), event.metadata().level()));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl log::Log for LogTrap {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.keep(format_args!("{} {} {}", record.target(), record.level(), record.args()));
    }

    fn flush(&self) {}
}

/// ` name=value` for each field.
#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}"); // writing to a string cannot fail
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {field}={value}");
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
