//! The store in a PostgreSQL table.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Row, query};
use tokio::time::timeout;

use crate::journal::sql::{Connection, answer_all};
use crate::journal::store::BoxError;
use crate::journal::worker::{Answer, Database, Failure, Question};

/// The version of the table, in its comment.
const VERSION: &str = "meetbit-client journal, version 1";
/// A transaction ends within this time, or its connection is given up.
const ANSWER: Duration = Duration::from_secs(5);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

const TABLE: &str = "
    CREATE TABLE meetbit_journal (
        key text PRIMARY KEY,
        tag bigint NOT NULL,
        finished boolean NOT NULL,
        changed bigint NOT NULL,
        record bytea NOT NULL
    );
    CREATE INDEX meetbit_journal_unfinished ON meetbit_journal (changed) WHERE NOT finished;
    COMMENT ON TABLE meetbit_journal IS 'meetbit-client journal, version 1';
";

/// The server may be configured otherwise, for speed. Without the time limits, which are [`ANSWER`], a transaction whose client is gone
/// would keep its locks.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on; SET LOCAL lock_timeout = '2s'; \
                     SET LOCAL statement_timeout = '5s'; SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// A database with a journal.
pub(crate) struct Postgres {
    options: PgConnectOptions,
    /// `None` after a failure, until the next question.
    connection: Option<PgConnection>,
}

impl Postgres {
    /// Connects to the database, and makes the table if there is none.
    pub(crate) async fn open(url: String) -> Result<Self, BoxError> {
        let options = PgConnectOptions::from_str(&url);
        let options = options.map_err(|error| format!("the URL of the PostgreSQL database is not valid ({error})"))?;
        let mut this = Self { options: options.disable_statement_logging(), connection: None };
        let prepared = timeout(ANSWER, async { prepare(this.connection().await?).await }).await;
        match prepared {
            Ok(Ok(())) => Ok(this),
            Ok(Err(error)) => Err(explain(&error)),
            Err(_) => Err("the PostgreSQL database does not answer".into()),
        }
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        if self.connection.is_none() {
            self.connection = Some(self.options.connect().await?);
        }
        self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)
    }
}

impl Database for Postgres {
    async fn answer(&mut self, questions: &[Question]) -> Result<Vec<Answer>, Failure> {
        let result = timeout(ANSWER, async { answer_all(self.connection().await?, BEGIN, questions).await }).await;
        if let Ok(Ok(answers)) = result {
            return Ok(answers);
        }
        // The server rolls back what a connection leaves behind.
        self.connection = None;
        Err(match result {
            Ok(Err(error)) => Failure { retry_after: is_temporary(&error).then_some(PAUSE), error: explain(&error) },
            _ => Failure { retry_after: Some(PAUSE), error: "the PostgreSQL database does not answer".into() },
        })
    }
}

/// Makes the table if there is none, and refuses one of a newer version or of another program.
async fn prepare(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    // One process at a time. The number means nothing; it is that of the SQLite file.
    connection.run("BEGIN; SELECT pg_advisory_xact_lock(1298287153)").await?;
    let sql = "SELECT to_regclass('meetbit_journal') IS NOT NULL, obj_description(to_regclass('meetbit_journal'), 'pg_class')";
    let row = query(sql).fetch_one(&mut *connection).await?;
    let (exists, comment): (bool, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    match comment.as_deref() {
        _ if !exists => connection.run(TABLE).await?,
        Some(VERSION) => {}
        other => {
            let other = other.unwrap_or("no comment");
            let text =
                format!("the table `meetbit_journal` has another version: its comment is `{other}`, not `{VERSION}`");
            return Err(sqlx::Error::Configuration(text.into()));
        }
    }
    connection.run("COMMIT").await
}

/// The database may answer soon: another process has the lock, or the server restarts.
fn is_temporary(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            code.starts_with("08")
                || ["25P03", "40001", "40P01", "53300", "55P03", "57014", "57P01", "57P02", "57P03"].contains(&&*code)
        }
        _ => false,
    }
}

fn explain(error: &sqlx::Error) -> BoxError {
    match error {
        sqlx::Error::Configuration(text) => text.to_string().into(),
        _ => format!("the PostgreSQL database cannot be used ({error})").into(),
    }
}
