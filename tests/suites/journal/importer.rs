//! What the example `import_customers` does, as a program.

use std::{
    fmt::Write,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use meetbit_client::{
    http::Response,
    journal::Journal,
    sandbox::{Fault, Sandbox},
};

use tokio::process::Child;

use crate::{
    directory::Directory,
    process::KEY,
    program::{Counts, command, ended, file, program, rejected, run, signal, start},
};

const HEADER: &str = "crm_id,first_name,email\n";

async fn sandbox() -> Sandbox {
    let secret = meetbit_tests::client::SECRET;
    Sandbox::builder().unlimited().credentials(KEY, secret).start().await.unwrap()
}

/// A file with this number of equal rows.
fn many(rows: usize) -> String {
    "first_name\n".to_owned() + &"Ada\n".repeat(rows)
}

/// The bodies that the sandbox has read.
fn bodies(sandbox: &Sandbox) -> Vec<serde_json::Value> {
    sandbox.requests().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
}

/// The names of the files in a directory, in order.
fn names(directory: &Directory) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The names of the files with rejected rows.
fn with_rejected(directory: &Directory) -> Vec<String> {
    names(directory).into_iter().filter(|name| name.starts_with("rejected.csv")).collect()
}

async fn until(mut is_true: impl FnMut() -> bool) {
    while !is_true() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_imported_into_a_sandbox() {
    let directory = Directory::new();
    let sample = "../meetbit-client/examples/import_customers/customers.csv";
    let file = file(&directory, &fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(sample)).unwrap());
    let ended = run(None, &[&file]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.counts(), Counts { created: 12, ..Counts::default() });
    assert!(ended.text.contains("this is a sandbox"), "{ended:?}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "a sandbox leaves no files beside the sample");
}

/// The sandbox and the journal end with the program, so the usual advice would be wrong.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_import_into_a_sandbox_that_is_interrupted_says_that_it_cannot_be_resumed() {
    let directory = Directory::new();
    let mut command = command(None, &["--per-second", "1", &file(&directory, &many(50))]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id().unwrap());
    until(|| catches_interrupt(&fs::read_to_string(&status).unwrap())).await;
    signal(&child, "-INT");
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.text.contains("the sandbox has ended, so nothing can be resumed; set MEETBIT_*"), "{ended:?}");
    assert!(!ended.text.contains("the same command resumes it"), "{ended:?}");
    let help = run(None, &["--help"]).await;
    assert!(help.text.contains("A sandbox ends with the program"), "{help:?}");
}

/// True if the process has a handler of SIGINT.
#[cfg(target_os = "linux")]
fn catches_interrupt(status: &str) -> bool {
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & 0b10 != 0
}

