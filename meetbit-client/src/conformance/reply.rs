//! Replies that the document allows, read as the client reads them.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::conformance::content::Content;
use crate::conformance::document::{Document, Finding, Operation, escaped};
use crate::conformance::sample::{Kind, Sample, key, sample};
use crate::conformance::schema::Schema;
use crate::response::decode;

/// A choice of more alternatives than this is not tried to its end.
const MAX_ALTERNATIVES: usize = 1_000;

/// A reply with more problems than this is not read to its end.
const MAX_PROBLEMS: usize = 100;

/// All that a type cannot read in the successful replies of an operation.
pub(super) fn compare<T: DeserializeOwned>(
    document: Document<'_>,
    operation: &Operation<'_>,
    is_raw: bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let responses = operation.value["responses"].as_object().into_iter().flatten();
    let mut successes = responses.filter(|(status, _)| status.starts_with('2')).peekable();
    if successes.peek().is_none() {
        return vec![Finding::new(&operation.pointer, "the document has no successful reply")];
    }
    for (status, response) in successes {
        let pointer = format!("{}/responses/{}", operation.pointer, escaped(status));
        match document.located(response, &pointer) {
            Ok((response, place)) => match json_schema(document, response, &place) {
                Some(schema) => findings.extend(Reading::<T>::new(document, is_raw).schema(&schema)),
                None => findings.extend(no_value::<T>(status, is_raw).map(|text| Finding::new(place, text))),
            },
            Err(why) => findings.push(Finding::new(pointer, why)),
        }
    }
    findings
}

fn json_schema<'a>(document: Document<'a>, response: &'a Value, pointer: &str) -> Option<Schema<'a>> {
    Content::find(response, pointer, "application/json")?.schema(document)
}

/// A reply without JSON: `202` and `204` count as `null`.
fn no_value<T: DeserializeOwned>(status: &str, is_raw: bool) -> Option<String> {
    let null = if is_raw { Value::Null } else { json!({"data": null}) };
    let is_read = ["202", "204"].contains(&status) && decode::check::<T>(null.to_string(), is_raw).is_ok();
    (!is_read).then(|| format!("the reply {status} has no JSON in the document, and a value is read here"))
}

/// The replies of one schema, read as one type.
struct Reading<'a, T> {
    document: Document<'a>,
    is_raw: bool,
    /// The place of each value that cannot be read, such as `data.items[0].id`, and its message.
    found: BTreeMap<String, Finding>,
    /// Where values come from in the fullest replies.
    origins: BTreeMap<String, String>,
    decode: fn(String, bool) -> Result<(), decode::DecodeError>,
    read: std::marker::PhantomData<T>,
}

impl<'a, T: DeserializeOwned> Reading<'a, T> {
    fn new(document: Document<'a>, is_raw: bool) -> Self {
        let (found, origins) = (BTreeMap::new(), BTreeMap::new());
        Self { document, is_raw, found, origins, decode: decode::check::<T>, read: std::marker::PhantomData }
    }

    fn schema(mut self, schema: &Schema<'a>) -> Vec<Finding> {
        if sample(self.document, schema, Kind::Smallest).is_none() {
            return vec![Finding::new(schema.pointer(), "no finite reply fits the schema")];
        }
        let (smallest, most_null) = ("the smallest reply", "the reply with most nulls");
        let count = self.alternatives(schema, Kind::Fullest, "the fullest reply");
        self.one(schema, Kind::Smallest, smallest);
        self.one(schema, Kind::MostNull, most_null);
        for number in 0..count {
            self.one(schema, Kind::Sparse(number), smallest);
            self.one(schema, Kind::InnerNull(number), most_null);
        }
        let mut found: Vec<Finding> = Vec::new();
        for finding in self.found.into_values() {
            if !found.contains(&finding) {
                found.push(finding);
            }
        }
        found
    }

    /// Reads a reply for each alternative, and returns the number of alternatives.
    fn alternatives(&mut self, schema: &Schema<'a>, kind: fn(usize) -> Kind, noun: &str) -> usize {
        let (mut number, mut count) = (0, 1);
        while number < count.min(MAX_ALTERNATIVES) {
            count = count.max(self.one(schema, kind(number), noun));
            number += 1;
        }
        number
    }

