//! A purge of more entries than one transaction deletes.

use std::time::Duration;

use meetbit_client::journal::Journal;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, raw_sql, sqlite::SqliteConnectOptions};

use crate::stores::{Opened, Place, on_each_database};

on_each_database!(a_purge_of_many_entries_deletes_them_all);

const ENTRIES: u64 = 2_300;

/// Finished entries of 1970.
fn insert() -> String {
    format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ENTRIES})
         INSERT INTO meetbit_journal (key, tag, finished, changed, record) SELECT 'old:' || n, n, n > 0, n, '' FROM numbers"
    )
}

async fn a_purge_of_many_entries_deletes_them_all(opened: Opened) {
    match &opened.place {
        Place::Memory => unreachable!("it has no entries of another program"),
        Place::Sqlite(directory) => {
            let mut database = SqliteConnectOptions::new().filename(directory.file()).connect().await.unwrap();
            raw_sql(AssertSqlSafe(insert())).execute(&mut database).await.unwrap();
        }
        Place::Postgres(_, url) => {
            let mut database = PgConnection::connect(url).await.unwrap();
            raw_sql(AssertSqlSafe(insert())).execute(&mut database).await.unwrap();
        }
    }
    let purge = |journal: Journal| async move { journal.purge(Duration::from_mins(1)).await.unwrap() };
    assert_eq!(purge(opened.journal.clone()).await, ENTRIES);
    assert_eq!(purge(opened.journal.clone()).await, 0);
}

/// Others wait for a transaction that deletes, and one that takes too long fails whenever it is repeated.
#[tokio::test]
async fn a_purge_of_many_entries_is_several_short_transactions() {
    let opened = Opened::postgres().await;
    let Place::Postgres(_, url) = &opened.place else { unreachable!("it is one") };
    let mut database = PgConnection::connect(url).await.unwrap();
    let count_deletions = "
        CREATE TABLE deletions (entries bigint);
        CREATE FUNCTION count_deletion() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO deletions SELECT count(*) FROM deleted; RETURN NULL; END';
        CREATE TRIGGER count_deletion AFTER DELETE ON meetbit_journal REFERENCING OLD TABLE AS deleted
            FOR EACH STATEMENT EXECUTE FUNCTION count_deletion();";
    raw_sql(count_deletions).execute(&mut database).await.unwrap();
    raw_sql(AssertSqlSafe(insert())).execute(&mut database).await.unwrap();
    assert_eq!(opened.journal.purge(Duration::from_mins(1)).await.unwrap(), ENTRIES);
    let most: (i64,) = sqlx::query_as("SELECT max(entries) FROM deletions").fetch_one(&mut database).await.unwrap();
    assert!((1..=1_000).contains(&most.0), "{most:?}");
}
