//! Prints traits and models for the operations of an OpenAPI document, as one would write them:
//!
//! ```sh
//! cargo run -p meetbit-client --features conformance --example declare -- openapi.yaml --tag Users
//! ```
//!
//! The code is there to be read and changed. `conformance::assert_conforms` says in a test whether it still agrees with the
//! document; `--check FILE` says whether a file that nobody has changed is current.

mod document;
mod endpoints;
mod models;
mod names;
mod output;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::document::Document;

const USAGE: &str = "\
usage: declare DOCUMENT [--tag TAG].. [--rename OLD=NEW].. [--check FILE]

Prints traits and models for the operations of an OpenAPI document, 3.0 or 3.1, in YAML or JSON.

  --tag TAG         only the operations with this tag, and the models that they need
  --rename OLD=NEW  another name for a model
  --check FILE      print nothing; fail if FILE has not what would be printed
  --help            print this text

It needs rustfmt, and formats as rustfmt is configured for FILE, or for the current folder.";

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("{mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    document: PathBuf,
    tags: Vec<String>,
    renames: BTreeMap<String, String>,
    check: Option<PathBuf>,
}

/// `None` if help is asked for.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let (mut document, mut tags, mut renames, mut check) = (None, Vec::new(), BTreeMap::new(), None);
    while let Some(argument) = arguments.next() {
        let mut value = |what: &str| arguments.next().ok_or(format!("`{argument}` needs {what}"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--tag" => tags.push(value("a tag")?),
            "--rename" => {
                let rename = value("two names, OLD=NEW")?;
                let names =
                    rename.split_once('=').filter(|(old, new)| [old, new].iter().all(|name| names::is_type(name)));
                let (old, new) = names.ok_or(format!("`{rename}` is not OLD=NEW, two names of types"))?;
                renames.insert(old.to_owned(), new.to_owned());
            }
            "--check" => check = Some(PathBuf::from(value("a file")?)),
            flag if flag.starts_with('-') => return Err(format!("unknown option `{flag}`")),
            _ if document.is_some() => return Err(format!("unexpected argument `{argument}`")),
            _ => document = Some(PathBuf::from(argument)),
        }
    }
    let document = document.ok_or("a document is needed")?;
    Ok(Some(Options { document, tags, renames, check }))
}

fn run(options: &Options) -> Result<(), String> {
    let document = Document::read(&options.document)?;
    let code = endpoints::declare(&document, &options.tags, &options.renames)?;
    let Some(file) = &options.check else {
        print!("{}", output::format(&code, Path::new("."))?);
        return Ok(());
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let current = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let expected = output::format(&code, folder)?;
    match output::first_difference(&current, &expected) {
        None => Ok(()),
        Some((line, text)) => Err(format!("{}:{line} is not current; it would be:\n{text}", file.display())),
    }
}
