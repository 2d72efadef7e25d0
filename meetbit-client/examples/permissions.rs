//! Prints the permission that each endpoint needs, and the smallest role for an application.
//!
//! ```sh
//! cargo run --example permissions
//! ```

use std::process::ExitCode;

use meetbit_client::{
    Call, Client, Credentials, Customers, Endpoint, Error, Events, NewUser, OnlineConferences, Permission, Users,
    permissions,
};

const USAGE: &str = "usage: permissions\n\nPrints the permissions that each endpoint needs. It takes no arguments.";

fn main() -> ExitCode {
    if let Some(argument) = std::env::args().nth(1) {
        if ["--help", "-h"].contains(&argument.as_str()) {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        eprintln!("unexpected argument `{argument}`\n\n{USAGE}");
        return ExitCode::from(2);
    }
    match print() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print() -> Result<(), Error> {
    // The traits that your application uses. Traits that you declare with `#[api]` have a catalogue too.
    let catalogues = [
        <dyn Customers>::ENDPOINTS,
        <dyn Users>::ENDPOINTS,
        <dyn Events>::ENDPOINTS,
        <dyn OnlineConferences>::ENDPOINTS,
    ];
    println!("{:<60} {:<30} evidence", "endpoint", "permission");
    for endpoint in catalogues.into_iter().flatten() {
        endpoint.permissions().for_each(|permission| row(endpoint, "", &permission));
    }
    // A body can need more permissions than its endpoint; a call knows both.
    let activating = create_and_activate()?;
    if let Some(endpoint) = activating.endpoint() {
        let additional = activating.permissions().into_iter().skip(endpoint.permissions().len());
        additional.for_each(|permission| row(endpoint, ", to activate", &permission));
    }

    println!("\nthe smallest role for all of them, without activating users:");
    for permission in permissions(catalogues) {
        println!("  {permission}");
    }
    Ok(())
}

fn row(endpoint: &Endpoint, condition: &str, permission: &Permission) {
    let evidence = if permission.is_documented() { "documented" } else { "inferred" };
    println!("{:<60} {:<30} {evidence}", format!("{endpoint}{condition}"), permission.to_string());
}

/// A call that is never sent.
fn create_and_activate() -> Result<Call<impl Sized>, Error> {
    let client = Client::builder("example.com").credentials(Credentials::new("unused", "unused")).build()?;
    Ok(client.create_user(&NewUser::new().activate(true)))
}
