//! Prints what each endpoint needs of a role, and the least role for an application.
//!
//! ```sh
//! cargo run --example permissions
//! ```

use meetbit_client::{
    Call, Client, Credentials, Customers, Endpoint, Error, Events, NewUser, OnlineConferences, Permission, Users,
    permissions,
};

fn main() -> Result<(), Error> {
    // The traits that your application uses; those that you declare with `#[api]` have a catalogue too.
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
    // What a request says may need more than its endpoint does; a call knows both.
    let activating = create_and_activate()?;
    if let Some(endpoint) = activating.endpoint() {
        let besides = activating.permissions().into_iter().skip(endpoint.permissions().len());
        besides.for_each(|permission| row(endpoint, ", to activate", &permission));
    }

    println!("\nthe least role for all of them, activating aside:");
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
