//! A purge of more entries than one transaction deletes.

use std::time::Duration;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, raw_sql, sqlite::SqliteConnectOptions};

use crate::stores::{Opened, Place, on_each_database};

on_each_database!(a_purge_of_many_entries_deletes_them_all);

const ENTRIES: u64 = 2_300;
const MINUTE: Duration = Duration::from_mins(1);

/// Inserts finished entries of 1970.
async fn fill(place: &Place) {
    let insert = AssertSqlSafe(format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ENTRIES})
         INSERT INTO meetbit_journal (key, tag, finished, changed, record) SELECT 'old:' || n, n, n > 0, n, '' FROM numbers"
    ));
    match place {
        Place::Memory => unreachable!("no other program can write to it"),
        Place::Sqlite(directory) => {
            let mut database = SqliteConnectOptions::new().filename(directory.file()).connect().await.unwrap();
            raw_sql(insert).execute(&mut database).await.unwrap();
        }
        Place::Postgres(_, url) => {
            let mut database = PgConnection::connect(url).await.unwrap();
            raw_sql(insert).execute(&mut database).await.unwrap();
        }
    }
}

async fn a_purge_of_many_entries_deletes_them_all(opened: Opened) {
    fill(&opened.place).await;
    assert_eq!(opened.journal.purge(MINUTE).await.unwrap(), ENTRIES);
    assert_eq!(opened.journal.purge(MINUTE).await.unwrap(), 0);
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
    fill(&opened.place).await;
    assert_eq!(opened.journal.purge(MINUTE).await.unwrap(), ENTRIES);
    let most: (i64,) = sqlx::query_as("SELECT max(entries) FROM deletions").fetch_one(&mut database).await.unwrap();
    assert!((1..=1_000).contains(&most.0), "{most:?}");
}
