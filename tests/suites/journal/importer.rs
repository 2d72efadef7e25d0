//! The example `import_customers`, as a program.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
    time::{Duration, Instant},
};

use meetbit_client::{http::Response, sandbox::Sandbox};

use crate::{directory::Directory, process::KEY};

const HEADER: &str = "crm_id,first_name,email\n";

/// The program, built once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let features = ["--features", "journal,sandbox", "--example", "import_customers"];
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "-p", "meetbit-client"])
            .args(features)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("debug").join("examples/import_customers")
    })
}

fn command(sandbox: Option<&Sandbox>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments);
    for name in ["DOMAIN", "ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "BASE_URL"] {
        command.env_remove(format!("MEETBIT_{name}"));
    }
    if let Some(sandbox) = sandbox {
        command.env("MEETBIT_DOMAIN", "acme.example.com").env("MEETBIT_BASE_URL", sandbox.base_url());
        command.env("MEETBIT_ACCESS_KEY_ID", sandbox.access_key_id());
        command.env("MEETBIT_ACCESS_KEY_SECRET", sandbox.access_key_secret());
    }
    command
}

/// The exit code and everything that was printed.
async fn run(sandbox: Option<&Sandbox>, arguments: &[&str]) -> (i32, String) {
    let mut command = command(sandbox, arguments);
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    (status.code().unwrap(), text)
}

async fn sandbox() -> Sandbox {
    let secret = meetbit_tests::client::SECRET;
    Sandbox::builder().unlimited().credentials(KEY, secret).start().await.unwrap()
}

fn file(directory: &Directory, text: &str) -> String {
    let path = directory.path().join("customers.csv");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_imported_into_a_sandbox() {
    let directory = Directory::new();
    let sample = "../meetbit-client/examples/import_customers/customers.csv";
    let file = file(&directory, &fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(sample)).unwrap());
    let (code, text) = run(None, &[&file]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("this is a sandbox") && text.contains("12 of 12 rows: 12 created"), "{text}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "a sandbox leaves no files beside the sample");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_sends_only_what_was_rejected_and_corrected() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let rows = |email| format!("\u{feff}{}1;Ada;ada@example.com\n2;Grace;{email}\n", HEADER.replace(',', ";"));
    let path = file(&directory, &rows("bad-mail"));
    let (code, text) = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("1 created, 0 already there, 1 rejected, 0 in doubt"), "{text}");
    let rejected = fs::read_to_string(directory.path().join("rejected.csv")).unwrap();
    assert!(rejected.starts_with("crm_id;first_name;email;reason\n2;Grace;bad-mail;"), "{rejected}");
    file(&directory, &rows("grace@example.com"));
    let (code, text) = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("1 created, 1 already there, 0 rejected, 0 in doubt"), "{text}");
    assert_eq!(sandbox.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_rows_are_customers_of_their_own_and_can_be_moved() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let path = file(&directory, "first_name\nAda\nAda\nGrace\n");
    let (_, text) = run(Some(&sandbox), &[&path]).await;
    assert!(text.contains("3 created"), "{text}");
    file(&directory, "first_name\nGrace\nMary\nAda\nAda\n");
    let (_, text) = run(Some(&sandbox), &[&path]).await;
    assert!(text.contains("1 created, 3 already there"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_file_is_said_before_anything_is_sent() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let cases: [(&str, &[&str], &str); 5] = [
        ("first_nam\nAda\n", &[], "did you mean `first_name`?"),
        ("crm_id,email\n1,a@example.com\n1,b@example.com\n", &["--key", "crm_id"], "its key is that of line 2 too"),
        ("crm_id,email\n1,a@example.com\n,b@example.com\n", &["--key", "crm_id"], "the key column is empty"),
        ("email\na@example.com\n", &["--key", "crm_id"], "which the file does not have"),
        ("email\na@example.com,more\n", &[], "cannot be read"),
    ];
    for (text, arguments, problem) in cases {
        let path = file(&directory, text);
        let (code, said) = run(Some(&sandbox), &[arguments, &[&path]].concat()).await;
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(problem), "{said}");
    }
    let path = file(&directory, "email\nbad-mail\n");
    let (code, said) = run(Some(&sandbox), &["--dry-run", &path]).await;
    assert!(code == 1 && said.contains("line 2: "), "{said}");
    assert_eq!(sandbox.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_stops_the_import_after_one_request() {
    let directory = Directory::new();
    let secret = meetbit_tests::client::SECRET;
    let sandbox = Sandbox::builder().unlimited().permissions(["users.read.*"]).credentials(KEY, secret);
    let sandbox = sandbox.start().await.unwrap();
    let path = file(&directory, &("first_name\n".to_owned() + &"Ada\n".repeat(50)));
    let (code, text) = run(Some(&sandbox), &[&path]).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("customers.create.*") && text.contains("the same command resumes it"), "{text}");
    assert_eq!(sandbox.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_not_sent_is_named_with_the_reason() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let long = Response::builder().status(429).header("Retry-After", "86400").body("").unwrap();
    sandbox.reply(long);
    let path = file(&directory, "first_name\nAda\n");
    let (code, text) = run(Some(&sandbox), &[&path]).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("line 2 is not imported: create_customer") && text.contains("1 not sent"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_interrupted_ends_its_calls_and_can_be_resumed() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let rows = (0..30).map(|row| format!("{row},Ada,")).collect::<Vec<_>>().join("\n");
    let path = file(&directory, &(HEADER.to_owned() + &rows));
    let child = command(Some(&sandbox), &["--key", "crm_id", &path]).spawn().unwrap();
    while sandbox.requests().len() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(sandbox.requests().len() < 30);
    let (code, text) = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
    assert_eq!(code, 0, "{text}");
    assert_eq!(sandbox.requests().len(), 30);
}

/// The limit is in a file beside the journal, so it outlasts a kill.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_during_a_429_does_not_send_early_when_it_is_started_again() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let too_many = Response::builder().status(429).header("Retry-After", "4").body("").unwrap();
    sandbox.reply(too_many);
    let path = file(&directory, "first_name\nAda\n");
    let mut child = command(Some(&sandbox), &[&path]).spawn().unwrap();
    while sandbox.requests().first().is_none_or(|request| request.status.is_none()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = Instant::now();
    tokio::time::sleep(Duration::from_millis(500)).await; // the refusal reaches the file
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, text) = run(Some(&sandbox), &[&path]).await;
    assert_eq!(code, 0, "{text}");
    let requests = sandbox.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].at - refused > Duration::from_millis(3900), "{:?}", requests[1].at - refused);
}
