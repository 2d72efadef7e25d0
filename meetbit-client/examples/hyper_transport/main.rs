//! Sends the requests with hyper-util's client instead of the built-in one, through `ClientBuilder::service`.
//!
//! ```sh
//! cargo run -p meetbit-client --features sandbox --example hyper_transport
//! ```
//!
//! A call then costs about a quarter fewer instructions, because reqwest is not used. `transport.rs` is the service; copy it. It
//! needs `cargo add hyper-util --features client-legacy,http1,tokio`, `cargo add hyper-rustls --no-default-features --features
//! http1,rustls-platform-verifier,tls12`, `cargo add tower --features limit`, and `http-body-util`.
//!
//! # What the client still does
//!
//! - **At most once.** A create is sent again only after a `429`. The client cannot tell whether a failed service has sent its
//!   request. So every error of the service has the outcome `Unknown`, a refused connection included, and only idempotent calls
//!   are sent again.
//! - **Rate limit and `Retry-After`.** Each request takes a permit before the service gets it. Only the clones of one client
//!   share the limit; another client has its own, even for the same key. Use one client for each key.
//! - **Time.** The limits of the call and of each attempt hold. A request that is out of time is dropped, and hyper closes its
//!   connection.
//! - **Replies.** Status, body and error texts are read as always. A body above `max_response_size` is `TooLarge`.
//!
//! # What is yours
//!
//! - **A late departure.** A request counts as sent when the service gets it. If another request gets a `429` while this one is
//!   connecting, this one is sent nevertheless. The built-in client would stop it.
//! - **Runtimes.** A connection belongs to the runtime that made it. Build one client for each runtime. The built-in client
//!   keeps them apart.
//! - **Memory.** The client sees a body only when it is whole. `transport.rs` stops reading at a limit of its own.
//! - **Bodies of errors.** A status counts only when its body has arrived. If the body of a `429` never ends, the attempt ends
//!   with a timeout, and the gate stays open.
//! - **Decompression.** The client asks for gzip, and nothing here unpacks it. `transport.rs` removes `Accept-Encoding`.
//! - **Idle connections.** `transport.rs` closes them after four seconds. Servers close idle connections too, and a create that
//!   is sent on a connection that is closing has the outcome `Unknown`. `connect_timeout`, `idle_timeout`,
//!   `fresh_connections` and `http_client` of the builder have no effect.
//! - **Redirects and proxies.** hyper-util follows no redirect and uses no proxy. If you add a layer that does, key headers go
//!   with it.
//! - **TLS.** `transport.rs` accepts TLS 1.2 and 1.3 and trusts the system's certificates, with the process's default provider
//!   of rustls. It takes `http` URLs too: the client refuses those of other machines, but a layer can change a URL.

mod transport;

use std::process::ExitCode;

use meetbit_client::sandbox::Sandbox;
use meetbit_client::{BoxError, Client, Customers, NewCustomer};

const USAGE: &str = "usage: hyper_transport\n\nCreates a customer in a sandbox through hyper. It takes no arguments.";

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(argument) = std::env::args().nth(1) {
        if ["--help", "-h"].contains(&argument.as_str()) {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        eprintln!("unexpected argument `{argument}`\n\n{USAGE}");
        return ExitCode::from(2);
    }
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), BoxError> {
    let sandbox = Sandbox::start().await?;
    let client = Client::builder("acme.example.com")
        .base_url(sandbox.base_url())
        .credentials(sandbox.credentials())
        .service(transport::transport()?)
        .build()?;
    let ada = NewCustomer::new().first_name("Ada").email("ada@example.com");
    let customer = client.create_customer(&ada).await?;
    println!("customer {}", customer.id);
    Ok(())
}
