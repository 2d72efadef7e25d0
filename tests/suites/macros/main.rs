//! What may stand around a declaration without disturbing it. Each case must compile, and makes the right request.
#![deny(warnings, clippy::pedantic, clippy::nursery)]
#![allow(clippy::unwrap_used, reason = "a client that cannot be built is a broken test")]

mod arguments;
mod attributes;
mod conditions;
mod generics;
mod implementations;
mod macros;
mod names;
mod other_crates;
mod other_macros;
mod permissions;
mod places;
mod values;

use meetbit_client::{Client, Credentials};

fn client() -> Client {
    Client::builder("acme.example.com").credentials(Credentials::new("id", "s3cr3t")).build().unwrap()
}

/// What a call would send: `GET /rooms?page=1`.
fn sent<T>(call: &meetbit_client::Call<T>) -> String {
    let request = call.request().unwrap();
    let target = request.uri().path_and_query().unwrap().as_str();
    let target = target.strip_prefix("/api/public/v2.0").unwrap();
    format!("{} {target}", request.method())
}
