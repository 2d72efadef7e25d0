//! Runs a sandbox as a program, until Ctrl-C:
//!
//! ```sh
//! cargo run -p meetbit-client --features sandbox --example sandbox -- --port 8080
//! ```
//!
//! It prints the four variables that `Client::from_env` reads, as commands for a shell.

use std::convert::Infallible;
use std::future;
use std::process::ExitCode;

use meetbit_client::Error;
use meetbit_client::sandbox::{Sandbox, SandboxBuilder};

const USAGE: &str = "\
usage: sandbox [--port PORT] [--unlimited]

Runs a MeetBit sandbox on this machine until Ctrl-C.

  --port PORT  listen on this port; by default, and for 0, on any free one
  --unlimited  set no rate limits, for tools that do not know them
  --help       print this text";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let builder = match parse(std::env::args().skip(1)) {
        Ok(Some(builder)) => builder,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("{mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let Err(error) = run(builder).await;
    eprintln!("{error}");
    ExitCode::FAILURE
}

/// `None` if help is asked for.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<SandboxBuilder>, String> {
    let mut builder = Sandbox::builder();
    while let Some(argument) = arguments.next() {
        builder = match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--port" => {
                let port = arguments.next().ok_or("`--port` needs a port")?;
                builder.port(port.parse().map_err(|_| format!("`{port}` is not a port"))?)
            }
            "--unlimited" => builder.unlimited(),
            flag if flag.starts_with('-') => return Err(format!("unknown option `{flag}`")),
            _ => return Err(format!("unexpected argument `{argument}`")),
        };
    }
    Ok(Some(builder))
}

async fn run(builder: SandboxBuilder) -> Result<Infallible, Error> {
    let sandbox = builder.start().await?;
    println!("# base URL  {}", sandbox.base_url());
    println!("# key id    {}", sandbox.access_key_id());
    println!("# secret    {}", sandbox.access_key_secret());
    println!();
    println!("export MEETBIT_DOMAIN=sandbox.example.com");
    println!("export MEETBIT_BASE_URL={}", quoted(sandbox.base_url()));
    println!("export MEETBIT_ACCESS_KEY_ID={}", quoted(sandbox.access_key_id()));
    println!("export MEETBIT_ACCESS_KEY_SECRET={}", quoted(sandbox.access_key_secret()));
    future::pending().await
}

/// One word for the shell, whatever characters are in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
