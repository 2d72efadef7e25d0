//! At most once across crashes: a durable journal for calls. Needs the feature `journal`.
//!
//! MeetBit has no idempotency key, so only the client can know what it has sent. [`Call::once`](crate::Call::once) sends a call
//! at most once under a key of yours, also if the process is killed at any moment, or if several processes use the key at once.
//!
//! The [guide](crate::guide#a-create-that-survives-a-crash) says when to use a journal, what it costs and how to resolve what is
//! in doubt.
// It may import `client` and what `client` may import.

mod call;
mod failure;
mod memory;
mod once;
#[cfg(feature = "journal-postgres")]
mod postgres;
mod record;
mod records;
mod secrets;
mod session;
mod sql;
mod sqlite;
mod store;
mod worker;

use std::fmt;
use std::path::{self, Path};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use crate::error::Error;
use crate::journal::failure::StoreFailure;
use crate::journal::memory::MemoryStore;
#[cfg(feature = "journal-postgres")]
use crate::journal::postgres::Postgres;
use crate::journal::record::{Record, State, StoredReply};
use crate::journal::records::Records;
use crate::journal::session::random;
use crate::journal::sqlite::SqliteFile;
pub use crate::journal::store::{BoxFuture, Entry, Store};
use crate::journal::worker::Worker;

/// A durable record of calls, by a key of yours. It is cheap to clone, and all clones are one journal.
///
/// A journal may be used from several runtimes, and by several processes at once.
///
/// ```no_run
/// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
/// use meetbit_client::journal::Journal;
/// use meetbit_client::{Customers, NewCustomer};
///
/// let journal = Journal::open("meetbit-journal.sqlite").await?;
/// let ada = NewCustomer::new().first_name("Ada");
/// let call = client.create_customer(&ada).once(&journal, "crm:42");
/// let response = call.send().await?;
/// println!("customer {}, sent now: {}", response.data.id, !response.replayed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Journal(Arc<Records>);

