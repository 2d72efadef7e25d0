//! Creates a customer in the tenant given by `MEETBIT_*`, or in a sandbox if no variable is set.
//!
//! ```sh
//! cargo run -p meetbit-client --features sandbox --example create_customer -- Ada Lovelace ada@example.com
//! ```
//!
//! In a crate of your own it needs `cargo add serde_json`.
//!
//! `--request` prints the request and sends nothing. `--help` lists the arguments.

use std::env;
use std::process::ExitCode;

use meetbit_client::http::header::HOST;
use meetbit_client::sandbox::Sandbox;
use meetbit_client::{Call, Client, Customer, Customers, Error, NewCustomer, Outcome};

const USAGE: &str = "\
usage: create_customer [--request] [FIRST_NAME [LAST_NAME [EMAIL]]]

Creates a customer; without a name, a sample one.

  --request  print the request and send nothing
  --help     print this text

environment:
  MEETBIT_DOMAIN             the tenant's primary domain, such as acme.example.com
  MEETBIT_ACCESS_KEY_ID      the access key
  MEETBIT_ACCESS_KEY_SECRET  its secret
  MEETBIT_BASE_URL           optional: replaces https://{domain}/api/public/v2.0
If none of them is set, the customer is created in a sandbox on this machine.";

#[tokio::main]
async fn main() -> ExitCode {
    let command = match parse(env::args().skip(1)) {
        Ok(command) => command,
        Err(mistake) => {
            eprintln!("{mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let result = match command {
        Command::Help => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Command::Print(customer) => print_request(&customer).await,
        Command::Create(customer) => create(&customer).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            explain(&error);
            ExitCode::FAILURE
        }
    }
}

enum Command {
    Help,
    Print(NewCustomer),
    Create(NewCustomer),
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut only_print, mut words) = (false, Vec::new());
    for argument in arguments {
        match argument.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--request" => only_print = true,
            flag if flag.starts_with('-') => return Err(format!("unknown option `{flag}`")),
            _ if words.len() == 3 => return Err(format!("unexpected argument `{argument}`")),
            _ => words.push(argument),
        }
    }
    let customer = customer(words);
    Ok(if only_print { Command::Print(customer) } else { Command::Create(customer) })
}

/// First name, last name and e-mail address; a sample if there are no words.
fn customer(words: Vec<String>) -> NewCustomer {
    if words.is_empty() {
        return NewCustomer::new().first_name("Ada").last_name("Lovelace").email("ada@example.com");
    }
    let mut words = words.into_iter();
    let mut customer = NewCustomer::new();
    customer.first_name = words.next();
    customer.last_name = words.next();
    customer.email = words.next();
    customer
}

async fn create(customer: &NewCustomer) -> Result<(), Error> {
    let (client, _sandbox) = connect().await?;
    let call = client.create_customer(customer);
    let request = call.request()?;
    eprintln!("Sending this to {} (for up to 2 minutes, with retries):", request.uri());
    eprintln!("{}", String::from_utf8_lossy(request.body()));
    let response = call.send().await?;
    println!("{}", response.message.as_deref().unwrap_or("Created."));
    println!("{}", serde_json::to_string_pretty(&response.data).unwrap_or_else(|_| format!("{:?}", response.data)));
    Ok(())
}

/// The tenant given by the environment, or a sandbox, which lives as long as its handle.
async fn connect() -> Result<(Client, Option<Sandbox>), Error> {
    if VARIABLES.iter().any(|name| is_set(name)) {
        return Ok((Client::from_env()?, None));
    }
    let sandbox = Sandbox::start().await?;
    eprintln!("No MEETBIT_* variable is set, so this is a sandbox.");
    Ok((sandbox.client(), Some(sandbox)))
}

const VARIABLES: [&str; 4] =
    ["MEETBIT_DOMAIN", "MEETBIT_ACCESS_KEY_ID", "MEETBIT_ACCESS_KEY_SECRET", "MEETBIT_BASE_URL"];

/// An empty variable counts as unset, because compose files write unset variables as empty ones.
fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

async fn print_request(customer: &NewCustomer) -> Result<(), Error> {
    let (client, _sandbox) = connect().await?;
    let call: Call<Customer> = client.create_customer(customer);
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
    if let Some(cause) = root_cause(error) {
        eprintln!("  because: {cause}");
    }
    if let Some(wait) = error.retry_after() {
        eprintln!("  Try again after {} seconds, not before: MeetBit suspends keys for that.", wait.as_secs() + 1);
    }
    match error.outcome() {
        Outcome::NotSent | Outcome::Rejected => eprintln!("  Nothing was created."),
        Outcome::Unknown => eprintln!("  It may have been created: check in MeetBit before you try again."),
        Outcome::Done => eprintln!("  It was created, but the reply cannot be read: check in MeetBit."),
    }
}

/// The last cause says what happened; the ones between only name the layers that it passed.
fn root_cause(error: &Error) -> Option<&(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source()).last()
}
