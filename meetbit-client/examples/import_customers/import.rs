//! Sends the rows.

use std::collections::HashMap;
use std::pin::pin;

use meetbit_client::journal::{InDoubt, Journal};
use meetbit_client::{Call, Customer, Customers, Error, ErrorKind, Outcome, Response};
use tokio::signal;
use tokio::task::{JoinError, JoinSet};

use crate::arguments::Arguments;
use crate::check::Checked;
use crate::keys::{self, Keys};
use crate::output;
use crate::progress::{Counts, Progress};
use crate::rejected::Rejected;
use crate::table::Table;
use crate::target::{Target, shown};

/// Calls at once for each request a second, so that the limit is used in full if an answer takes up to 3 seconds.
const UNDER_WAY: usize = 3;
/// Calls at once if there is no limit.
const UNDER_WAY_UNLIMITED: usize = 64;
/// This number of equal refusals in a row stops the import.
const EQUAL: u32 = 3;

/// What became of the rows.
pub(crate) struct Summary {
    counts: Counts,
    rows: u64,
    /// Where the rejected rows are.
    rejected: Option<String>,
    stopped: Option<String>,
    is_sandbox: bool,
}

/// A row whose call has ended.
struct Done {
    cells: csv::StringRecord,
    line: u64,
    key: String,
    result: Result<Response<Customer>, Error>,
}

/// A row of which nobody knows whether it is a customer.
struct Doubt {
    line: u64,
    key: String,
    error: String,
}

struct Import {
    /// The number of calls at once while rows are accepted.
    under_way: usize,
    counts: Counts,
    journal: Journal,
    progress: Progress,
    rejected: Rejected,
    refusals: Refusals,
    doubts: Vec<Doubt>,
    /// Why no more rows are taken.
    stopped: Option<String>,
}

pub(crate) async fn import(arguments: &Arguments, target: &Target, checked: &Checked) -> Result<Summary, String> {
    let mut table = Table::open(&arguments.file, arguments.key.as_deref())?;
    let mut keys = Keys::new(checked.repeated.iter().copied());
    let mut import = Import {
        under_way: arguments.per_second.map_or(UNDER_WAY_UNLIMITED, |limit| (limit as usize).saturating_mul(UNDER_WAY)),
        counts: Counts::default(),
        journal: target.journal.clone(),
        progress: Progress::start(checked.rows),
        rejected: Rejected::new(&arguments.file, &table),
        refusals: Refusals::default(),
        doubts: Vec::new(),
        stopped: None,
    };
    let mut calls = JoinSet::new();
    let mut interrupt = pin!(signal::ctrl_c());
    loop {
        while import.stopped.is_none() && calls.len() < import.under_way() {
            let row = match table.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(problem) => {
                    import.stop(problem); // calls that are under way end first
                    break;
                }
            };
            let customer = table.columns.customer(&row.cells);
            let hash = keys::hash(&table.columns, &row.cells, &customer)?;
            let key = keys.next(&table.columns, &row.cells, hash);
            let call = target.client.create_customer(&customer).once(&target.journal, &*key);
            let journal = target.journal.clone();
            calls.spawn(async move {
                let result = send(call, &journal, &key).await;
                Done { cells: row.cells, line: row.line, key, result }
            });
        }
        tokio::select! {
            done = calls.join_next() => match done {
                Some(done) => import.take(done)?,
                None => break,
            },
            _ = &mut interrupt => {
                if import.stopped.is_some() {
                    break; // what is under way is dropped
                }
                import.stop(format!(
                    "interrupted; rows that were taken are still imported: {}; interrupt again to stop at once, then some of \
                     them may be in doubt",
                    calls.len()
                ));
                interrupt.set(signal::ctrl_c());
            }
        }
    }
    import.explain_doubts().await;
    import.progress.end();
    // Rows are imported already, so the summary says what is wrong with the other file.
    let rejected = import.rejected.end(import.stopped.is_none()).unwrap_or_else(Some);
    let Import { counts, stopped, .. } = import;
    Ok(Summary { counts, rows: checked.rows, rejected, stopped, is_sandbox: target.is_sandbox() })
}

/// Sends a row. It may have been corrected since it was refused, so what was refused gives its key back first.
async fn send(call: Call<Customer>, journal: &Journal, key: &str) -> Result<Response<Customer>, Error> {
    journal.release(key).await?;
    call.send().await
}

impl Import {
    /// The number of calls at once. While rows are refused, or none has been accepted yet, it is one row after the other, because
    /// refusals count against the limit too.
    fn under_way(&self) -> usize {
        let is_accepted = self.counts.created + self.counts.already_there > 0 && self.refusals.number == 0;
        if is_accepted { self.under_way } else { 1 }
    }