impl Journal {
    /// Opens a SQLite file, or makes it. Its directory must exist, and this user must be able to write in it.
    ///
    /// Processes of one machine may share the file. On Unix only its owner can read it; on Windows it has the permissions of its
    /// directory. Do not use a network file system, because its locks may not work. After the file, or one of its siblings with the suffixes `-wal` and `-shm`, is deleted, moved or replaced,
    /// no further call is sent with this journal, because other processes do not see what it records. Open a journal after a fork:
    /// a process that forks must not have one open.
    ///
    /// A symbolic link to the file is the file. In a container, mount the directory of the file and not the file.
    ///
    /// # Errors
    /// [`Journal`](crate::ErrorKind::Journal), if the file cannot be read or written, is not a journal, is of a newer version, is
    /// locked for ten seconds, or has a second hard link or is mounted by itself. The text names the path.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path::absolute(path.as_ref()).unwrap_or_else(|_| path.as_ref().to_owned());
        let worker = Worker::start(move || SqliteFile::open(path)).await;
        Ok(Self::with_store(worker.map_err(cannot_open)?))
    }

    /// Connects to a PostgreSQL database, for processes on many machines. The table `meetbit_journal` is made if there is none.
    ///
    /// Needs the feature `journal-postgres`.
    ///
    /// The URL is as for `psql`: `postgres://user:password@host/database?sslmode=require`, or
    /// `postgres:///database?host=/run/postgresql` for a socket. TLS is possible with the features `rustls` and `native-tls`.
    ///
    /// # The table
    /// ```sql
    /// CREATE TABLE meetbit_journal (
    ///     key text PRIMARY KEY,
    ///     tag bigint NOT NULL,
    ///     finished boolean NOT NULL,
    ///     changed bigint NOT NULL,
    ///     record bytea NOT NULL
    /// );
    /// CREATE INDEX meetbit_journal_unfinished ON meetbit_journal (changed)
    ///     WHERE NOT finished;
    /// COMMENT ON TABLE meetbit_journal IS 'meetbit-client journal, version 1';
    /// ```
    /// If it exists, the user needs only `SELECT`, `INSERT`, `UPDATE` and `DELETE`. All processes must find the same table: it is
    /// looked up in the `search_path` of the user, and one that does not see the table makes a table of its own.
    ///
    /// # Errors
    /// [`Journal`](crate::ErrorKind::Journal), if the URL is not valid, the database cannot be reached, or the table is of another
    /// version.
    #[cfg(feature = "journal-postgres")]
    pub async fn postgres(url: impl Into<String>) -> Result<Self, Error> {
        let url = url.into();
        let worker = Worker::start(move || Postgres::open(url)).await;
        Ok(Self::with_store(worker.map_err(cannot_open)?))
    }

    /// A journal in the memory of this process, for tests. It forgets everything with its last clone.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with_store(MemoryStore::default())
    }

    /// A journal in a store of your own.
    pub fn with_store(store: impl Store) -> Self {
        Self(Arc::new(Records::new(Arc::new(store))))
    }

    /// The store of this journal, for a store of your own that wraps it, such as one that measures.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        self.0.store.clone()
    }

    /// The requests of which nobody knows whether they were processed, in the order of their last change.
    ///
    /// # Errors
    /// [`Journal`](crate::ErrorKind::Journal), if the journal cannot be read.
    pub async fn in_doubt(&self) -> Result<Vec<InDoubt>, Error> {
        let (records, now) = (self.0.unfinished().await.map_err(cannot_read)?, Timestamp::now());
        let mut found = Vec::new();
        for (key, record) in records {
            let Some(doubt) = record.doubt(now) else { continue };
            found.push(InDoubt {
                key,
                endpoint: record.request.endpoint,
                since: record.since,
                body: record.body.map(record::Body::bytes).unwrap_or_default(),
                reason: doubt.reason,
            });
        }
        Ok(found)
    }

    /// Says what has happened to a request that is in doubt.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest), if the key is not in doubt; nothing is changed then.
    /// [`Journal`](crate::ErrorKind::Journal), if the journal cannot be read or written.
    pub async fn resolve(&self, key: &str, resolution: Resolution) -> Result<(), Error> {
        let now = Timestamp::now();
        let Some((tag, record)) = self.load(key).await? else { return Err(not_in_doubt(key)) };
        if record.doubt(now).is_none() {
            return Err(not_in_doubt(key));
        }
        let state = match resolution {
            Resolution::NotDone => State::NotSent,
            Resolution::Done { data } => State::Done(StoredReply::of_data(&json(&data)?, record.request.is_raw)),
        };
        let entry =
            record.with_state(state).entry(random(), now).map_err(|error| cannot_write(StoreFailure::new(error)))?;
        if self.swap(key, tag, Some(&entry)).await? { Ok(()) } else { Err(not_in_doubt(key)) }
    }

    /// Deletes what the journal has under a key. The next call under it is sent, whatever happened before. False if there was
    /// nothing.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest), if a call under this key is under way.
    /// [`Journal`](crate::ErrorKind::Journal), if the journal cannot be read or written.
    pub async fn forget(&self, key: &str) -> Result<bool, Error> {
        let Some((tag, record)) = self.load(key).await? else { return Ok(false) };
        let is_under_way = matches!(record.state, State::UnderWay { .. }) && record.doubt(Timestamp::now()).is_none();
        if !is_under_way && (self.swap(key, tag, None).await? || self.load(key).await?.is_none()) {
            return Ok(true);
        }
        Err(Error::invalid_request(format!("a call with the key `{key}` is under way, so it cannot be forgotten")))
    }

    /// Deletes what the journal has under a key, if nothing has come of it: the server rejected the request, or it was not sent.
    /// Another request, such as a corrected one, can use the key then. False if nothing was deleted.
    ///
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// # let journal = meetbit_client::journal::Journal::in_memory();
    /// use meetbit_client::{Customers, NewCustomer};
    ///
    /// let corrected = NewCustomer::new().first_name("Ada").email("ada@example.com");
    /// journal.release("crm:42").await?;
    /// let call = client.create_customer(&corrected).once(&journal, "crm:42");
    /// println!("customer {}", call.await?.id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Journal`](crate::ErrorKind::Journal), if the journal cannot be read or written.
    pub async fn release(&self, key: &str) -> Result<bool, Error> {
        match self.load(key).await? {
            Some((tag, Record { state: State::Rejected | State::NotSent, .. })) => {
                Ok(self.swap(key, tag, None).await? || self.load(key).await?.is_none())
            }
            _ => Ok(false),
        }
    }

    /// Deletes the replies and refusals that are older than this. What is under way or in doubt stays. Returns the number of keys
    /// that were deleted; the next call under one of them is sent.
    ///
    /// A database deletes them in transactions of 1,000, so other calls go on meanwhile. What a failure or another process leaves
    /// undeleted is deleted by the next purge.
    ///
    /// # Errors
    /// [`Journal`](crate::ErrorKind::Journal), if the journal cannot be written.
    pub async fn purge(&self, older_than: Duration) -> Result<u64, Error> {
        let before = Timestamp::now().saturating_sub(older_than).unwrap_or(Timestamp::MIN);
        self.0.store.purge(before.as_millisecond()).await.map_err(cannot_write)
    }

    async fn load(&self, key: &str) -> Result<Option<(i64, Record)>, Error> {
        self.0.get(key).await.map_err(cannot_read)
    }

    async fn swap(&self, key: &str, tag: i64, new: Option<&Entry>) -> Result<bool, Error> {
        self.0.swap(key, Some(tag), new).await.map_err(cannot_write)
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Journal")
    }
}

