//! How long the server asks to wait.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;

/// What `Retry-After` asks for: the largest of several values; `None` where it is absent or cannot be read, and where it
/// says no more than "now".
///
/// Seconds count up when fractional and saturate when huge; an HTTP-date is taken against the clock of this machine
/// and against the reply's own `Date`, whichever gives the longer wait.
pub(crate) fn parse(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let date = headers.get(header::DATE).and_then(http_date);
    let values = headers.get_all(header::RETRY_AFTER);
    values.iter().flat_map(|value| waits(value, now, date)).filter(|wait| !wait.is_zero()).max()
}

fn waits(value: &HeaderValue, now: Timestamp, date: Option<Timestamp>) -> Vec<Duration> {
    if let Some(until) = http_date(value) {
        let behind = |from: Timestamp| Duration::try_from(until.duration_since(from)).unwrap_or_default();
        return vec![behind(now).max(date.map(behind).unwrap_or_default())];
    }
    let Ok(text) = value.to_str() else { return Vec::new() };
    text.split(',').filter_map(seconds).collect()
}

/// RFC 9110's `IMF-fixdate`, which is an RFC 2822 date in GMT.
fn http_date(value: &HeaderValue) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value.to_str().ok()?.trim()).ok()
}

/// A number of seconds, as far as one can be read: digits, perhaps a fraction (which counts as a second more), perhaps
/// a unit or junk behind.
fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(digits);
    if whole.is_empty() {
        return None;
    }
    let fraction = rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let whole = whole.parse::<u32>().unwrap_or(u32::MAX);
    Some(Duration::from_secs(whole.saturating_add(u32::from(fraction)).into()))
}

/// The `RateLimit-*` headers of a reply, the older form of draft-ietf-httpapi-ratelimit-headers.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimitHeaders {
    /// Requests in a window (`RateLimit-Limit`); MeetBit's windows are one second.
    pub limit: Option<u32>,
    /// Requests left in this window (`RateLimit-Remaining`).
    pub remaining: Option<u32>,
    /// Time until the window resets (`RateLimit-Reset`), in whole seconds as the server counts them.
    pub reset: Option<Duration>,
}

impl RateLimitHeaders {
    /// Reads them; what is absent or cannot be read is `None`.
    pub(crate) fn parse(headers: &HeaderMap) -> Self {
        let number =
            |name: HeaderName, pick: fn(u32, u32) -> u32| headers.get_all(name).iter().filter_map(count).reduce(pick);
        Self {
            limit: number(HeaderName::from_static("ratelimit-limit"), u32::min),
            remaining: number(HeaderName::from_static("ratelimit-remaining"), u32::min),
            reset: number(HeaderName::from_static("ratelimit-reset"), u32::max).map(|n| Duration::from_secs(n.into())),
        }
    }
}

/// The first number of a value; what follows (`10, 10;w=1`) describes policies.
fn count(value: &HeaderValue) -> Option<u32> {
    let text = value.to_str().ok()?.split([',', ';']).next()?.trim();
    seconds(text).map(|duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX))
}
