//! Creates a customer: in the tenant that `MEETBIT_*` names, or in a sandbox where none is named.
//!
//! ```sh
//! cargo run -p meetbit-client --features sandbox --example create_customer -- Ada Lovelace ada@example.com
//! ```
//!
//! With `--request` it prints the request as it would go out, and sends nothing.

use std::process::ExitCode;

use meetbit_client::http::header::HOST;
use meetbit_client::sandbox::Sandbox;
use meetbit_client::{Call, Client, Customer, Customers, Error, NewCustomer, Outcome};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            explain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let (only_request, customer) = arguments();
    let (client, _sandbox) = connect().await?;
    let call = client.create_customer(&customer);
    if only_request {
        return print_request(&call);
    }
    let response = call.send().await?;
    println!("{}", response.message.as_deref().unwrap_or("Created."));
    println!("{}", serde_json::to_string_pretty(&response.data).unwrap_or_else(|_| format!("{:?}", response.data)));
    Ok(())
}

/// First name, last name and e-mail address; a sample where there is none.
fn arguments() -> (bool, NewCustomer) {
    let (flags, words): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let sample = ["Ada", "Lovelace", "ada@example.com"].map(str::to_owned).to_vec();
    let mut words = if words.is_empty() { sample } else { words }.into_iter();
    let mut customer = NewCustomer::new();
    customer.first_name = words.next();
    customer.last_name = words.next();
    customer.email = words.next();
    (flags.iter().any(|flag| flag == "--request"), customer)
}

/// The tenant that the environment names, or a sandbox, which lives as long as its handle.
async fn connect() -> Result<(Client, Option<Sandbox>), Error> {
    let credentials = ["MEETBIT_DOMAIN", "MEETBIT_ACCESS_KEY_ID", "MEETBIT_ACCESS_KEY_SECRET"];
    if credentials.iter().any(|name| std::env::var_os(name).is_some()) {
        return Ok((Client::from_env()?, None));
    }
    let sandbox = Sandbox::start().await?;
    eprintln!("No MeetBit credentials in the environment, so this is a sandbox at {}.", sandbox.base_url());
    Ok((sandbox.client(), Some(sandbox)))
}

fn print_request(call: &Call<Customer>) -> Result<(), Error> {
    let request = call.request()?;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    println!("{} {path} {:?}", request.method(), request.version());
    println!("{HOST}: {}", request.uri().authority().map_or("", |authority| authority.as_str()));
    for (name, value) in request.headers() {
        let shown = if value.is_sensitive() { "[redacted]" } else { value.to_str().unwrap_or("[not text]") };
        println!("{name}: {shown}");
    }
    println!("\n{}", String::from_utf8_lossy(request.body()));
    Ok(())
}

fn explain(error: &Error) {
    eprintln!("No customer: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(this) = cause {
        eprintln!("  because: {this}");
        cause = this.source();
    }
    if let Some(wait) = error.retry_after() {
        eprintln!("  Try again after {} seconds, not before: MeetBit suspends keys for that.", wait.as_secs() + 1);
    }
    match error.outcome() {
        Outcome::NotSent | Outcome::Rejected => eprintln!("  Nothing was created."),
        Outcome::Unknown => eprintln!("  It may have been created: look in MeetBit before you try again."),
        Outcome::Done => eprintln!("  It was created, but the reply cannot be read: look in MeetBit."),
    }
}
