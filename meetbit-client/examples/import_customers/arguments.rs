//! The arguments of the program.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// MeetBit's limit of an access key, unless it has raised it.
const PER_SECOND: u32 = 5;
/// The longest time of an answer, in seconds.
const ANSWER_WITHIN: u32 = 15;

pub(crate) const USAGE: &str = "\
usage: import_customers [options] FILE

Creates a customer for each row of a CSV file, each at most once. The same command resumes an import that was interrupted, but
not one into a sandbox.
The first row names the columns: first_name, middle_name, last_name, email, contact_number, and address_line_1,
address_line_2, address_city, address_region, address_region_code, address_country, address_country_code, address_postal_code.

  --key COLUMN        the column that identifies a row, such as the customer's number in your CRM; without it, the content does
  --dry-run           check every row and send nothing
  --journal FILE      where the journal is (FILE.journal.sqlite beside the CSV file)
  --per-second N      the limit of the access key, if it is not 5 requests a second; the tenant's is then twice that; or
                      `unlimited`, if there is none
  --answer-within N   an answer takes at most N seconds (15); what was under way at a kill is in doubt 5 seconds after that
  --created KEY=ID    a row that was in doubt is the customer ID in MeetBit; KEY is what the import has printed, or the value in
                      the key column
  --not-created KEY   a row that was in doubt is not in MeetBit, so it is sent again
  --help              print this text

exit code: 0 if every row is imported, 1 if not, 2 if the import cannot start

A row is in doubt if it was under way when an import was killed, or when its answer was lost. It is not sent again until you say
what happened, because nobody else can know. The rejected rows are in `rejected.csv` beside the file, with the reasons. The next
import of a file in the same folder replaces it.

The limit of the access key is kept in a file that belongs to the journal: its name is that of the journal, and `.limit.json`.
Imports with one journal share the limit; imports with different journals do not share it, so if they run at once, give each a part
of the limit with `--per-second`.

environment:
  MEETBIT_DOMAIN             the tenant's primary domain, such as acme.example.com
  MEETBIT_ACCESS_KEY_ID      the access key
  MEETBIT_ACCESS_KEY_SECRET  its secret
  MEETBIT_BASE_URL           optional: replaces https://{domain}/api/public/v2.0
If none of them is set, the customers are created in a sandbox on this machine. A sandbox ends with the program, and so
does its journal: such an import cannot be resumed, and `--journal`, `--created` and `--not-created` have no effect.";

pub(crate) enum Command {
    Help,
    Import(Arguments),
}

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) file: PathBuf,
    pub(crate) key: Option<String>,
    pub(crate) dry_run: bool,
    pub(crate) journal: PathBuf,
    /// The limit of the access key, if there is one.
    pub(crate) per_second: Option<u32>,
    /// An answer takes at most this long.
    pub(crate) answer_within: Duration,
    /// What happened to rows that were in doubt, by their keys. `None` is a row that was not created.
    pub(crate) resolved: Vec<(String, Option<i64>)>,
}

pub(crate) fn parse(given: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut given = Given(given);
    let (mut file, mut key, mut journal, mut dry_run) = (None, None, None, false);
    let (mut per_second, mut answer_within, mut resolved) = (Some(PER_SECOND), ANSWER_WITHIN, Vec::new());
    while let Some(argument) = given.0.next() {
        let option = &*argument;
        match option {
            "--help" | "-h" => return Ok(Command::Help),
            "--dry-run" => dry_run = true,
            "--key" => key = Some(given.value(option, "the name of a column")?),
            "--journal" => journal = Some(PathBuf::from(given.value(option, "a file")?)),
            "--per-second" => per_second = given.limit(option)?,
            "--answer-within" => answer_within = given.number(option)?,
            "--created" => resolved.push(created(&given.value(option, "KEY=ID")?)?),
            "--not-created" => resolved.push((given.value(option, "the key of a row")?, None)),
            _ if option.starts_with('-') => return Err(format!("unknown option `{option}`")),
            _ if file.is_some() => return Err(format!("unexpected argument `{argument}`")),
            _ => file = Some(PathBuf::from(argument)),
        }
    }
    let file = file.ok_or("a CSV file is missing")?;
    let journal = journal.unwrap_or_else(|| beside(&file));
    let answer_within = Duration::from_secs(answer_within.into());
    Ok(Command::Import(Arguments { file, key, dry_run, journal, per_second, answer_within, resolved }))
}

/// The arguments that are not read yet.
struct Given<I>(I);

impl<I: Iterator<Item = String>> Given<I> {
    fn value(&mut self, option: &str, what: &str) -> Result<String, String> {
        self.0.next().ok_or_else(|| format!("`{option}` needs {what}"))
    }

    fn number(&mut self, option: &str) -> Result<u32, String> {
        number(option, &self.value(option, "a number")?)
    }

    /// A number, or `None` for `unlimited`.
    fn limit(&mut self, option: &str) -> Result<Option<u32>, String> {
        let text = self.value(option, "a number")?;
        if text == "unlimited" { Ok(None) } else { number(option, &text).map(Some) }
    }
}

fn number(option: &str, text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("`{option}` needs a number, and got `{text}`"))
}

/// The key and the id of a row that was created. A key may have an equals sign.
fn created(text: &str) -> Result<(String, Option<i64>), String> {
    let parts = text.rsplit_once('=').and_then(|(key, id)| Some((key.to_owned(), Some(id.parse().ok()?))));
    parts.ok_or_else(|| format!("`--created` needs KEY=ID, such as `42=7`, and got `{text}`"))
}

/// Where the journal is if no option says it.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.to_owned().into_os_string();
    name.push(".journal.sqlite");
    name.into()
}
