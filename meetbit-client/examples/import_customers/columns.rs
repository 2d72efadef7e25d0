//! The columns of a table, and the customer of a row.

use meetbit_client::{Address, NewCustomer};

/// The column with the reason in a file of rejected rows. It is ignored, so that such a file can be imported.
pub(crate) const REASON: &str = "reason";

type Set = fn(&mut NewCustomer, String);

const FIELDS: [(&str, Set); 13] = [
    ("first_name", |customer, text| customer.first_name = Some(text)),
    ("middle_name", |customer, text| customer.middle_name = Some(text)),
    ("last_name", |customer, text| customer.last_name = Some(text)),
    ("email", |customer, text| customer.email = Some(text)),
    ("contact_number", |customer, text| customer.contact_number = Some(text)),
    ("address_line_1", |customer, text| address(customer).line_1 = Some(text)),
    ("address_line_2", |customer, text| address(customer).line_2 = Some(text)),
    ("address_city", |customer, text| address(customer).city = Some(text)),
    ("address_region", |customer, text| address(customer).region = Some(text)),
    ("address_region_code", |customer, text| address(customer).region_code = Some(text)),
    ("address_country", |customer, text| address(customer).country = Some(text)),
    ("address_country_code", |customer, text| address(customer).country_code = Some(text)),
    ("address_postal_code", |customer, text| address(customer).postal_code = Some(text)),
];

fn address(customer: &mut NewCustomer) -> &mut Address {
    customer.address.get_or_insert_with(Address::default)
}

/// What each column is.
#[derive(Debug)]
pub(crate) struct Columns {
    setters: Vec<Option<Set>>,
    /// The place of the column that identifies a row.
    pub(crate) key: Option<usize>,
}

impl Columns {
    /// Reads the names of the columns.
    pub(crate) fn read<'a>(names: impl Iterator<Item = &'a str>, key: Option<&str>) -> Result<Self, String> {
        let names: Vec<String> = names.map(normal).collect();
        let key = key.map(|key| place(&names, key)).transpose()?;
        let mut setters = Vec::new();
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                return Err(format!("the column `{name}` is there twice"));
            }
            let field = FIELDS.iter().find(|(field, _)| field == name);
            if field.is_none() && key != Some(at) && name != REASON {
                return Err(unknown(name));
            }
            setters.push(field.map(|(_, set)| *set));
        }
        Ok(Self { setters, key })
    }

    /// The customer of a row. An empty cell sets nothing.
    pub(crate) fn customer(&self, row: &csv::StringRecord) -> NewCustomer {
        let mut customer = NewCustomer::new();
        for (cell, set) in row.iter().zip(&self.setters) {
            if let Some(set) = set.filter(|_| !cell.trim().is_empty()) {
                set(&mut customer, cell.trim().to_owned());
            }
        }
        customer
    }
}

/// The place of the column that `--key` names.
fn place(names: &[String], key: &str) -> Result<usize, String> {
    let key = normal(key);
    let known = || names.join("`, `");
    names
        .iter()
        .position(|name| *name == key)
        .ok_or_else(|| format!("`--key` names the column `{key}`, which the file does not have; it has `{}`", known()))
}

/// `First name` and `first_name` are one name.
fn normal(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-', '.'], "_")
}

/// Suggests the known name with the fewest changes, if at most a third of the letters differ.
fn unknown(name: &str) -> String {
    let known = FIELDS.map(|(field, _)| field);
    let nearest = known.into_iter().min_by_key(|field| distance(name, field));
    match nearest.filter(|field| 3 * distance(name, field) <= field.len()) {
        Some(nearest) => format!("the column `{name}` is unknown; did you mean `{nearest}`?"),
        None => format!(
            "the column `{name}` is unknown; if it identifies the rows, give `--key {name}`; otherwise remove it, or give it \
             the name of a known column; the known columns are `{}`",
            known.join("`, `")
        ),
    }
}

/// The number of letters to add, drop or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let least = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], least);
        }
    }
    row[b.len()]
}
