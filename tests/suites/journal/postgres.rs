//! A PostgreSQL server for the tests: on a Unix socket, in a directory of its own, until the last test has ended.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crate::directory::Directory;

static SERVER: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());

/// A running server. It stops when it is dropped.
pub(crate) struct Postgres {
    directory: Directory,
    programs: PathBuf,
}

impl Postgres {
    /// The server of this process. It is started if it does not run.
    pub(crate) fn shared() -> Arc<Self> {
        let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        server.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Self::start());
            *server = Arc::downgrade(&started);
            started
        })
    }

    /// A server of a test's own.
    pub(crate) fn start() -> Self {
        let server = Self { directory: Directory::new(), programs: programs() };
        let data = server.data();
        if is_root() {
            let owner = Command::new("chown").arg("nobody").arg(server.directory.path()).output().unwrap();
            assert!(owner.status.success(), "{owner:?}");
        }
        let made = server.run("initdb", &["--pgdata", &data, "--username", "tests", "--auth", "trust", "--no-sync"]);
        assert!(made.status.success(), "{made:?}");
        server.resume();
        server
    }

    /// Starts it after [`stop`](Self::stop).
    pub(crate) fn resume(&self) {
        let options = format!("-c listen_addresses= -c unix_socket_directories={}", self.directory.path().display());
        let log = format!("{}/log", self.directory.path().display());
        let started = self.run("pg_ctl", &["--pgdata", &self.data(), "--log", &log, "-w", "-o", &options, "start"]);
        assert!(started.status.success(), "{started:?}\n{:?}", fs::read_to_string(log));
    }

    /// Stops it at once, as a crash does.
    pub(crate) fn stop(&self) {
        let stopped = self.run("pg_ctl", &["--pgdata", &self.data(), "-m", "immediate", "-w", "stop"]);
        assert!(stopped.status.success(), "{stopped:?}");
    }

    /// The URL of a new, empty database.
    pub(crate) fn database(&self) -> String {
        let name = format!("journal_{:016x}", fastrand::u64(..));
        let sql = format!("CREATE DATABASE {name}");
        let connection = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = self.url("postgres");
        // The runtime of a test cannot block on another one in its own thread.
        std::thread::spawn(move || {
            connection.block_on(async {
                use sqlx::{AssertSqlSafe, Connection, PgConnection, raw_sql};
                let mut connection = PgConnection::connect(&url).await.unwrap();
                raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            });
        })
        .join()
        .unwrap();
        self.url(&name)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?user=tests&host={}", self.directory.path().display())
    }

    fn data(&self) -> String {
        self.directory.path().join("data").display().to_string()
    }

    /// Runs one of PostgreSQL's programs. They refuse to run as root.
    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "nobody", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir(self.directory.path()).env("LC_ALL", "C").output().unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _may_be_stopped = self.run("pg_ctl", &["--pgdata", &self.data(), "-m", "immediate", "-w", "stop"]);
    }
}

/// Where the programs are: in the path, or where Debian puts them.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let mut places = std::env::split_paths(&path).chain(debian);
    let found = places.find(|place| place.join("initdb").exists() && place.join("pg_ctl").exists());
    found.expect("PostgreSQL is installed (Debian: apt-get install postgresql)")
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self").metadata().is_ok_and(|own| own.uid() == 0)
}
