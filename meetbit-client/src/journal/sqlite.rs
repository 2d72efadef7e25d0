//! The store in a SQLite file.

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions, Row, query};
use tokio::time::{Instant, sleep};

use crate::journal::sql::{Connection, answer_all};
use crate::journal::store::BoxError;
use crate::journal::worker::{Answer, Database, Failure, Question};
use crate::rate_limit::file::names::has_another_name;

/// Marks the file as a journal: `MbJ1`.
const APPLICATION: i64 = 0x4d62_4a31;
/// The version of the table.
const VERSION: i64 = 1;
/// One attempt waits this long for the file's lock.
const LOCK: Duration = Duration::from_millis(200);
/// The pause between two attempts. It is short, because the processes that wait do not form a queue.
const PAUSE: Duration = Duration::from_millis(5);
/// Opening waits this long for the file's lock.
const OPENING: Duration = Duration::from_secs(10);

const TABLES: &str = "SELECT count(*) FROM sqlite_schema";

const TABLE: &str = "
    CREATE TABLE meetbit_journal (
        key TEXT PRIMARY KEY NOT NULL,
        tag INTEGER NOT NULL,
        finished INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        record BLOB NOT NULL
    );
    CREATE INDEX meetbit_journal_unfinished ON meetbit_journal (changed) WHERE NOT finished;
    PRAGMA application_id = 1298287153;
    PRAGMA user_version = 1;
";

/// A file with a journal.
pub(crate) struct SqliteFile {
    path: PathBuf,
    connection: SqliteConnection,
    files: Files,
}

impl SqliteFile {
    /// Opens the file, or makes it.
    pub(crate) async fn open(path: PathBuf) -> Result<Self, BoxError> {
        let failed = |error: BoxError| -> BoxError { format!("`{}` {error}", path.display()).into() };
        make(&path).map_err(|error| failed(format!("cannot be opened: {error}").into()))?;
        if has_another_name(&path) {
            return Err(failed(ANOTHER_NAME.into()));
        }
        let started = Instant::now();
        loop {
            match Self::connect(&path).await {
                Ok(connection) => {
                    let Some(files) = Files::at(&path) else { return Err(failed(NO_LOG.into())) };
                    return Ok(Self { path, connection, files });
                }
                Err(error) if is_locked(&error) && started.elapsed() < OPENING => sleep(PAUSE).await,
                Err(error) => return Err(failed(explain(&error))),
            }
        }
    }

    async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(LOCK)
            .synchronous(SqliteSynchronous::Full)
            // On macOS only `F_FULLFSYNC` outlasts a loss of power. Other systems ignore both.
            .pragma("fullfsync", "ON")
            .pragma("checkpoint_fullfsync", "ON")
            .pragma("secure_delete", "ON") // what is deleted is personal data
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        connection.run("BEGIN IMMEDIATE").await?;
        prepare(&mut connection).await?;
        connection.run("COMMIT").await?;
        // The file is a journal, so it may be changed.
        hide(path).map_err(sqlx::Error::Io)?;
        connection.run("PRAGMA journal_mode = WAL").await?;
        number(&mut connection, TABLES).await?; // SQLite makes its other files when it reads
        Ok(connection)
    }
}

impl Database for SqliteFile {
    async fn answer(&mut self, questions: &[Question]) -> Result<Vec<Answer>, Failure> {
        let result = answer_all(&mut self.connection, "BEGIN IMMEDIATE", questions).await;
        if result.is_err() {
            // SQLite has rolled back by itself after some errors, and then has nothing to roll back.
            let _already_done = self.connection.run("ROLLBACK").await;
        }
        let failed = |what: &dyn Display, retry_after| Failure {
            retry_after,
            error: format!("`{}` {what}", self.path.display()).into(),
        };
        if Files::at(&self.path).as_ref() != Some(&self.files) {
            return Err(failed(&MOVED, None));
        }
        result.map_err(|error| failed(&explain(&error), is_locked(&error).then_some(PAUSE)))
    }
}

const ANOTHER_NAME: &str = "has another name, because it has a hard link or is mounted by itself: programs that use different names \
                            do not see each other's calls; use one name, and mount the directory of the file";

const NO_LOG: &str =
    "has no `-wal` and `-shm` beside it: SQLite cannot make them there, or they were deleted at this moment";

const MOVED: &str = "was deleted, moved or replaced, or its `-wal` or `-shm` file was: end the programs that use it, put the \
                     files back, and open it again";

/// The files of a journal. SQLite goes on with its own after one of them is deleted or replaced, and other processes use others,
/// so that they would send what this one has sent.
#[derive(PartialEq, Eq)]
struct Files([FileId; 3]);

/// Device and number of a file.
type FileId = (u64, u64);

impl Files {
    /// The files that a process finds that opens the journal now. `None` if one is missing.
    #[cfg(unix)]
    fn at(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let path = fs::canonicalize(path).ok()?; // as SQLite does
        let id = |suffix| {
            let mut path = path.clone().into_os_string();
            path.push(suffix);
            fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
        };
        Some(Self([id("")?, id("-wal")?, id("-shm")?]))
    }

    /// Other systems do not let a file be deleted that SQLite has open.
    #[cfg(not(unix))]
    fn at(_: &Path) -> Option<Self> {
        Some(Self([(0, 0); 3]))
    }
}

/// Makes the table in an empty file, and refuses a file of another program or a newer version.
async fn prepare(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let application = number(connection, "PRAGMA application_id").await?;
    let version = number(connection, "PRAGMA user_version").await?;
    let tables = number(connection, TABLES).await?;
    match (application, version) {
        (APPLICATION, VERSION) => Ok(()),
        (APPLICATION, newer) if newer > VERSION => {
            let text =
                format!("was made by a newer version of this crate: its version is {newer}, this one knows {VERSION}");
            Err(sqlx::Error::Configuration(text.into()))
        }
        (0, 0) if tables == 0 => connection.run(TABLE).await,
        _ => Err(sqlx::Error::Configuration("is the database of another program".into())),
    }
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, sqlx::Error> {
    query(sql).fetch_one(connection).await?.try_get(0)
}

/// Makes the file, readable by its owner only. SQLite gives its other files the same permissions.
///
/// A file that exists is not opened here: when a process closes any descriptor of a file, POSIX drops all locks that the process
/// has on the file, SQLite's too. So a new file is closed before another thread of this process can lock it.
fn make(path: &Path) -> io::Result<()> {
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Makes a file readable by its owner only.
#[cfg(unix)]
fn hide(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn hide(_: &Path) -> io::Result<()> {
    Ok(())
}

/// SQLite's primary result code, if the error is one of SQLite's.
fn code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse::<u32>().ok().map(|extended| extended & 0xff)
}

/// Another connection holds the lock.
fn is_locked(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(5 | 6))
}

/// What follows the path of the file.
fn explain(error: &sqlx::Error) -> BoxError {
    let what = match code(error) {
        Some(5 | 6) => "is locked by another process",
        Some(8) => "cannot be written: it is read-only",
        Some(10) => "cannot be read or written",
        Some(11) => "is corrupt",
        Some(13) => "cannot be written: the disk is full",
        Some(14) => {
            "cannot be opened: it must be a file that this user can read and write, in a directory that exists and where this \
             user can write"
        }
        Some(26) => "is not a database",
        _ => match error {
            sqlx::Error::Configuration(text) => return text.to_string().into(),
            _ => "cannot be used",
        },
    };
    format!("{what} ({error})").into()
}
