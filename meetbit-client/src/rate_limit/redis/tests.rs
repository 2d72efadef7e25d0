//! The script against the functions that it ports, and against a Redis that loses its data or whose clock is set.

mod difference;
mod mutants;
mod scenarios;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use super::*;

const START: Moment = 1_700_000_000 * SECOND;

/// A Redis on a socket of its own, which ends with the test.
struct Server {
    child: Child,
    directory: PathBuf,
    connection: redis::Connection,
}

impl Server {
    /// The program is `redis-server`, or the one that `MEETBIT_REDIS_SERVER` names.
    fn start() -> Self {
        let program = std::env::var("MEETBIT_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let directory = std::env::temp_dir().join(format!("redis-{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&directory).unwrap();
        let socket = directory.join("socket");
        let child = Command::new(&program)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("the tests need `{program}` (Debian: apt-get install redis-server): {error}")
            });
        let client = Client::open(format!("unix://{}", socket.display())).unwrap();
        let connection = loop {
            match client.get_connection() {
                Ok(connection) => break connection,
                Err(_) => thread::yield_now(),
            }
        };
        Self { child, directory, connection }
    }

    fn flush(&mut self) {
        redis::cmd("FLUSHALL").exec(&mut self.connection).unwrap();
    }

    fn run(&mut self, script: &Script, now: Moment, mut question: Value) -> Result<Answer, RedisError> {
        question["clock"] = now.into();
        let mut run = |command: &str, script: &str| -> Result<Vec<u64>, RedisError> {
            let question = question.to_string();
            redis::cmd(command).arg(script).arg(1).arg("state").arg(question).query(&mut self.connection)
        };
        let numbers = match run("EVALSHA", &script.digest) {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => run("EVAL", &script.text),
            answer => answer,
        };
        Ok(Answer::new(&numbers?).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::fs::remove_dir_all(&self.directory).unwrap();
    }
}
