//! Runs a sandbox as a program, until Ctrl-C:
//! `cargo run -p meetbit-client --features sandbox --example sandbox -- --port 8080`
//!
//! `--unlimited` lifts the rate limits, for tools that cannot be told of them.

use std::error::Error;
use std::future;

use meetbit_client::sandbox::{Sandbox, SandboxBuilder};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = from_arguments(std::env::args().skip(1))?.start().await?;
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

fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Result<SandboxBuilder, String> {
    let mut builder = Sandbox::builder();
    while let Some(argument) = arguments.next() {
        builder = match argument.as_str() {
            "--port" => {
                let port = arguments.next().unwrap_or_default();
                builder.port(port.parse().map_err(|_| format!("`{port}` is not a port; say 0 for any free one"))?)
            }
            "--unlimited" => builder.unlimited(),
            _ => {
                return Err(format!("`{argument}` is not an option; the options are `--port N` and `--unlimited`"));
            }
        };
    }
    Ok(builder)
}

/// As one word for the shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
