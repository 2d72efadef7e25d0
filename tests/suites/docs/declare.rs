//! The example `declare`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::examples::{Run, run};

/// The names that the SDK has, for models that the document does not name.
const RENAMES: [&str; 7] = [
    "CreateUser=NewUser",
    "NewUser=UserUpdate",
    "CreateOnlineConference=NewOnlineConference",
    "CreateOnlineConferenceAttendee=NewOnlineConferenceAttendee",
    "UpdateOnlineConference=OnlineConferenceUpdate",
    "ListUsersOrderBy=UserOrder",
    "ListUsersAttribute=UserAttribute",
];

#[test]
fn the_declarations_for_meetbit_are_current() {
    check(&tests().join("suites/conformance/declared/meetbit.rs")).ends(0).prints("").prints_nothing().tells(&[]);
}

#[test]
fn a_file_that_was_changed_is_not_current() {
    let code = fs::read_to_string(tests().join("suites/conformance/declared/meetbit.rs")).unwrap();
    let changed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("changed.rs");
    fs::write(&changed, code.replacen("user_id: i64", "user_id: u64", 1)).unwrap();
    let line = 1 + code.lines().take_while(|line| !line.contains("user_id: i64")).count();
    let expected = [&*format!("changed.rs:{line} is not current"), "user_id: i64"];
    check(&changed).ends(1).prints_nothing().tells(&expected);
    fs::write(&changed, code.trim_end_matches("}\n")).unwrap();
    check(&changed).ends(1).prints_nothing().tells(&["is not current", "}"]);
}

#[test]
fn a_tag_selects_its_trait_and_models() {
    let run = run("declare", &format!("{} --tag Customers", document().display()));
    run.ends(0).tells(&[]);
    for text in
        ["pub trait Customers: Api {", "pub struct NewCustomer {", "pub struct Customer {", "pub struct Address {"]
    {
        assert!(run.stdout.contains(text), "{text}: {run:?}");
    }
    assert_eq!(run.stdout.matches("pub trait ").count(), 1);
    assert_eq!(run.stdout.matches("pub struct ").count(), 3);
}

#[test]
fn what_cannot_be_declared_is_said() {
    let document = document();
    let document = document.display();
    let twice = Path::new(env!("CARGO_TARGET_TMPDIR")).join("twice.json");
    let operation = r#"{"get": {"tags": ["A"], "summary": "List"}}"#;
    let paths = format!(r#"{{"/a": {operation}, "/b": {operation}}}"#);
    fs::write(&twice, format!(r#"{{"info": {{"title": "A", "version": "1"}}, "paths": {paths}}}"#)).unwrap();
    let cases = [
        (twice.display().to_string(), "two operations of the tag `A` are named `list`; give one an `operationId`"),
        (format!("{document} --rename Customer=Call"), "a model cannot have the name `Call`"),
        (format!("{document} --rename Customer=Users"), "a model cannot have the name `Users`"),
        (format!("{document} --tag Rooms"), "no operation has the tag `Rooms`"),
        (format!("{document} --rename Guest=User"), "there is no model `Guest` to rename"),
        (format!("{document} --rename Customer=User"), "two models have the name `User`"),
        ("no-such-file.yaml".to_owned(), "no-such-file.yaml: No such file"),
        (format!("{}", tests().join("README.md").display()), "README.md is not an OpenAPI document"),
        (format!("{document} --check no-such-file.rs"), "no-such-file.rs: No such file"),
    ];
    for (arguments, problem) in cases {
        run("declare", &arguments).ends(1).prints_nothing().tells(&[problem]);
    }
}

/// Three methods of the library's crate that a person changes: the printed text, and the new one.
const CHANGES: [(&str, &str); 3] = [
    // A better name than that of the document.
    ("fn find(", "fn find_in_book("),
    // A type that the document does not have.
    ("fn get_book(&self, book_id: i64)", "fn get_book(&self, book_id: u32)"),
    // Something that the document does not say.
    (
        "perm = [\"books.update.*\", \"books.read.*\"]",
        "perm = [\"books.update.*\", \"books.read.*\"], idempotent, timeout = \"5s\"",
    ),
];

#[test]
fn a_crate_outside_the_workspace_declares_seventeen_endpoints_and_finds_thirty_changes_of_the_document() {
    let source = tests().join("crates/declared");
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("declared");
    for folder in ["src", "tests"] {
        fs::create_dir_all(copy.join(folder)).unwrap();
    }
    for file in ["src/lib.rs", "tests/conforms.rs", "library.yaml"] {
        fs::copy(source.join(file), copy.join(file)).unwrap();
    }
    let manifest = fs::read_to_string(source.join("Cargo.toml")).unwrap();
    let client = tests().with_file_name("meetbit-client").display().to_string();
    fs::write(copy.join("Cargo.toml"), manifest.replace("../../../meetbit-client", &client)).unwrap();
    // The versions that are known to be there already.
    fs::copy(tests().with_file_name("Cargo.lock"), copy.join("Cargo.lock")).unwrap();

    let printed = run("declare", &source.join("library.yaml").display().to_string());
    printed.ends(0).tells(&[]);
    let changed = CHANGES.iter().fold(printed.stdout, |code, (printed, changed)| {
        assert_eq!(code.matches(printed).count(), 1, "{printed}");
        code.replace(printed, changed)
    });
    fs::write(copy.join("src/library.rs"), changed).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--offline"])
        .current_dir(&copy)
        // So that dependencies that the workspace has built are not built again.
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("2 passed"), "{stdout}");
}

fn check(file: &Path) -> Run {
    let renames = RENAMES.join(" --rename ");
    run("declare", &format!("{} --rename {renames} --check {}", document().display(), file.display()))
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn document() -> PathBuf {
    tests().join("data/openapi.yaml")
}
