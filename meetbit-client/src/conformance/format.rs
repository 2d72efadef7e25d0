//! The formats of strings that are checked, with a sample of each.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Span, Timestamp};

/// Whether a text has a format. A format that is not known fits every text.
pub(super) fn fits(format: &str, text: &str) -> bool {
    match format {
        "date-time" => text.parse::<Timestamp>().is_ok(),
        "date" => text.len() == 10 && text.parse::<Date>().is_ok(),
        "time" => text.trim_end_matches(['Z', 'z']).parse::<Time>().is_ok(),
        "duration" => text.parse::<Span>().is_ok() || text.parse::<SignedDuration>().is_ok(),
        "email" => is_email(text),
        "uuid" => is_uuid(text),
        "uri" => text.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && is_printable(rest)),
        "hostname" => is_hostname(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "byte" => {
            text.trim_end_matches('=').bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte))
        }
        _ => true,
    }
}

/// A text that has a format.
pub(super) fn sample(format: &str) -> Option<&'static str> {
    Some(match format {
        "date-time" => "2030-01-31T09:30:00Z",
        "date" => "2030-01-31",
        "time" => "09:30:00",
        "duration" => "PT1H30M",
        "email" => "ada@example.com",
        "uuid" => "123e4567-e89b-12d3-a456-426614174000",
        "uri" => "https://example.com/",
        "hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "byte" => "YWRh",
        _ => return None,
    })
}

/// Only what is certainly not an address is refused.
fn is_email(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && is_hostname(domain))
}

fn is_hostname(text: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && !label.contains([' ', '@', '/', ':']);
    text.split('.').all(is_label)
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_printable(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::{fits, sample};

    const FORMATS: [&str; 11] =
        ["date-time", "date", "time", "duration", "email", "uuid", "uri", "hostname", "ipv4", "ipv6", "byte"];

    #[test]
    fn a_sample_has_its_format_and_an_odd_text_has_none() {
        for format in FORMATS {
            assert!(fits(format, sample(format).unwrap_or_default()), "{format}");
            assert!(!fits(format, "not this one!"), "{format}");
        }
        assert!(fits("password", "not this one!"));
    }
}
