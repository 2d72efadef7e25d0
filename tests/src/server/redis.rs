//! A real Redis or Valkey, without persistence, which ends with the test.

use std::{
    env, fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A `redis-server` on a Unix socket of its own, or the program that `MEETBIT_REDIS_SERVER` names.
#[derive(Debug)]
pub struct RedisServer {
    program: String,
    directory: PathBuf,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If there is no `redis-server` or it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with further arguments. It listens on no port unless they say so.
    ///
    /// # Panics
    ///
    /// If there is no `redis-server` or it does not start.
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        let program = env::var("MEETBIT_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        Self::start_program(&program, arguments)
    }

    /// Starts a `valkey-server`. `None` if there is none.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start_valkey() -> Option<Self> {
        let program = "valkey-server";
        Command::new(program).arg("--version").stdout(Stdio::null()).status().ok()?;
        Some(Self::start_program(program, &[]))
    }

    fn start_program(program: &str, arguments: &[&str]) -> Self {
        let directory = env::temp_dir().join(format!("redis-{:016x}", fastrand::u64(..)));
        fs::create_dir(&directory).expect("a directory");
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { program: program.to_owned(), directory, arguments, child: None };
        server.restart();
        server
    }

    /// Its address for a client.
    #[must_use]
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The process id.
    ///
    /// # Panics
    ///
    /// If it is stopped.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// The text that `redis-cli` prints for a command.
    ///
    /// # Panics
    ///
    /// If there is no `redis-cli`.
    #[expect(clippy::must_use_candidate, reason = "many commands are run for their effect")]
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-s").arg(self.socket()).args(arguments).output();
        let output = output.expect("the tests need `redis-cli`: apt-get install redis-server");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Kills it, so that its data is lost.
    ///
    /// # Panics
    ///
    /// If it cannot be killed.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    /// Starts it again, without data.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&mut self) {
        self.stop();
        let child = Command::new(&self.program)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--enable-debug-command", "yes"])
            .arg("--unixsocket")
            .arg(self.socket())
            .arg("--dir")
            .arg(&self.directory)
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap_or_else(|error| {
            panic!("the tests need `{}` (Debian: apt-get install redis-server): {error}", self.program)
        }));
        let started = Instant::now();
        while self.command(&["PING"]) != "PONG" {
            assert!(started.elapsed() < Duration::from_secs(10), "Redis does not start");
            thread::yield_now();
        }
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
        let _left_for_the_system = fs::remove_dir_all(&self.directory);
    }
}
