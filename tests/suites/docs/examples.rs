//! The examples as programs: what they print, and how they answer arguments, variables and addresses that are wrong.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use meetbit_tests::server::unreachable::Refusing;

const SANDBOX: &str = "No MEETBIT_* variable is set, so this is a sandbox.";

#[test]
fn create_customer_creates_one_in_a_sandbox_and_says_where() {
    let run = run("create_customer", "");
    run.ends(0).prints("Customer created.\n").tells(&[SANDBOX, "Sending this to http://127.0.0.1:", "\"Ada\""]);
    let empty = VARIABLES.map(|name| (name, ""));
    run_with("create_customer", "Grace", &empty).ends(0).prints("Customer created.\n").tells(&[SANDBOX, "\"Grace\""]);
}

#[test]
fn create_customer_prints_the_request_without_the_secret() {
    let run = run("create_customer", "--request");
    run.ends(0).prints("POST /api/public/v2.0/customers HTTP/1.1\n").tells(&[SANDBOX]);
    assert!(run.stdout.contains("\nx-access-key-secret: [redacted]\n"), "{run:?}");
    assert!(!run.stderr.contains("Sending"), "{run:?}");
}

#[test]
fn help_goes_to_the_standard_output() {
    for example in [
        "create_customer",
        "declare",
        "hyper_transport",
        "import_customers",
        "logging_layer",
        "metrics",
        "permissions",
        "sandbox",
        "webhook_axum",
    ] {
        for flag in ["--help", "-h"] {
            run(example, flag).ends(0).prints(&format!("usage: {example}")).tells(&[]);
        }
    }
}

#[test]
fn wrong_arguments_are_refused_with_the_usage() {
    let cases = [
        ("create_customer", "--reqest", "unknown option `--reqest`"),
        ("create_customer", "--request --now", "unknown option `--now`"),
        ("create_customer", "a b c d", "unexpected argument `d`"),
        ("declare", "", "a document is needed"),
        ("declare", "a.yaml b.yaml", "unexpected argument `b.yaml`"),
        ("declare", "a.yaml --tags Users", "unknown option `--tags`"),
        ("declare", "a.yaml --tag", "`--tag` needs a tag"),
        ("declare", "a.yaml --rename User", "`User` is not OLD=NEW, two names of types"),
        ("declare", "a.yaml --rename user=Guest", "`user=Guest` is not OLD=NEW, two names of types"),
        ("declare", "a.yaml --check", "`--check` needs a file"),
        ("import_customers", "", "a CSV file is missing"),
        ("import_customers", "--key", "`--key` needs the name of a column"),
        ("import_customers", "--journal", "`--journal` needs a file"),
        ("import_customers", "a.csv b.csv", "unexpected argument `b.csv`"),
        ("import_customers", "--dry a.csv", "unknown option `--dry`"),
        ("import_customers", "-n a.csv", "unknown option `-n`"),
        ("sandbox", "--port", "`--port` needs a port"),
        ("sandbox", "--port x", "`x` is not a port"),
        ("sandbox", "--port 65536", "`65536` is not a port"),
        ("sandbox", "--foo", "unknown option `--foo`"),
        ("sandbox", "foo", "unexpected argument `foo`"),
        ("webhook_axum", "--onc", "unexpected arguments: --onc"),
        ("webhook_axum", "--once twice", "unexpected arguments: --once twice"),
        ("permissions", "x", "unexpected argument `x`"),
        ("logging_layer", "x", "unexpected argument `x`"),
        ("hyper_transport", "x", "unexpected argument `x`"),
        ("metrics", "x", "unexpected argument `x`"),
    ];
    for (example, arguments, mistake) in cases {
        run(example, arguments).ends(2).prints_nothing().tells(&[mistake, &format!("usage: {example}")]);
    }
}

#[test]
fn create_customer_refuses_a_request_that_cannot_be_valid() {
    let expected = ["The email field must be a valid email address.", "Nothing was created."];
    run("create_customer", "A B bad-mail").ends(1).prints_nothing().tells(&expected);
}

