//! The arguments of the program.

use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
usage: import_customers [options] FILE

Creates a customer for each row of a CSV file, each at most once. The same command resumes an import that was interrupted.
The first row names the columns: first_name, middle_name, last_name, email, contact_number, and address_line_1,
address_line_2, address_city, address_region, address_region_code, address_country, address_country_code, address_postal_code.

  --key COLUMN      the column that identifies a row, such as the customer's number in your CRM; without it, the content does
  --dry-run         check every row and send nothing
  --journal FILE    where the journal is (FILE.journal.sqlite beside the CSV file)
  --help            print this text

exit code: 0 if every row is imported, 1 if not, 2 if the import cannot start

environment:
  MEETBIT_DOMAIN             the tenant's primary domain, such as acme.example.com
  MEETBIT_ACCESS_KEY_ID      the access key
  MEETBIT_ACCESS_KEY_SECRET  its secret
  MEETBIT_BASE_URL           optional: replaces https://{domain}/api/public/v2.0
If none of them is set, the customers are created in a sandbox on this machine.";

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
}

pub(crate) fn parse(mut given: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut file, mut key, mut journal, mut dry_run) = (None, None, None, false);
    while let Some(argument) = given.next() {
        match &*argument {
            "--help" | "-h" => return Ok(Command::Help),
            "--dry-run" => dry_run = true,
            "--key" => key = Some(given.next().ok_or("`--key` needs the name of a column")?),
            "--journal" => journal = Some(PathBuf::from(given.next().ok_or("`--journal` needs a file")?)),
            option if option.starts_with('-') => return Err(format!("unknown option `{option}`")),
            _ if file.is_some() => return Err(format!("unexpected argument `{argument}`")),
            _ => file = Some(PathBuf::from(argument)),
        }
    }
    let file = file.ok_or("a CSV file is missing")?;
    let journal = journal.unwrap_or_else(|| {
        let mut beside = file.clone().into_os_string();
        beside.push(".journal.sqlite");
        beside.into()
    });
    Ok(Command::Import(Arguments { file, key, dry_run, journal }))
}
