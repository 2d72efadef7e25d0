//! Filters and orders for lists.

use std::cmp::Ordering;

use serde_json::Value;

use super::validation::{Fields, Presence};

/// Keeps the items whose attribute compares with the value as the operator demands.
#[derive(Debug)]
pub(super) struct Filter {
    attribute: String,
    operator: Operator,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
}

impl Filter {
    /// Reads `attribute`, `operator` and `value`; there is no filter without attribute and value.
    ///
    /// MeetBit does not document the operators: common spellings are accepted, all others refused.
    pub(super) fn read(fields: &mut Fields<'_>, attributes: &[&'static str]) -> Option<Self> {
        let attribute = fields.one_of("attribute", Presence::Optional, attributes);
        let operator = match fields.any_text("operator", Presence::Optional) {
            None => Some(Operator::Equal),
            Some(operator) => Operator::parse(&operator),
        };
        let value = fields.any_text("value", Presence::Optional);
        if operator.is_none() {
            fields.not_among("operator");
        }
        Some(Self { attribute: attribute?.into(), operator: operator?, value: value? })
    }

    /// Whether to keep an item, given as its JSON object.
    pub(super) fn keeps(&self, item: &Value) -> bool {
        let actual = &item[&self.attribute];
        match (self.operator, compare_with_text(actual, &self.value)) {
            (Operator::Contains, _) => text_of(actual).contains(&self.value.to_lowercase()),
            (Operator::NotEqual, order) => order != Some(Ordering::Equal),
            (Operator::Equal, Some(order)) => order.is_eq(),
            (Operator::Less, Some(order)) => order.is_lt(),
            (Operator::LessOrEqual, Some(order)) => order.is_le(),
            (Operator::Greater, Some(order)) => order.is_gt(),
            (Operator::GreaterOrEqual, Some(order)) => order.is_ge(),
            (_, None) => false,
        }
    }
}

impl Operator {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "=" | "==" | "eq" | "is" => Some(Self::Equal),
            "!=" | "<>" | "ne" | "neq" => Some(Self::NotEqual),
            "<" | "lt" => Some(Self::Less),
            "<=" | "lte" => Some(Self::LessOrEqual),
            ">" | "gt" => Some(Self::Greater),
            ">=" | "gte" => Some(Self::GreaterOrEqual),
            "like" | "contains" => Some(Self::Contains),
            _ => None,
        }
    }
}

/// The order of two JSON values: nothing first, then numbers, then texts regardless of case.
pub(super) fn compare(one: &Value, other: &Value) -> Ordering {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => text_of(one).cmp(&text_of(other)),
    }
}

fn compare_with_text(actual: &Value, wanted: &str) -> Option<Ordering> {
    match actual {
        Value::Null => None,
        Value::Number(_) => Some(actual.as_i64()?.cmp(&wanted.parse().ok()?)),
        _ => Some(text_of(actual).cmp(&wanted.to_lowercase())),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.to_lowercase(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(operator: &str, attribute: &str, value: &str) -> bool {
        let item = json!({"id": 10, "name": "Ada", "gone": null});
        Operator::parse(operator)
            .is_some_and(|operator| Filter { attribute: attribute.into(), operator, value: value.into() }.keeps(&item))
    }

    #[test]
    fn numbers_compare_as_numbers() {
        assert!(kept("=", "id", "10") && kept(">", "id", "9") && kept("lte", "id", "10"));
        assert!(!kept("<", "id", "9") && !kept("=", "id", "ten"));
    }

    #[test]
    fn texts_compare_without_regard_to_case() {
        assert!(kept("eq", "name", "ada") && kept("like", "name", "D") && kept("!=", "name", "Bob"));
        assert!(!kept("contains", "name", "x"));
    }

    #[test]
    fn what_is_not_there_is_only_unequal() {
        assert!(kept("!=", "gone", "x") && kept("!=", "unknown", "x"));
        assert!(!kept("=", "gone", "") && !kept("<", "unknown", "x"));
    }
}