#[test]
fn create_customer_names_every_missing_variable_at_once() {
    let run = run_with("create_customer", "", &[("MEETBIT_BASE_URL", "http://127.0.0.1:9")]);
    run.ends(1).prints_nothing().tells(&VARIABLES[..3]);
    assert!(!run.stderr.contains(SANDBOX), "{run:?}");
}

#[test]
fn create_customer_explains_addresses_that_are_wrong() {
    let refusing = Refusing::new();
    let address = refusing.address();
    let run = with_base_url(&format!("http://{address}"));
    let cause = ["because: Connection refused", &address.to_string(), "Nothing was created."];
    run.ends(1).prints_nothing().tells(&cause);
    assert!(!run.stderr.contains("client error") && !run.stderr.contains("error sending request"), "{run:?}");
    for (url, problem) in
        [("nonsense", "is not a URL such as `https://"), ("http://example.com", "only for loopback addresses")]
    {
        with_base_url(url).ends(1).prints_nothing().tells(&["MEETBIT_BASE_URL cannot be used", problem]);
    }
    run_with("create_customer", "", &[KEY[0], KEY[1], ("MEETBIT_DOMAIN", "acme example")])
        .ends(1)
        .prints_nothing()
        .tells(&["MEETBIT_DOMAIN cannot be used: the tenant's domain has"]);
}

#[test]
fn import_customers_explains_a_file_variables_and_addresses_that_are_wrong() {
    run("import_customers", "--dry-run none.csv").ends(2).prints_nothing().tells(&["`none.csv` cannot be read"]);
    let sample =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../meetbit-client/examples/import_customers/customers.csv");
    let arguments = format!("--dry-run {}", sample.display());
    let one = [("MEETBIT_BASE_URL", "http://127.0.0.1:9")];
    let run = run_with("import_customers", &arguments, &one);
    run.ends(2).prints_nothing().tells(&VARIABLES[..3]);
    assert!(!run.stderr.contains("this is a sandbox"), "{run:?}");
    for (url, problem) in
        [("nonsense", "is not a URL such as `https://"), ("http://example.com", "only for loopback addresses")]
    {
        let variables = [DOMAIN, KEY[0], KEY[1], ("MEETBIT_BASE_URL", url)];
        let expected = ["MEETBIT_BASE_URL cannot be used", problem];
        run_with("import_customers", &arguments, &variables).ends(2).prints_nothing().tells(&expected);
    }
}

#[test]
fn create_customer_uses_the_sandbox_program_that_the_variables_name() {
    let (_server, variables) = sandbox_program();
    assert_eq!(variables.len(), VARIABLES.len(), "{variables:?}");
    let base_url = variables.iter().find(|(name, _)| name == "MEETBIT_BASE_URL").unwrap().1.clone();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    let run = run_with("create_customer", "", &variables);
    run.ends(0).prints("Customer created.\n").tells(&[&format!("Sending this to {base_url}/")]);
    assert!(!run.stderr.contains(SANDBOX), "{run:?}");
}

#[test]
fn permissions_prints_the_smallest_role() {
    let run = run("permissions", "");
    run.ends(0).prints("endpoint ").tells(&[]);
    assert!(run.stdout.contains("the smallest role"), "{run:?}");
    assert!(run.stdout.ends_with("  users.update.*\n"), "{run:?}");
}

#[test]
fn logging_layer_logs_both_attempts_without_the_secret() {
    let run = run("logging_layer", "");
    run.ends(0);
    let text = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(text.lines().filter(|line| line.contains("GET ") && line.contains("[redacted]")).count(), 2, "{text}");
    assert!(text.contains("2 users\n"), "{text}");
}

#[test]
fn hyper_transport_creates_a_customer() {
    run("hyper_transport", "").ends(0).prints("customer ").tells(&[]);
}

#[test]
fn metrics_counts_calls_a_retry_and_a_wait() {
    let run = run("metrics", "");
    run.ends(0).tells(&[]);
    for line in [
        "meetbit_calls call=list_users outcome=ok: 2\n",
        "meetbit_call_milliseconds call=list_users: 2\n",
        "meetbit_retries call=list_users reason=Network: 1\n",
        "meetbit_waits reason=Key: 1\n",
        "meetbit_wait_milliseconds: 1\n",
    ] {
        assert!(run.stdout.contains(line), "{run:?}");
    }
}

