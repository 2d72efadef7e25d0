//! The example `import_customers`, as a program.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::OnceLock,
};

use meetbit_client::sandbox::Sandbox;
use tokio::process::{Child, Command};

use crate::directory::Directory;

/// The program, built once.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let features = ["--features", "journal,sandbox", "--example", "import_customers"];
        let output = std::process::Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "-p", "meetbit-client"])
            .args(features)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("debug").join("examples/import_customers")
    })
}

/// The command of an import into this sandbox, or into the program's own.
pub(crate) fn command(sandbox: Option<&Sandbox>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).kill_on_drop(true);
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

/// Starts an import whose output [`ended`] reads.
pub(crate) fn start(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    command(Some(sandbox), arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal, such as `-INT`.
pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
}

pub(crate) async fn run(sandbox: Option<&Sandbox>, arguments: &[&str]) -> Ended {
    let mut command = command(sandbox, arguments);
    ended(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).await
}

/// Waits for the end of a program.
pub(crate) async fn ended(child: Child) -> Ended {
    let Output { status, stdout, stderr } = child.wait_with_output().await.unwrap();
    Ended { code: status.code(), text: String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap() }
}

/// What a program has said.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` if it was killed.
    pub(crate) code: Option<i32>,
    /// Everything that was printed.
    pub(crate) text: String,
}

/// What a summary says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) created: usize,
    pub(crate) already_there: usize,
    pub(crate) rejected: usize,
    pub(crate) in_doubt: usize,
    pub(crate) not_sent: usize,
}

impl Ended {
    pub(crate) fn counts(&self) -> Counts {
        let line = self.text.lines().find(|line| line.contains(" rows: ")).unwrap_or_else(|| panic!("{}", self.text));
        let (_, counts) = line.split_once(" rows: ").unwrap();
        let mut found = Counts::default();
        for part in counts.split(", ") {
            let (number, what) = part.split_once(' ').unwrap();
            let count = match what {
                "created" => &mut found.created,
                "already there" => &mut found.already_there,
                "rejected" => &mut found.rejected,
                "in doubt" => &mut found.in_doubt,
                "not sent" => &mut found.not_sent,
                other => panic!("{other}"),
            };
            *count = number.parse().unwrap();
        }
        found
    }

    /// The keys of the rows of which it says that they are in doubt.
    pub(crate) fn in_doubt(&self) -> BTreeSet<String> {
        let options = self.text.split("`--not-created \"").skip(1);
        options.map(|option| option.split_once("\"`").unwrap().0.to_owned()).collect()
    }
}

/// A CSV file.
pub(crate) fn file(directory: &Directory, text: &str) -> String {
    let path = directory.path().join("customers.csv");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// The file with the rejected rows, if there is one.
pub(crate) fn rejected(directory: &Directory) -> Option<String> {
    fs::read_to_string(directory.path().join("rejected.csv")).ok()
}