/// Separators, a byte order mark, line breaks of Windows, quoted ones, empty cells, and names of columns as people write them.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_each_form_is_read_alike() {
    let rows =
        "First Name,e_mail2,Address-Line 1\nAda,ada@example.com,\"12 St James's Square\nMarylebone, London; GB\"\n";
    let rows = rows.replace("e_mail2", "email");
    let separated = |separator: &str| {
        let (names, row) = rows.split_once('\n').unwrap();
        let row = row.replacen(',', separator, 2);
        format!("{}\n{row}", names.replace(',', separator))
    };
    let forms = [
        separated(","),
        separated(";"),
        separated("\t"),
        format!("\u{feff}{}", separated(",")),
        format!("\u{feff}{}", separated(";")),
        separated(",").replace('\n', "\r\n").replace("Square\r\n", "Square\n"),
        separated("\t").trim_end().to_owned(),
    ];
    for form in forms {
        let (sandbox, directory) = (sandbox().await, Directory::new());
        let ended = run(Some(&sandbox), &[&file(&directory, &form)]).await;
        assert_eq!(ended.code, Some(0), "{form:?}: {ended:?}");
        let [body] = &bodies(&sandbox)[..] else { panic!("{form:?}: {ended:?}") };
        assert_eq!((&body["first_name"], &body["email"]), (&"Ada".into(), &"ada@example.com".into()), "{form:?}");
        assert_eq!(body["address"]["line_1"], "12 St James's Square\nMarylebone, London; GB", "{form:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_sends_only_what_was_rejected_and_corrected() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let rows = |email| format!("{HEADER}1,Ada,ada@example.com\n2,Grace,{email}\n");
    let path = file(&directory, &rows("bad-mail"));
    let first = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
    assert_eq!(first.code, Some(1), "{first:?}");
    assert_eq!(first.counts(), Counts { created: 1, rejected: 1, ..Counts::default() });
    file(&directory, &rows("grace@example.com"));
    let second = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
    assert_eq!(second.code, Some(0), "{second:?}");
    assert_eq!(second.counts(), Counts { created: 1, already_there: 1, ..Counts::default() });
    assert_eq!(rejected(&directory), None, "the file of the first run is gone");
    assert_eq!(sandbox.requests().len(), 2);
}

/// The wrong key stops the first run, and its row is not in `rejected.csv`.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_stopped_a_run_can_be_corrected() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    for (status, email) in [(401, "ada@example.com"), (403, "ada@example.org")] {
        let path = file(&directory, &format!("{HEADER}1,Ada,{email}\n"));
        sandbox.fault(Fault::status(status));
        let stopped = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
        assert_eq!((stopped.code, stopped.counts().created), (Some(1), 0), "{status}: {stopped:?}");
    }
    let path = file(&directory, &format!("{HEADER}1,Ada,ada@example.net\n"));
    let second = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
    assert_eq!((second.code, second.counts().created), (Some(0), 1), "{second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stops_keeps_the_rejected_rows_of_the_run_before() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let path = file(&directory, &format!("{HEADER}1,Ada,bad-mail\n2,Grace,grace@example.com\n"));
    assert_eq!(run(Some(&sandbox), &["--key", "crm_id", &path]).await.code, Some(1));
    let kept = rejected(&directory).unwrap();
    file(&directory, &format!("{HEADER}3,Mary,mary@example.com\n"));
    sandbox.fault(Fault::status(401));
    let stopped = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
    assert_eq!(stopped.code, Some(1), "{stopped:?}");
    assert_eq!(rejected(&directory), Some(kept));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_not_in_doubt_any_more_does_not_stop_the_command() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let path = file(&directory, "first_name\nAda\n");
    let ended = run(Some(&sandbox), &["--created", "customer:1=7", &path]).await;
    assert_eq!((ended.code, ended.counts().created), (Some(0), 1), "{ended:?}");
    assert!(ended.text.contains("`customer:1`"), "{ended:?}");
}

/// The first run loses two answers, and the second says again what to do about the two rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_in_doubt_is_named_with_the_options_that_resolve_it() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let path = file(&directory, &format!("{HEADER}C15,Ada,ada@example.com\nC16,Grace,grace@example.com\n"));
    sandbox.fault(Fault::reset().after_acting());
    sandbox.fault(Fault::reset());
    for _ in 0..2 {
        let ended = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
        assert_eq!((ended.code, ended.counts()), (Some(1), Counts { in_doubt: 2, ..Counts::default() }), "{ended:?}");
        for (line, key) in [(2, "customer:C15"), (3, "customer:C16")] {
            let since = format!("line {line} is in doubt since 20");
            let options = format!("`--created \"{key}=ID\"` or `--not-created \"{key}\"`");
            assert!(ended.text.contains(&since) && ended.text.contains(&options), "{ended:?}");
        }
        assert!(!ended.text.contains("Journal::resolve"), "{ended:?}");
    }
    assert_eq!(sandbox.requests().len(), 2);
    // The value of the cell is enough.
    let resolved = ["--key", "crm_id", "--created", "C15=7", "--not-created", "C16", &path];
    let ended = run(Some(&sandbox), &resolved).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.counts(), Counts { created: 1, already_there: 1, ..Counts::default() });
    assert_eq!(bodies(&sandbox)[2]["first_name"], "Grace");
    let again = run(Some(&sandbox), &resolved).await;
    assert!(again.code == Some(0) && again.text.contains("`C16` is not in doubt"), "{again:?}");
}