#[test]
fn webhook_axum_answers_a_webhook_a_repeat_and_a_forgery() {
    let run = run("webhook_axum", "--once");
    run.ends(0).prints("sent a webhook: answered 204 No Content\n");
    for line in ["sent a repeat: answered 204", "sent a forgery: answered 401", "meeting link 1234 was scheduled"] {
        assert!(run.stdout.contains(line), "{run:?}");
    }
}

#[test]
fn webhook_axum_names_the_missing_secret() {
    let expected = ["set MEETBIT_WEBHOOK_SECRET"];
    run("webhook_axum", "").ends(1).prints_nothing().tells(&expected);
    run_with("webhook_axum", "", &[("MEETBIT_WEBHOOK_SECRET", "")]).ends(1).prints_nothing().tells(&expected);
}

#[test]
fn webhook_axum_names_the_address_that_is_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, secret) = (taken.local_addr().unwrap(), ("MEETBIT_WEBHOOK_SECRET", "s3cr3t"));
    let run = run_with("webhook_axum", &format!("--listen {address}"), &[secret]);
    run.ends(1).prints_nothing().tells(&[&format!("{address} cannot be used: ")]);
}

const VARIABLES: [&str; 4] =
    ["MEETBIT_DOMAIN", "MEETBIT_ACCESS_KEY_ID", "MEETBIT_ACCESS_KEY_SECRET", "MEETBIT_BASE_URL"];
const DOMAIN: (&str, &str) = ("MEETBIT_DOMAIN", "acme.example.com");
const KEY: [(&str, &str); 2] = [("MEETBIT_ACCESS_KEY_ID", "id"), ("MEETBIT_ACCESS_KEY_SECRET", "s3cr3t")];

fn with_base_url(url: &str) -> Run {
    run_with("create_customer", "", &[DOMAIN, KEY[0], KEY[1], ("MEETBIT_BASE_URL", url)])
}

pub(crate) fn run(example: &str, arguments: &str) -> Run {
    run_with(example, arguments, &[])
}

/// Runs an example with these variables, and with no other that it reads.
pub(crate) fn run_with(example: &str, arguments: &str, variables: &[(&str, &str)]) -> Run {
    let output = command(example).args(arguments.split_whitespace()).envs(variables.iter().copied()).output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[derive(Debug)]
pub(crate) struct Run {
    code: Option<i32>,
    pub(crate) stdout: String,
    stderr: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn ends(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn prints(&self, start: &str) -> &Self {
        assert!(self.stdout.starts_with(start), "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn prints_nothing(&self) -> &Self {
        assert_eq!(self.stdout, "", "{self:?}");
        self
    }

    /// The standard error output has these texts; if there are none, it is empty.
    #[track_caller]
    pub(crate) fn tells(&self, texts: &[&str]) -> &Self {
        assert_eq!(self.stderr.is_empty(), texts.is_empty(), "{self:?}");
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is not in {self:?}");
        }
        self
    }
}

/// The example `sandbox` while it runs, and the variables that it prints as commands for a shell.
fn sandbox_program() -> (Running, Vec<(String, String)>) {
    let mut server = Running(command("sandbox").stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(server.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let exports = lines.filter_map(|line| Some(line.strip_prefix("export ")?.to_owned())).take(VARIABLES.len());
    let pairs = exports.map(|export| {
        let (name, value) = export.split_once('=').unwrap();
        (name.to_owned(), value.trim_matches('\'').to_owned())
    });
    let variables = pairs.collect();
    (server, variables)
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

pub(crate) fn command(example: &str) -> Command {
    let mut command = Command::new(examples().join(example).with_extension(std::env::consts::EXE_EXTENSION));
    for name in VARIABLES.into_iter().chain(["MEETBIT_WEBHOOK_SECRET"]) {
        command.env_remove(name);
    }
    command
}

/// The folder of the examples. They are built as the README's test command builds them, so that nothing is built again after
/// it.
fn examples() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "--workspace", "--all-features", "--examples"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("debug").join("examples")
    })
}