/// A request that may have been processed.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq)]
pub struct InDoubt {
    /// The key of the call.
    pub key: String,
    /// The endpoint, such as `create_customer (POST /customers)`.
    pub endpoint: String,
    /// When the request was about to be sent for the first time.
    pub since: Timestamp,
    /// The body of the request. It is personal data, so `Debug` shows only its length.
    pub body: Bytes,
    /// Why nobody knows what happened.
    pub reason: String,
}

/// Shows all but the body.
impl fmt::Debug for InDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InDoubt")
            .field("key", &self.key)
            .field("endpoint", &self.endpoint)
            .field("since", &self.since)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("reason", &self.reason)
            .finish()
    }
}

/// What has happened to a request that was in doubt.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It did not happen, so it may be sent again.
    NotDone,
    /// It did happen. Calls under the key return `data`.
    Done {
        /// The value of the reply as JSON: what MeetBit gives as `data`.
        data: Bytes,
    },
}

impl Resolution {
    /// It did happen, with this value.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest), if the value cannot be written as JSON.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(journal: meetbit_client::journal::Journal) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::Customer;
    /// use meetbit_client::journal::Resolution;
    ///
    /// // 42 is the id that MeetBit's user interface shows.
    /// let found = Customer::new(42).first_name("Ada");
    /// journal.resolve("crm:42", Resolution::done(&found)?).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn done(data: &impl Serialize) -> Result<Self, Error> {
        let data = serde_json::to_vec(data);
        let data =
            data.map_err(|error| Error::invalid_request(format!("the value cannot be written as JSON ({error})")))?;
        Ok(Self::Done { data: data.into() })
    }
}

/// Shows no data.
impl fmt::Debug for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotDone => "NotDone",
            Self::Done { .. } => "Done",
        })
    }
}

/// The text, if it is JSON.
fn json(data: &[u8]) -> Result<String, Error> {
    let value: Result<Box<serde_json::value::RawValue>, _> = serde_json::from_slice(data);
    let value =
        value.map_err(|error| Error::invalid_request(format!("the data of the resolution is not JSON ({error})")))?;
    Ok(value.get().to_owned())
}

fn not_in_doubt(key: &str) -> Error {
    Error::invalid_request(format!("`{key}` is not in doubt, so there is nothing to resolve"))
}

fn cannot_open(error: store::BoxError) -> Error {
    StoreFailure::new(error).into_error("the journal cannot be opened")
}

fn cannot_read(error: impl Into<store::BoxError>) -> Error {
    StoreFailure::new(error).into_error("the journal cannot be read")
}

fn cannot_write(error: impl Into<store::BoxError>) -> Error {
    StoreFailure::new(error).into_error("the journal cannot be written")
}
