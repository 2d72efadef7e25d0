//! The statements of a journal. SQLite and PostgreSQL know the same ones.

use std::future::Future;

#[cfg(feature = "journal-postgres")]
use sqlx::PgConnection;
use sqlx::{SqliteConnection, query, query_as, raw_sql};

use crate::journal::store::Entry;
use crate::journal::worker::{Answer, PURGED_AT_ONCE, Question};

const GET: &str = "SELECT key, tag, finished, changed, record FROM meetbit_journal WHERE key = $1";
const INSERT: &str = "INSERT INTO meetbit_journal (key, tag, finished, changed, record) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (key) DO NOTHING";
const UPDATE: &str = "UPDATE meetbit_journal SET tag = $2, finished = $3, changed = $4, record = $5
    WHERE key = $1 AND tag = $6";
const DELETE: &str = "DELETE FROM meetbit_journal WHERE key = $1 AND tag = $2";
const UNFINISHED: &str =
    "SELECT key, tag, finished, changed, record FROM meetbit_journal WHERE NOT finished ORDER BY changed";
/// It deletes at most [`PURGED_AT_ONCE`] entries. An entry that the subquery has found may be in use again, so the outer query checks
/// it once more.
const PURGE: &str = "DELETE FROM meetbit_journal WHERE finished AND changed < $1
    AND key IN (SELECT key FROM meetbit_journal WHERE finished AND changed < $1 LIMIT $2)";

/// A value of a statement.
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(i64),
    Flag(bool),
    Bytes(&'a [u8]),
}

/// A connection to a database.
pub(crate) trait Connection: Send {
    /// Runs statements without values.
    fn run(&mut self, sql: &'static str) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Runs a statement, and returns the number of rows that it changed.
    fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;

    /// Runs a query for the columns of [`GET`].
    fn entries(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<(String, Entry)>, sqlx::Error>> + Send;
}

/// Implements [`Connection`]. It is a macro, because sqlx has no trait for the number of rows that a statement changed.
macro_rules! connection {
    ($connection:ty) => {
        impl Connection for $connection {
            async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
                raw_sql(sql).execute(self).await.map(drop)
            }

            async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, sqlx::Error> {
                Ok(bind!(query(sql), values).execute(self).await?.rows_affected())
            }

            async fn entries(
                &mut self,
                sql: &'static str,
                values: &[Value<'_>],
            ) -> Result<Vec<(String, Entry)>, sqlx::Error> {
                let rows: Vec<(String, i64, bool, i64, Vec<u8>)> = bind!(query_as(sql), values).fetch_all(self).await?;
                let entry = |(key, tag, finished, changed, record)| (key, Entry { tag, finished, changed, record });
                Ok(rows.into_iter().map(entry).collect())
            }
        }
    };
}

/// A query with its values.
macro_rules! bind {
    ($query:expr, $values:expr) => {
        $values.iter().fold($query, |query, value| match *value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
            Value::Flag(flag) => query.bind(flag),
            Value::Bytes(bytes) => query.bind(bytes),
        })
    };
}

connection!(SqliteConnection);
#[cfg(feature = "journal-postgres")]
connection!(PgConnection);

/// Answers all questions, in one transaction if one of them is a change. `begin` starts a transaction that writes.
pub(crate) async fn answer_all(
    connection: &mut impl Connection,
    begin: &'static str,
    questions: &[Question],
) -> Result<Vec<Answer>, sqlx::Error> {
    let is_change = questions.iter().any(Question::is_change);
    if is_change {
        connection.run(begin).await?;
    }
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        answers.push(answer(connection, question).await?);
    }
    if is_change {
        connection.run("COMMIT").await?;
    }
    Ok(answers)
}

async fn answer(connection: &mut impl Connection, question: &Question) -> Result<Answer, sqlx::Error> {
    Ok(match question {
        Question::Get { key } => Answer::Entry(get(connection, key).await?),
        Question::Swap { key, expected, new } => Answer::Swapped(swap(connection, key, *expected, new.as_ref()).await?),
        Question::Unfinished => Answer::Entries(connection.entries(UNFINISHED, &[]).await?),
        Question::Purge { before } => {
            let values = [Value::Number(*before), Value::Number(PURGED_AT_ONCE)];
            Answer::Purged(connection.execute(PURGE, &values).await?)
        }
    })
}

async fn get(connection: &mut impl Connection, key: &str) -> Result<Option<Entry>, sqlx::Error> {
    let found = connection.entries(GET, &[Value::Text(key)]).await?;
    Ok(found.into_iter().next().map(|(_, entry)| entry))
}

async fn swap(
    connection: &mut impl Connection,
    key: &str,
    expected: Option<i64>,
    new: Option<&Entry>,
) -> Result<bool, sqlx::Error> {
    let key_value = Value::Text(key);
    let changed = match (expected, new) {
        (None, None) => return Ok(get(connection, key).await?.is_none()),
        (Some(expected), None) => connection.execute(DELETE, &[key_value, Value::Number(expected)]).await?,
        (None, Some(new)) => {
            let [tag, finished, changed, record] = values(new);
            connection.execute(INSERT, &[key_value, tag, finished, changed, record]).await?
        }
        (Some(expected), Some(new)) => {
            let [tag, finished, changed, record] = values(new);
            let values = [key_value, tag, finished, changed, record, Value::Number(expected)];
            connection.execute(UPDATE, &values).await?
        }
    };
    match new {
        // An earlier swap may have written the new entry, and its answer was lost.
        Some(new) if changed == 0 => Ok(get(connection, key).await?.is_some_and(|entry| entry.tag == new.tag)),
        _ => Ok(changed == 1),
    }
}

fn values(entry: &Entry) -> [Value<'_>; 4] {
    let Entry { tag, finished, changed, record } = entry;
    [Value::Number(*tag), Value::Flag(*finished), Value::Number(*changed), Value::Bytes(record)]
}
