//! The tenant, the journal and the limit.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use meetbit_client::journal::{Journal, Resolution};
use meetbit_client::sandbox::Sandbox;
use meetbit_client::{Client, ClientBuilder, Customer, Error, ErrorKind, FileLimit, RateLimit, RetryPolicy};

use crate::arguments::Arguments;
use crate::keys;
use crate::output;

const VARIABLES: [&str; 4] =
    ["MEETBIT_DOMAIN", "MEETBIT_ACCESS_KEY_ID", "MEETBIT_ACCESS_KEY_SECRET", "MEETBIT_BASE_URL"];

/// A row waits this long for its turn, for a `Retry-After`, and for another process that has it under way.
const TURN: Duration = Duration::from_secs(15 * 60);

pub(crate) struct Target {
    pub(crate) client: Client,
    pub(crate) journal: Journal,
    sandbox: Option<Sandbox>,
    _files: Files,
}

impl Target {
    pub(crate) async fn open(arguments: &Arguments) -> Result<Self, Problem> {
        let is_sandbox = VARIABLES.iter().all(|name| env::var_os(name).is_none_or(|value| value.is_empty()));
        let (sandbox, builder) = if is_sandbox { sandbox().await? } else { (None, ClientBuilder::from_env()?) };
        let files = if is_sandbox { Files::temporary() } else { Files::beside(&arguments.journal) };
        let retry = RetryPolicy::default().max_attempts(10).max_wait(TURN);
        let limit = arguments.per_second.map_or_else(RateLimit::unlimited, RateLimit::per_second);
        let builder = builder.timeout(TURN).attempt_timeout(arguments.answer_within).retry(retry).rate_limit(limit);
        let (builder, journal) = if arguments.dry_run {
            (builder, Journal::in_memory()) // a dry run makes no files
        } else {
            (builder.shared_limit(FileLimit::open(&files.limit)?), Journal::open(&files.journal).await?)
        };
        Ok(Self { client: builder.build()?, journal, sandbox, _files: files })
    }

    /// True if nothing of the import outlasts the program.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }

    /// Tells the journal what happened to rows that were in doubt. A key is the whole key, or the value of the key column.
    /// A row that is not in doubt stays as it is, so that the same command can resume the import.
    pub(crate) async fn resolve(&self, resolved: &[(String, Option<i64>)]) -> Result<(), Problem> {
        for (key, id) in resolved {
            let resolution = match id {
                Some(id) => Resolution::done(&Customer::new(*id))?,
                None => Resolution::NotDone,
            };
            let is_resolved = self.resolve_key(key, resolution.clone()).await?
                || self.resolve_key(&keys::of_cell(key), resolution).await?;
            if !is_resolved {
                output::report(format_args!("`{key}` is not in doubt, so there is nothing to resolve"));
            }
        }
        Ok(())
    }

    /// False if the key is not in doubt.
    async fn resolve_key(&self, key: &str, resolution: Resolution) -> Result<bool, Problem> {
        match self.journal.resolve(key, resolution).await {
            Err(error) if error.kind() == ErrorKind::InvalidRequest => Ok(false),
            resolved => Ok(resolved.map(|()| true)?),
        }
    }
}

async fn sandbox() -> Result<(Option<Sandbox>, ClientBuilder), Problem> {
    output::report(format_args!(
        "No MEETBIT_* variable is set, so this is a sandbox. It forgets its customers when the program ends, so this import \
         cannot be resumed, and `--journal` has no effect."
    ));
    let sandbox = Sandbox::start().await?;
    let builder = Client::builder("sandbox.example.com").base_url(sandbox.base_url());
    let builder = builder.credentials(sandbox.credentials());
    Ok((Some(sandbox), builder))
}

/// The files of an import. The limit is beside the journal, so that a `Retry-After` outlasts the program too.
struct Files {
    journal: PathBuf,
    limit: PathBuf,
    /// The files of a sandbox are removed at the end, because the sandbox forgets its customers.
    is_temporary: bool,
}

impl Files {
    fn beside(journal: &Path) -> Self {
        Self { journal: journal.to_owned(), limit: with_suffix(journal, ".limit.json"), is_temporary: false }
    }

    fn temporary() -> Self {
        let mut files = Self::beside(&env::temp_dir().join(format!("meetbit-import-{}.sqlite", process::id())));
        files.is_temporary = true;
        files
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if !self.is_temporary {
            return;
        }
        for suffix in ["", "-wal", "-shm", ".limit.json", ".limit.json.lock"] {
            let _may_not_exist = fs::remove_file(with_suffix(&self.journal, suffix));
        }
    }
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Why the import cannot go on, for people.
pub(crate) struct Problem(String);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(shown(&error))
    }
}

impl From<Problem> for String {
    fn from(Problem(text): Problem) -> Self {
        text
    }
}

/// An error with its causes.
pub(crate) fn shown(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(this) = cause {
        let reason = this.to_string();
        if !text.contains(&reason) {
            text = format!("{text}\n  because: {reason}");
        }
        cause = this.source();
    }
    text
}
