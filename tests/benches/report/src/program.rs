//! Programs that are built and run.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Builds a package of this workspace by itself, with optimization, and gives where its programs are put.
pub fn build(package: &str) -> io::Result<PathBuf> {
    let target = target()?;
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--package", package, "--manifest-path"]).arg(manifest);
    output(cargo.env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("release"))
}

/// Where this program's own build is put, in `release/deps`, and with it every other.
pub fn target() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    program.ancestors().nth(3).map(Path::to_owned).ok_or_else(|| io::Error::other("not run by `cargo bench`"))
}

/// Runs it and gives what it prints.
pub fn output(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout) + &text(&output.stderr))
    } else {
        Err(io::Error::other(format!("{command:?}: {}", text(&output.stderr))))
    }
}

/// Runs it and gives the user CPU seconds that it took, with those of the processes that it waited for.
pub fn cpu_seconds(command: &mut Command) -> io::Result<f64> {
    let before = of_children()?;
    output(command)?;
    Ok(of_children()? - before)
}

/// User CPU seconds of all processes that this one has waited for.
fn of_children() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let behind_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: f64 = behind_name.split(' ').nth(13).and_then(|ticks| ticks.parse().ok()).unwrap_or(f64::NAN);
    Ok(ticks / 100.0)
}

/// The server, in a process of its own, which ends with this value.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    pub fn start(limit: Option<u32>) -> io::Result<Self> {
        let mut command = Command::new(build("server")?.join("server"));
        command.args(limit.map(|limit| limit.to_string()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut port = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut port)?;
        }
        Ok(Self { child, url: format!("http://127.0.0.1:{}/api/public/v2.0", port.trim()) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}