    fn one(&mut self, schema: &Schema<'a>, kind: Kind, noun: &str) -> usize {
        let Some(sample) = sample(self.document, schema, kind) else { return 1 };
        let alternatives = sample.alternatives;
        // They come first, because what a broken reference leaves open cannot be read.
        self.found.extend(sample.broken.clone());
        if matches!(kind, Kind::Fullest(_)) {
            self.origins.extend(sample.origins.clone());
        }
        self.read(sample, noun);
        alternatives
    }

    /// Finds what cannot be read. Each value that cannot is replaced by one that can, so that the rest is read too.
    fn read(&mut self, sample: Sample, noun: &str) {
        let mut value = sample.value;
        for _ in 0..MAX_PROBLEMS {
            let Err(error) = (self.decode)(value.to_string(), self.is_raw) else { return };
            let (path, missing) = error.place;
            let place = missing.map_or_else(|| path.clone(), |field| key(&path, field));
            let origin = self.origins.get(&place).or_else(|| sample.owners.get(&path));
            let origin = origin.or_else(|| sample.origins.get(&path));
            let origin = origin.or_else(|| self.origins.get("")).cloned().unwrap_or_default();
            let shown = at(&mut value, &path).filter(|value| !value.is_object() && !value.is_array());
            let shown = shown.filter(|_| missing.is_none()).map(|value| format!(" ({value})")).unwrap_or_default();
            let finding = Finding::new(origin, format!("{noun} cannot be read: {}{shown}", error.reason));
            if self.found.keys().all(|found| !is_within(&place, found)) {
                self.found.insert(place.clone(), finding);
            }
            if !self.repair(&mut value, &path, missing) {
                return;
            }
        }
    }

    /// Replaces or adds a value so that the next problem is another one.
    fn repair(&self, value: &mut Value, path: &str, missing: Option<&str>) -> bool {
        let texts = ["", "2030-01-31T09:30:00Z", "2030-01-31"].map(|text| json!(text));
        let candidates =
            [json!(null), json!(0), json!(false), json!([]), json!({}), json!(0.5)].into_iter().chain(texts);
        let solves = |candidate: &Value| {
            let place = missing.map_or_else(|| path.to_owned(), |field| key(path, field));
            let mut changed = value.clone();
            set(&mut changed, path, missing, candidate)?;
            let next = (self.decode)(changed.to_string(), self.is_raw).err().map(|error| error.place);
            let next = next.map(|(path, missing)| missing.map_or_else(|| path.clone(), |field| key(&path, field)));
            next.is_none_or(|next| !is_within(&next, &place)).then_some(changed)
        };
        let repaired = candidates.into_iter().find_map(|candidate| solves(&candidate));
        repaired.map(|repaired| *value = repaired).is_some()
    }
}

/// Whether a path is another one, or below it.
fn is_within(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || other.is_empty() || rest.starts_with(['.', '[']))
}

fn set(value: &mut Value, path: &str, missing: Option<&str>, new: &Value) -> Option<()> {
    let target = at(value, path)?;
    match missing {
        Some(field) => drop(target.as_object_mut()?.insert(field.to_owned(), new.clone())),
        None => *target = new.clone(),
    }
    Some(())
}

/// The value at a path such as `data.items[0].id`. `*` is the only entry of a map.
fn at<'v>(value: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    if path.is_empty() {
        return Some(value);
    }
    match value {
        Value::Array(items) => {
            let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
            at(items.get_mut(index.parse::<usize>().ok()?)?, rest.strip_prefix('.').unwrap_or(rest))
        }
        Value::Object(entries) => {
            // A name may have a dot, so the longest name that the path begins with is meant.
            let own = entries.keys().filter(|name| is_within(path, name)).max_by_key(|name| name.len()).cloned();
            let length = own.as_ref().map_or(1, String::len);
            let name = own.or_else(|| path.strip_prefix('*').map(|_| "key".to_owned()))?;
            let rest = &path[length..];
            at(entries.get_mut(&name)?, rest.strip_prefix('.').unwrap_or(rest))
        }
        _ => None,
    }
}