/// One row is refused by MeetBit and one by the client. The file with both can be corrected and imported as it is.
#[tokio::test(flavor = "multi_thread")]
async fn rejected_rows_are_kept_with_their_columns_and_the_reason() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let refusal = Response::builder()
        .status(400)
        .body(r#"{"message":"The given data was invalid.","errors":{"contact_number":["Not in \"use\"; or so."]}}"#);
    sandbox.reply(refusal.unwrap());
    let rows = "crm_id;first_name;email\n1;\"Ada;\n\"\"Countess\"\"\";ada@example.com\n2;Grace;bad-mail\n3;Mary;\n";
    let path = file(&directory, rows);
    let ended = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.counts(), Counts { created: 1, rejected: 2, ..Counts::default() });
    assert!(ended.text.contains("rejected.csv"), "{ended:?}");
    let kept = rejected(&directory).unwrap();
    let (ada, grace) = kept.split_once("\n2;Grace;bad-mail;").unwrap();
    let quoted = r#"crm_id;first_name;email;reason
1;"Ada;
""Countess""";ada@example.com;"create_customer (POST /customers): "#;
    assert!(ada.starts_with(quoted) && ada.ends_with(r#"contact_number: Not in ""use""; or so.""#), "{ada}");
    assert!(grace.contains("email") && grace.ends_with(".\n") && grace.lines().count() == 1, "{grace}");

    let corrected = directory.path().join("corrected.csv");
    fs::write(&corrected, kept.replace("bad-mail", "grace@example.com")).unwrap();
    let journal = format!("{path}.journal.sqlite");
    let again = ["--key", "crm_id", "--journal", &journal, &corrected.display().to_string()];
    let ended = run(Some(&sandbox), &again).await;
    assert_eq!((ended.code, ended.counts().created), (Some(0), 2), "{ended:?}");
    assert_eq!(bodies(&sandbox)[2]["first_name"], "Ada;\n\"Countess\"");
    let own = directory.path().join("rejected.csv").display().to_string();
    let ended = run(Some(&sandbox), &["--key", "crm_id", &own]).await;
    assert!(ended.code == Some(2) && ended.text.contains("rename the file"), "{ended:?}");
}

/// The rows are personal data, so a run that was killed does not leave them for ever. A run that is alive keeps its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_has_rejected_is_removed_by_the_next() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let path = file(&directory, &format!("{HEADER}1,Ada,bad-mail\n2,Grace,grace@example.com\n"));
    sandbox.fault(Fault::silence());
    let mut silent = start(&sandbox, &["--key", "crm_id", &path]);
    until(|| !sandbox.requests().is_empty()).await;
    assert_eq!(with_rejected(&directory).len(), 1);
    file(&directory, &format!("{HEADER}3,Mary,mary@example.com\n"));
    assert_eq!(run(Some(&sandbox), &["--key", "crm_id", &path]).await.code, Some(0));
    assert_eq!(with_rejected(&directory).len(), 1, "the first run is alive");
    silent.kill().await.unwrap();
    assert_eq!(with_rejected(&directory).len(), 1);
    let mut relative = command(Some(&sandbox), &["--key", "crm_id", "customers.csv"]);
    relative.current_dir(directory.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let last = ended(relative.spawn().unwrap()).await;
    assert_eq!((last.code, with_rejected(&directory)), (Some(0), vec![]), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stops_leaves_no_second_file_of_rejected_rows() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let path = file(&directory, &format!("{HEADER}1,Ada,bad-mail\n"));
    assert_eq!(run(Some(&sandbox), &["--key", "crm_id", &path]).await.code, Some(1));
    let kept = rejected(&directory).unwrap();
    file(&directory, &format!("{HEADER}2,Grace,bad-mail\n3,Mary,mary@example.com\n"));
    sandbox.fault(Fault::status(401));
    let stopped = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
    assert_eq!(stopped.counts(), Counts { rejected: 1, not_sent: 1, ..Counts::default() }, "{stopped:?}");
    assert!(stopped.text.contains("has the rejected rows of an earlier run"), "{stopped:?}");
    assert_eq!((rejected(&directory), with_rejected(&directory).len()), (Some(kept), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_rows_are_customers_of_their_own_and_can_be_moved() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let path = file(&directory, "first_name\nAda\nAda\nGrace\n");
    assert_eq!(run(Some(&sandbox), &[&path]).await.counts().created, 3);
    file(&directory, "first_name\nGrace\nMary\nAda\nAda\n");
    let counts = run(Some(&sandbox), &[&path]).await.counts();
    assert_eq!(counts, Counts { created: 1, already_there: 3, ..Counts::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_file_is_said_before_anything_is_sent() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let cases: [(&str, &[&str], &str); 10] = [
        ("number,email\n1,a@example.com\n", &[], "`number` is unknown; if it identifies the rows, give `--key number`"),
        ("number,email\n1,a@example.com\n", &[], "the known columns are `first_name`, `middle_name`, "),
        ("first_nam\nAda\n", &[], "the column `first_nam` is unknown; did you mean `first_name`?"),
        ("email,adress_city\na@example.com,Rome\n", &[], "did you mean `address_city`?"),
        ("email,E-Mail,email\na,b,c\n", &[], "the column `e_mail` is unknown; did you mean `email`?"),
        (
            "crm_id,email\n1,a@example.com\n1,b@example.com\n",
            &["--key", "crm_id"],
            "line 3: its key is that of line 2 too",
        ),
        ("crm_id,email\n1,a@example.com\n,b@example.com\n", &["--key", "crm_id"], "line 3: the key column is empty"),
        ("email\na@example.com\n", &["--key", "crm_id"], "which the file does not have; it has `email`"),
        ("email\na@example.com,more\n", &[], "cannot be read"),
        ("first_name,email\nAda,a@example.com\n , \n", &[], "line 3: the row has no value for MeetBit"),
    ];
    for (text, arguments, problem) in cases {
        let path = file(&directory, text);
        let ended = run(Some(&sandbox), &[arguments, &[&path]].concat()).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.text.contains(problem), "{ended:?}");
        assert!(problem.contains("did you mean") || !ended.text.contains("did you mean"), "{ended:?}");
    }
    let path = file(&directory, "email\nbad-mail\n");
    let ended = run(Some(&sandbox), &["--dry-run", &path]).await;
    assert!(ended.code == Some(1) && ended.text.contains("line 2: "), "{ended:?}");
    assert_eq!(sandbox.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_imported_leaves_no_files_beside_it() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let missing = directory.path().join("nosuch.csv").display().to_string();
    let ended = run(Some(&sandbox), &[&missing]).await;
    assert!(ended.code == Some(2) && ended.text.contains("nosuch.csv` cannot be read"), "{ended:?}");
    assert!(names(&directory).is_empty(), "{:?}", names(&directory));
    let ended = run(Some(&sandbox), &[&file(&directory, "first_nam\nAda\n")]).await;
    assert_eq!((ended.code, names(&directory)), (Some(2), vec!["customers.csv".to_owned()]), "{ended:?}");
}

/// A row that is refused counts against the limit, and three in a row can suspend the key.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_or_a_missing_permission_stops_the_import_after_one_request() {
    let secret = meetbit_tests::client::SECRET;
    let builder = || Sandbox::builder().unlimited();
    let wrong_key = builder().credentials(KEY, secret).start().await.unwrap();
    wrong_key.fault(Fault::status(401));
    let no_permission = builder().permissions(["users.read.*"]).credentials(KEY, secret).start().await.unwrap();
    for (sandbox, text) in [(wrong_key, "does not accept the access key"), (no_permission, "customers.create.*")] {
        let directory = Directory::new();
        let ended = run(Some(&sandbox), &[&file(&directory, &many(50))]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.text.contains(text) && ended.text.contains("the same command resumes it"), "{ended:?}");
        assert_eq!(ended.counts(), Counts { not_sent: 1, ..Counts::default() });
        assert_eq!(sandbox.requests().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_equal_refusals_in_a_row_stop_the_import() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let path = file(&directory, &many(50));
    // Two of one kind, two of another and a success stop nothing.
    for status in [409, 409, 422, 422] {
        sandbox.fault(Fault::status(status));
    }
    sandbox.fault(Fault::delay(Duration::ZERO));
    for _ in 0..50 {
        sandbox.fault(Fault::status(409));
    }
    let ended = run(Some(&sandbox), &[&path]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.text.contains("3 rows in a row failed in the same way"), "{ended:?}");
    assert!(ended.text.contains("the same command resumes it"), "{ended:?}");
    let Counts { created, rejected, .. } = ended.counts();
    assert_eq!((created, created + rejected), (1, sandbox.requests().len()), "{ended:?}");
    // After the success, up to the number of calls under way were sent at once.
    assert!((4 + 3..=4 + 3 + 16).contains(&rejected), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_not_sent_is_named_with_the_reason() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let long = Response::builder().status(429).header("Retry-After", "86400").body("").unwrap();
    sandbox.reply(long);
    let path = file(&directory, "first_name\nAda\n");
    let ended = run(Some(&sandbox), &[&path]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let is_named = ended.text.contains("line 2 is not imported: create_customer");
    assert!(is_named && ended.text.contains("1 not sent"), "{ended:?}");
}

/// An import that has sent three requests, each of which takes a while.
async fn under_way(sandbox: &Sandbox, path: &str) -> Child {
    for _ in 0..30 {
        sandbox.fault(Fault::delay(Duration::from_millis(300)));
    }
    let child = start(sandbox, &[path]);
    while sandbox.requests().len() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_interrupted_ends_its_calls_and_can_be_resumed() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let path = file(&directory, &many(30));
    let child = under_way(&sandbox, &path).await;
    signal(&child, "-INT");
    let first = ended(child).await;
    assert_eq!(first.code, Some(1), "{first:?}");
    let (_, taken) = first.text.split_once("rows that were taken are still imported: ").unwrap();
    let taken: usize = taken.split_once(';').unwrap().0.parse().unwrap();
    assert!(first.text.contains("interrupt again to stop at once"), "{first:?}");
    assert!(first.text.contains("the same command resumes it"), "{first:?}");
    let created = sandbox.requests().len();
    assert!((3..30).contains(&created) && (1..=created).contains(&taken), "{first:?}");
    assert_eq!(first.counts(), Counts { created, ..Counts::default() }, "calls that were under way have ended");
    let second = run(Some(&sandbox), &[&path]).await;
    assert_eq!(second.code, Some(0), "{second:?}");
    assert_eq!(second.counts(), Counts { created: 30 - created, already_there: created, ..Counts::default() });
    assert_eq!(sandbox.requests().len(), 30);
}

/// Ctrl-C ends `tee` behind a pipe as well, so nobody reads what the import says.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_output_nobody_reads_ends_its_calls() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let path = file(&directory, &many(30));
    let mut child = under_way(&sandbox, &path).await;
    drop((child.stdout.take(), child.stderr.take()));
    signal(&child, "-INT");
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    let created = sandbox.requests().len();
    let second = run(Some(&sandbox), &[&path]).await;
    assert_eq!(second.counts(), Counts { created: 30 - created, already_there: created, ..Counts::default() });
    assert_eq!(second.code, Some(0), "{second:?}");
}

/// Rows are imported by then, so the program does not say that the import cannot start.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_rejected_rows_that_cannot_be_replaced_is_in_the_summary() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    fs::create_dir(directory.path().join("rejected.csv")).unwrap();
    let path = file(&directory, &format!("{HEADER}1,Ada,ada@example.com\n2,Grace,bad-mail\n"));
    let ended = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
    assert_eq!((ended.code, ended.counts()), (Some(1), Counts { created: 1, rejected: 1, ..Counts::default() }));
    assert!(ended.text.contains("rejected.csv` cannot be written"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_help_says_whose_limit_is_shared() {
    let help = run(None, &["--help"]).await;
    assert!(help.text.contains("imports with different journals do not share it"), "{help:?}");
}

/// The call that is under way would end after its time limit, as a row in doubt.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_interrupt_does_not_wait_for_calls() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    sandbox.fault(Fault::silence());
    let child = start(&sandbox, &[&file(&directory, &many(2))]);
    while sandbox.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal(&child, "-INT");
    tokio::time::sleep(Duration::from_millis(300)).await; // two signals at once are one
    signal(&child, "-INT");
    let ended = ended(child).await;
    assert_eq!((ended.code, ended.counts()), (Some(1), Counts::default()), "{ended:?}");
}

/// A longer file takes about the same memory. The sandbox is another process.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_memory_does_not_grow_with_the_file() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let mut peaks = Vec::new();
    // The column `reason` is read, and not sent.
    for (rows, reason, options) in [
        (2_000, 300, &["--dry-run"][..]),
        (100_000, 300, &["--dry-run"]),
        (100, 20_000, &["--per-second", "unlimited"]),
        (2_000, 20_000, &["--per-second", "unlimited"]),
    ] {
        let reason = "x".repeat(reason);
        let mut text = "crm_id,first_name,email,reason\n".to_owned();
        for row in 0..rows {
            writeln!(text, "{row},Ada,row-{row}@example.com,{reason}").unwrap();
        }
        let path = file(&directory, &text);
        let child = start(&sandbox, &[&["--key", "crm_id"], options, &[&*path]].concat());
        let status = format!("/proc/{}/status", child.id().unwrap());
        let running = tokio::spawn(ended(child));
        let mut peak = 0;
        while !running.is_finished() {
            peak = peak.max(peak_of(&fs::read_to_string(&status).unwrap_or_default()));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let ended = running.await.unwrap();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        peaks.push((text.len() / 1024, peak));
    }
    println!("kilobytes of the file and of the memory: {peaks:?}");
    for pair in peaks.chunks(2) {
        let grown = pair[1].1.saturating_sub(pair[0].1);
        assert!(grown < 10 * 1024 && grown < pair[1].0, "{peaks:?}");
    }
}

/// The most memory that a process has had, in kilobytes.
#[cfg(target_os = "linux")]
fn peak_of(status: &str) -> usize {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap())
}

/// util-linux's `script` gives the program a terminal.
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_a_bar_and_anything_else_gets_lines() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let path = file(&directory, &many(13));
    let slowly = ["--per-second", "1", &path];
    let piped = run(Some(&sandbox), &slowly);
    let shown = async {
        let import = command(None, &[]);
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command"]).arg(format!("{} --per-second 3 {path}", program().display()));
        script.arg("/dev/null").stdin(std::process::Stdio::null());
        for (name, value) in import.as_std().get_envs() {
            assert!(value.is_none(), "the sandbox is the program's own");
            script.env_remove(name);
        }
        let output = tokio::task::spawn_blocking(move || script.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let (piped, shown) = tokio::join!(piped, shown);
    assert_eq!(piped.code, Some(0), "{piped:?}");
    let lines: Vec<&str> = piped.text.lines().filter(|line| line.contains(" s left: ")).collect();
    assert!(piped.text.contains("importing 13 rows") && !piped.text.contains(['\u{1b}', '\r', '█']), "{piped:?}");
    assert!(!lines.is_empty() && lines[0].contains(" of 13, ") && lines[0].contains(" a second, "), "{piped:?}");
    let frames: Vec<&str> = shown.split('\r').filter(|frame| frame.contains(" s left: ")).collect();
    assert!(!frames.is_empty(), "{shown:?}");
    assert!(frames.iter().all(|frame| frame.contains('█') && frame.contains(" created, ")), "{frames:?}");
    assert!(shown.contains("13 of 13 rows: 13 created"), "{shown:?}");
}

/// The limit is in a file beside the journal, so it outlasts a kill.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_during_a_429_does_not_send_early_when_it_is_started_again() {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let too_many = Response::builder().status(429).header("Retry-After", "4").body("").unwrap();
    sandbox.reply(too_many);
    let path = file(&directory, "crm_id,first_name\n1,Ada\n");
    let mut child = start(&sandbox, &["--key", "crm_id", &path]);
    while sandbox.requests().first().is_none_or(|request| request.status.is_none()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = Instant::now();
    // The journal has the refusal, and it is written after the file of the limit.
    let journal = Journal::open(format!("{path}.journal.sqlite")).await.unwrap();
    while journal.store().get("customer:1").await.unwrap().is_none_or(|entry| !entry.finished) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().await.unwrap();
    let second = run(Some(&sandbox), &["--key", "crm_id", &path]).await;
    assert_eq!(second.code, Some(0), "{second:?}");
    let requests = sandbox.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].at - refused > Duration::from_millis(3900), "{:?}", requests[1].at - refused);
}