    fn take(&mut self, done: Result<Done, JoinError>) -> Result<(), String> {
        let Done { cells, line, key, result } = done.map_err(|error| error.to_string())?;
        match result {
            Ok(response) => {
                self.refusals.end();
                let count = if response.replayed { &mut self.counts.already_there } else { &mut self.counts.created };
                *count += 1;
            }
            Err(error) => self.failed(&cells, line, &key, &error),
        }
        self.progress.show(&self.counts);
        Ok(())
    }

    fn failed(&mut self, cells: &csv::StringRecord, line: u64, key: &str, error: &Error) {
        let is_refused = matches!(error.outcome(), Outcome::Rejected)
            || matches!(error.kind(), ErrorKind::Validation | ErrorKind::InvalidRequest);
        let stops =
            matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::PermissionDenied | ErrorKind::Journal);
        let repeated = error.kind() != ErrorKind::InDoubt && self.refusals.add(error);
        if is_refused && !stops && error.kind() != ErrorKind::RateLimited {
            self.counts.rejected += 1;
            if let Err(problem) = self.rejected.add(cells, &error.to_string()) {
                self.stop(problem);
            }
        } else if matches!(error.outcome(), Outcome::NotSent | Outcome::Rejected) {
            self.counts.not_sent += 1;
            if !stops && !repeated {
                self.progress.say(&format!("line {line} is not imported: {}", shown(error)));
            }
        } else {
            self.counts.in_doubt += 1;
            self.doubts.push(Doubt { line, key: key.to_owned(), error: shown(error) });
        }
        if stops {
            self.stop(shown(error));
        } else if repeated {
            self.stop(format!("{EQUAL} rows in a row failed in the same way: {}", shown(error)));
        }
    }

    /// Says why rows are in doubt, and what to do. The text of the error says what a program is to do.
    async fn explain_doubts(&self) {
        if self.doubts.is_empty() {
            return;
        }
        let recorded = self.journal.in_doubt().await.unwrap_or_default();
        let recorded: HashMap<&str, &InDoubt> = recorded.iter().map(|doubt| (&*doubt.key, doubt)).collect();
        for Doubt { line, key, error } in &self.doubts {
            let why = match recorded.get(&**key) {
                Some(doubt) => format!(" since {}: {}", doubt.since.strftime("%Y-%m-%d %H:%M:%S UTC"), doubt.reason),
                None => format!(": {error}"),
            };
            let todo = "look for it in MeetBit, then add one of these options to the command";
            let options = format!("`--created \"{key}=ID\"` or `--not-created \"{key}\"`");
            self.progress.say(&format!("line {line} is in doubt{why}\n  {todo}: {options}"));
        }
    }

    fn stop(&mut self, why: String) {
        if self.stopped.is_none() {
            self.progress.say(&format!("no more rows are taken: {why}"));
            self.stopped = Some(why);
        }
    }
}

/// Refusals in a row. Rows that the client refuses by itself do not count, because they cost nothing.
#[derive(Default)]
struct Refusals {
    last: Option<String>,
    number: u32,
}

impl Refusals {
    fn end(&mut self) {
        *self = Self::default();
    }

    /// True if it is one refusal too many.
    fn add(&mut self, error: &Error) -> bool {
        if error.attempts() == 0 && matches!(error.kind(), ErrorKind::Validation | ErrorKind::InvalidRequest) {
            return false;
        }
        let text = format!("{:?} {:?} {error}", error.kind(), error.status());
        self.number = if self.last.as_ref() == Some(&text) { self.number + 1 } else { 1 };
        self.last = Some(text);
        self.number >= EQUAL
    }
}

impl Summary {
    /// True if every row is a customer.
    pub(crate) fn is_complete(&self) -> bool {
        self.counts.created + self.counts.already_there == self.rows
    }

    pub(crate) fn print(&self) {
        output::print(format_args!("{} of {} rows: {}", self.counts.all(), self.rows, self.counts.text()));
        if let Some(rejected) = &self.rejected {
            output::print(rejected);
        }
        let is_cut = self.stopped.is_some() || self.counts.not_sent > 0;
        if self.is_sandbox {
            if is_cut {
                output::print(format_args!(
                    "the import is not complete; the sandbox has ended, so nothing can be resumed; set MEETBIT_* to import \
                     into a tenant"
                ));
            }
            return;
        }
        if self.counts.in_doubt > 0 {
            output::print(format_args!(
                "look in MeetBit for the rows in doubt, and say what you find with `--created` or `--not-created`"
            ));
        }
        if is_cut {
            output::print(format_args!("the import is not complete; the same command resumes it"));
        }
    }
}
