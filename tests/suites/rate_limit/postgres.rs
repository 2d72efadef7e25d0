//! The store that the page `processes` shows, in a real Postgres.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use meetbit_client::rate_limit;
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::{postgres_limit::PostgresLimit, processes::Directory};

#[test]
fn the_page_shows_the_store_that_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../meetbit-client/src/processes.md")).unwrap();
    let (_, store) = include_str!("postgres/limit.rs").split_once("\n\n").unwrap();
    let store = store.replace("pub(crate) ", "pub ");
    assert!(page.contains(&store), "the page has not:\n{store}");
}

#[tokio::test]
async fn promise_27_the_store_in_postgres_conforms() {
    let Some(server) = PostgresServer::start() else {
        return eprintln!("skipped: there is no Postgres (Debian: apt-get install postgresql)");
    };
    let pool = server.pool().await;
    let table = "CREATE TABLE meetbit_limit (tenant text PRIMARY KEY, state text NOT NULL, moment bigint NOT NULL)";
    sqlx::query(table).execute(&pool).await.unwrap();
    rate_limit::conformance(PostgresLimit(pool)).await;
}

/// A Postgres on a Unix socket of its own.
struct PostgresServer {
    binaries: PathBuf,
    directory: Directory,
}

impl PostgresServer {
    fn start() -> Option<Self> {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let binaries = versions.map(|version| version.unwrap().path().join("bin")).max()?;
        let directory = Directory::new();
        fs::set_permissions(&directory.0, fs::Permissions::from_mode(0o777)).unwrap();
        let server = Self { binaries, directory };
        let data = server.data();
        server.run("initdb", &["-D", &data, "-U", "test", "-A", "trust", "--no-sync"]);
        let options = format!("-c listen_addresses= -c fsync=off -k {}", server.directory.0.display());
        server.run("pg_ctl", &["-D", &data, "-w", "-o", &options, "-l", "/dev/null", "start"]);
        Some(server)
    }

    async fn pool(&self) -> PgPool {
        let url = format!("postgres://test@localhost/postgres?host={}", self.directory.0.display());
        PgPoolOptions::new().max_connections(16).connect(&url).await.unwrap()
    }

    fn data(&self) -> String {
        self.directory.0.join("data").to_str().unwrap().to_owned()
    }

    /// Runs a program of Postgres, which refuses to run as root.
    fn run(&self, program: &str, arguments: &[&str]) {
        let path = self.binaries.join(program);
        let is_root = fs::metadata(&self.directory.0).is_ok_and(|directory| {
            use std::os::unix::fs::MetadataExt;
            directory.uid() == 0
        });
        let mut command = if is_root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(&path);
            command
        } else {
            Command::new(&path)
        };
        let command = command.args(arguments).current_dir(&self.directory.0);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{program} {arguments:?}");
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"]);
    }
}
