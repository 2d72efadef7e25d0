//! Compiles every case and compares what the compiler says. A filter that names no case fails, if it is for this package:
//! `path/` or `trybuild=path/empty`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let cases = cases(Path::new("cases"))?;
    let filters: Vec<&str> = arguments.iter().filter_map(|argument| argument.strip_prefix("trybuild=")).collect();
    // As in every test binary, a name without a hyphen is a filter. It may be meant for another package, unless it has a slash.
    let names: Vec<&String> = arguments.iter().filter(|argument| !argument.contains(['-', '='])).collect();
    let own = names.iter().map(|name| &***name).filter(|name| name.contains('/'));
    for filter in filters.iter().copied().chain(own) {
        assert!(cases.iter().any(|case| is_match(case, filter)), "no case matches `{filter}`");
    }
    let chosen: Vec<&PathBuf> =
        cases.iter().filter(|case| names.is_empty() || names.iter().any(|name| is_match(case, name))).collect();
    if arguments.iter().any(|argument| argument == "--list") || chosen.is_empty() {
        for case in &chosen {
            println!("{}: test", case.display());
        }
        println!(
            "{} of {} cases; a filter with a `/`, such as `path/`, fails if it names none",
            chosen.len(),
            cases.len()
        );
        return Ok(());
    }
    let runner = trybuild::TestCases::new(); // it applies `trybuild=` itself
    for case in chosen {
        runner.compile_fail(case);
    }
    Ok(())
}

fn is_match(case: &Path, filter: &str) -> bool {
    case.to_string_lossy().contains(filter)
}

/// The sources below a folder, in the order of their names.
fn cases(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(cases(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
