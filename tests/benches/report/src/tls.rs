//! What the TLS backend costs a fresh build of a program that makes one call.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::program::{cpu_seconds, target};
use crate::table::{self, ratio};

/// The features of the client, the further dependencies, and what the program does first.
struct Backend {
    name: &'static str,
    client: &'static str,
    dependencies: &'static str,
    first: &'static str,
}

const BACKENDS: [Backend; 2] = [
    Backend { name: "`rustls` (the default, aws-lc)", client: "", dependencies: "", first: "" },
    Backend {
        name: "`rustls-no-provider` with ring",
        client: ", default-features = false, features = [\"rustls-no-provider\"]",
        dependencies: "rustls = { version = \"0.23\", default-features = false, features = [\"ring\"] }\n",
        first: "    let _ = rustls::crypto::ring::default_provider().install_default();\n",
    },
];

pub fn report() -> io::Result<()> {
    let mut seconds = Vec::new();
    for (i, backend) in BACKENDS.iter().enumerate() {
        let place = target()?.join(format!("tls-{i}"));
        write(backend, &place)?;
        let cargo = |arguments: &[&str]| {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(arguments).current_dir(&place).env("CARGO_TARGET_DIR", place.join("target"));
            cpu_seconds(&mut cargo)
        };
        cargo(&["fetch", "--quiet"])?;
        seconds.push(cargo(&["build", "--quiet", "--release"])?);
        fs::remove_dir_all(place)?;
    }
    let rows: Vec<_> = BACKENDS
        .iter()
        .zip(&seconds)
        .map(|(backend, took)| vec![backend.name.to_owned(), format!("{took:.0}"), ratio(*took, seconds[0])])
        .collect();
    table::print(
        "A fresh build",
        &["TLS", "CPU seconds", "ratio"],
        &rows,
        "User CPU seconds of a fresh release build of a program that creates a customer, with all its dependencies, one after \
         the other in one run. A busy machine adds to both; only the ratio means something.",
    );
    Ok(())
}

fn write(backend: &Backend, place: &Path) -> io::Result<()> {
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fs::create_dir_all(place.join("src"))?;
    let Backend { client, dependencies, first, .. } = backend;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../meetbit-client");
    let manifest = format!(
        "[package]\nname = \"hello\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         meetbit-client = {{ path = \"{}\"{client} }}\n{dependencies}\
         tokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }}\n\n[workspace]\n",
        path.display()
    );
    fs::write(place.join("Cargo.toml"), manifest)?;
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.lock"), place.join("Cargo.lock"))?;
    let source = format!(
        r#"use meetbit_client::{{Client, Customers, Error, NewCustomer}};

#[tokio::main]
async fn main() -> Result<(), Error> {{
{first}    let customer = Client::from_env()?.create_customer(&NewCustomer::new().first_name("Ada")).await?;
    println!("customer {{}}", customer.id);
    Ok(())
}}
"#
    );
    fs::write(place.join("src/main.rs"), source)
}
