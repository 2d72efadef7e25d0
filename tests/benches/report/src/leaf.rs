//! A crate of declared endpoints, and the same written by hand.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Declared,
    ByHand,
}

impl Style {
    pub fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::ByHand => "by hand",
        }
    }

    pub fn package(self, purpose: &str, endpoints: u32) -> String {
        format!("{purpose}-{}-{endpoints}", self.name().replace(' ', "-"))
    }

    fn dependencies(self) -> String {
        let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../meetbit-client");
        match self {
            Self::Declared => format!("meetbit-client = {{ path = \"{}\" }}", client.display()),
            Self::ByHand => "reqwest = { version = \"0.13.5\", features = [\"json\", \"query\"] }".to_owned(),
        }
    }

    fn declarations(self, endpoints: u32) -> String {
        let (head, each, tail): (_, fn(u32) -> String, _) = match self {
            Self::Declared => (DECLARED_HEAD, declared, "}\n"),
            Self::ByHand => (BY_HAND_HEAD, by_hand, "}\n"),
        };
        format!("{TYPES}{head}{}{tail}", (0..endpoints).map(each).collect::<String>())
    }

    fn connection(self) -> &'static str {
        match self {
            Self::Declared => {
                "type Connection = meetbit_client::Client;\n\n\
                 fn connection() -> Connection {\n    Connection::from_env().unwrap()\n}"
            }
            Self::ByHand => "type Connection = Api;\n\nfn connection() -> Connection {\n    Api::new()\n}",
        }
    }
}

/// Writes a library without callers.
pub fn library(style: Style, endpoints: u32, place: &Path) -> io::Result<()> {
    write(style, place, "lib.rs", &style.declarations(endpoints))
}

/// Writes a program that calls each endpoint at one place.
pub fn program(style: Style, endpoints: u32, place: &Path) -> io::Result<()> {
    let mut source = style.declarations(endpoints);
    source.push_str("\nasync fn call(api: &Connection, which: usize, new: &NewThing) -> bool {\n    match which {\n");
    for i in 0..endpoints {
        let _ = if i.is_multiple_of(2) {
            writeln!(source, "        {i} => api.create_thing_{i}(7, new).await.is_ok(),")
        } else {
            writeln!(source, "        {i} => api.list_things_{i}(7, Some(2)).await.is_ok(),")
        };
    }
    let _ = write!(
        source,
        r#"        _ => false,
    }}
}}

{}

#[tokio::main]
async fn main() {{
    let new = NewThing {{ name: String::new(), note: None }};
    println!("{{:?}}", call(&connection(), std::env::args().count(), &new).await);
}}
"#,
        style.connection()
    );
    write(style, place, "main.rs", &source)
}

/// The package has its place's name, since cargo takes two of one name and version for one.
fn write(style: Style, place: &Path, file: &str, source: &str) -> io::Result<()> {
    fs::create_dir_all(place.join("src"))?;
    let name = place.file_name().unwrap_or_default().display();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{}\n\
         serde = {{ version = \"1\", features = [\"derive\"] }}\n\
         tokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }}\n\n[workspace]\n",
        style.dependencies()
    );
    fs::write(place.join("Cargo.toml"), manifest)?;
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.lock"), place.join("Cargo.lock"))?;
    fs::write(place.join("src").join(file), source)
}

const TYPES: &str = r"
#[derive(serde::Serialize)]
pub struct NewThing {
    pub name: String,
    pub note: Option<String>,
}

#[derive(serde::Deserialize)]
pub struct Thing {
    pub id: i64,
    pub name: String,
    pub note: Option<String>,
}
";

const DECLARED_HEAD: &str = r"
use meetbit_client::{Api, Call, api, api_endpoint};

#[api]
pub trait Things: Api {
";

fn declared(i: u32) -> String {
    if i.is_multiple_of(2) {
        format!(
            r#"
    /// Creates a thing.
    #[api_endpoint(post, "/places/{{place_id}}/things_{i}", perm = "things.create.*")]
    fn create_thing_{i}(&self, place_id: i64, #[body] thing: &NewThing) -> Call<Thing>;
"#
        )
    } else {
        format!(
            r#"
    /// Lists things.
    #[api_endpoint(get, "/places/{{place_id}}/things_{i}", perm = "things.read.*")]
    fn list_things_{i}(&self, place_id: i64, #[query] limit: Option<u32>) -> Call<Vec<Thing>>;
"#
        )
    }
}

const BY_HAND_HEAD: &str = r#"
#[derive(serde::Deserialize)]
pub struct Envelope<T> {
    pub message: Option<String>,
    pub data: T,
}

pub struct Api {
    client: reqwest::Client,
    base_url: String,
    key_id: String,
    key_secret: String,
}

impl Api {
    pub fn new() -> Self {
        let var = |name| std::env::var(name).unwrap();
        Self { client: reqwest::Client::new(), base_url: var("URL"), key_id: var("ID"), key_secret: var("SECRET") }
    }
"#;

fn by_hand(i: u32) -> String {
    let (signature, verb, with) = if i.is_multiple_of(2) {
        (
            format!("create_thing_{i}(&self, place_id: i64, thing: &NewThing) -> reqwest::Result<Thing>"),
            "post",
            "json(thing)",
        )
    } else {
        (
            format!("list_things_{i}(&self, place_id: i64, limit: Option<u32>) -> reqwest::Result<Vec<Thing>>"),
            "get",
            "query(&[(\"limit\", limit)])",
        )
    };
    format!(
        r#"
    pub async fn {signature} {{
        let reply: Envelope<_> = self
            .client
            .{verb}(format!("{{}}/places/{{place_id}}/things_{i}", self.base_url))
            .header("X-Access-Key-Id", &self.key_id)
            .header("X-Access-Key-Secret", &self.key_secret)
            .{with}
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        Ok(reply.data)
    }}
"#
    )
}
