//! How long the server asks to wait.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A date beyond what can be represented.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// A value that cannot be read means the wait in the vendor's own sample.
const UNREADABLE: Duration = Duration::from_secs(60);

/// The wait that `Retry-After` asks for: the largest of several values; `None` if it is absent or states no positive wait.
///
/// Seconds count up if fractional and saturate if huge. An HTTP-date counts from the clock of this machine and from the
/// reply's own `Date`, whichever gives the longer wait. If a value cannot be read, it means 60 seconds; if a date or a
/// number can be seen in it, the larger reading counts.
pub(crate) fn parse(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let date = headers.get(header::DATE).and_then(|value| http_date(value.to_str().ok()?));
    let values = headers.get_all(header::RETRY_AFTER).iter();
    values.filter_map(|value| wait(value, now, date)).filter(|wait| !wait.is_zero()).max()
}

/// The wait of one value; `None` if it is blank.
fn wait(value: &HeaderValue, now: Timestamp, date: Option<Timestamp>) -> Option<Duration> {
    let Ok(text) = value.to_str() else { return Some(UNREADABLE) };
    let until = |until: Timestamp| {
        let behind = |from: Timestamp| Duration::try_from(until.duration_since(from)).unwrap_or_default();
        behind(now).max(date.map(behind).unwrap_or_default())
    };
    if text.trim().is_empty() {
        return None;
    }
    if let Some(wait) = http_date(text).map(until) {
        return Some(wait);
    }
    // A list has commas, and a date has one behind its weekday, which says nothing that the rest does not.
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty() && !is_weekday(part));
    parts.map(|part| http_date(part).map(until).or_else(|| seconds(part)).unwrap_or_else(|| odd(part, until))).max()
}

/// The wait of a text that is neither an HTTP-date nor a number of seconds: the largest that can be seen in it, at least
/// [`UNREADABLE`].
fn odd(text: &str, until: impl Fn(Timestamp) -> Duration) -> Duration {
    let quoted = text.trim_matches(|c: char| c == '"' || c == '\'' || c.is_whitespace());
    let iso = quoted.parse::<Timestamp>().ok().or_else(|| TimeZone::UTC.to_timestamp(quoted.parse().ok()?).ok());
    let number = text.split(|c: char| !c.is_ascii_digit()).filter_map(seconds).max().unwrap_or_default();
    let seen = match iso.or_else(|| http_date(quoted)) {
        Some(date) => until(date),
        None if !text.contains(':') => number,
        None if number >= Duration::from_secs(10_000) => FOREVER, // a year of five digits
        None => UNREADABLE,                                       // a date that does not exist
    };
    seen.max(UNREADABLE)
}

fn is_weekday(text: &str) -> bool {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    text.get(..3).is_some_and(|start| DAYS.contains(&&*start.to_ascii_lowercase()))
        && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// RFC 9110's `IMF-fixdate`, which is an RFC 2822 date in GMT, the two obsolete forms that it asks to understand, and what
/// servers make of them.
fn http_date(text: &str) -> Option<Timestamp> {
    const OTHERS: [&str; 6] = [
        "%d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
        "%d-%b-%Y %H:%M:%S GMT",
        "%d %b %Y %H:%M:%S",
    ];
    let text = text.trim();
    if !(18..=40).contains(&text.len()) {
        return None; // no form is as short or as long, and a header of many parts is read as quickly
    }
    let fixdate = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    fixdate.or_else(|| OTHERS.into_iter().find_map(|format| other_date(format, text)))
}

/// A date that exists and is beyond all timestamps is the last of them.
fn other_date(format: &str, text: &str) -> Option<Timestamp> {
    let date = DateTime::strptime(format, text).ok()?;
    Some(TimeZone::UTC.to_timestamp(date).unwrap_or(Timestamp::MAX))
}

/// A number of seconds, as far as one can be read: digits, perhaps a fraction (which counts as a second more), perhaps
/// a unit or junk behind, but no further number: the day of a date that cannot be read is not a time to wait.
fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(digits);
    if whole.is_empty() {
        return None;
    }
    let fraction = rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let behind = rest.strip_prefix('.').unwrap_or(rest).trim_start_matches(|c: char| c.is_ascii_digit());
    if behind.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
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
    /// Reads them; what is absent or cannot be read is `None`. Of several values the one that asks for more counts.
    pub(crate) fn parse(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            let least = |known: Option<u32>| count(value).map(|n| known.map_or(n, |known| known.min(n))).or(known);
            match name.as_str() {
                "ratelimit-limit" => found.limit = least(found.limit),
                "ratelimit-remaining" => found.remaining = least(found.remaining),
                "ratelimit-reset" => {
                    let reset = count(value).map(|n| Duration::from_secs(n.into()));
                    found.reset = found.reset.max(reset);
                }
                _ => {}
            }
        }
        found
    }
}

/// The first number of a value; what follows (`10, 10;w=1`) describes policies.
fn count(value: &HeaderValue) -> Option<u32> {
    let bytes = value.as_bytes();
    if (1..10).contains(&bytes.len()) {
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
        if let Some(number) = bytes.iter().try_fold(0, |n, byte| Some(10 * n + digit(byte)?)) {
            return Some(number);
        }
    }
    let text = value.to_str().ok()?.split([',', ';']).next()?.trim();
    seconds(text).map(|duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    /// Where the tables start from: Sunday, 6 November 1994, 08:49:37 GMT.
    const NOW: i64 = 784_111_777;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let fields = fields.iter();
        fields
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .collect()
    }

    /// Whole seconds.
    fn asked(values: &[&str], date: Option<&str>) -> Option<u64> {
        let mut fields: Vec<_> = values.iter().map(|value| ("retry-after", *value)).collect();
        fields.extend(date.map(|date| ("date", date)));
        parse(&headers(&fields), Timestamp::from_second(NOW).unwrap()).map(|wait| wait.as_secs())
    }

    #[test]
    fn promise_8_every_retry_after_has_its_reading() {
        let table: &[(&[&str], Option<u64>)] = &[
            (&["1"], Some(1)),
            (&["60"], Some(60)),
            (&["007"], Some(7)),
            (&[" 5\t"], Some(5)),
            (&["31536000"], Some(31_536_000)),
            // "now" and what cannot be read: the gate waits a second at least
            (&[], None),
            (&[""], None),
            (&[" "], None),
            (&["0"], None),
            (&["00"], None),
            (&[",,"], None),
            // what cannot be read is a minute
            (&["-1"], Some(60)),
            (&["-60"], Some(60)),
            (&["-3600"], Some(3600)),
            (&["+60"], Some(60)),
            (&["soon"], Some(60)),
            (&["."], Some(60)),
            (&["NaN"], Some(60)),
            (&["inf"], Some(60)),
            (&["\u{fc}"], Some(60)),
            (&["0x10"], Some(60)),
            (&["1e5"], Some(60)),
            // the larger number that can be seen in it
            (&["\"3600\""], Some(3600)),
            (&["'3600'"], Some(3600)),
            (&["3600 (60 minutes)"], Some(3600)),
            (&["about 90 seconds"], Some(90)),
            (&["\"5\""], Some(60)),
            // fractions count up
            (&["0.1"], Some(1)),
            (&["1.5"], Some(2)),
            (&["1.0"], Some(2)),
            (&["59.999"], Some(60)),
            (&["3."], Some(3)),
            // huge ones saturate
            (&["4294967294"], Some(4_294_967_294)),
            (&["4294967295"], Some(4_294_967_295)),
            (&["4294967295.5"], Some(4_294_967_295)),
            (&["4294967296"], Some(4_294_967_295)),
            (&["99999999999999999999999999"], Some(4_294_967_295)),
            // as much as can be read
            (&["60s"], Some(60)),
            (&["60 seconds"], Some(60)),
            (&["120; comment"], Some(120)),
            // the largest of several
            (&["5", "60", "7"], Some(60)),
            (&["5, 60, 7"], Some(60)),
            (&["5", "soon"], Some(60)),
            (&["5", "Sun, 06 Nov 1994 08:50:37 GMT"], Some(60)),
            // dates, in all three forms
            (&["Sun, 06 Nov 1994 08:49:47 GMT"], Some(10)),
            (&["Sunday, 06-Nov-94 08:49:47 GMT"], Some(10)),
            (&["Sun Nov  6 08:49:47 1994"], Some(10)),
            (&["Mon, 06 Nov 1994 08:49:47 GMT"], Some(10)),
            (&["Monday, 06-Nov-94 08:49:47 GMT"], Some(10)),
            (&["5, Sun, 06 Nov 1994 08:49:47 GMT"], Some(10)),
            (&["Sun, 06 Nov 1994 08:49:47 GMT, 15"], Some(15)),
            (&["Sun, 06 Nov 1994 08:49:47"], Some(10)),
            (&["Sun, 06-Nov-1994 08:49:47 GMT"], Some(10)),
            // a date that does not exist is not a number
            (&["Sun, 06 Nov 1994 25:49:47 GMT"], Some(60)),
            (&["Sun, 99 Nov 1994 08:49:47 GMT"], Some(60)),
            // a date that has passed
            (&["Sun, 06 Nov 1994 08:49:37 GMT"], None),
            (&["Sun, 06 Nov 1994 08:49:27 GMT"], None),
            // ISO 8601 is not an HTTP-date
            (&["1994-11-06T08:49:47Z"], Some(60)),
            (&["1994-11-06T09:49:37Z"], Some(3600)),
            (&["1994-11-06T10:49:37+01:00"], Some(3600)),
            (&["1994-11-06T09:49:37"], Some(3600)),
            (&["\"Sun, 06 Nov 1994 09:49:37 GMT\""], Some(3600)),
            (&["1994-11-07"], Some(54_623)),
            // beyond all clocks
            (&["Fri, 31 Dec 9999 23:59:59 GMT"], Some(252_618_095_423)),
            (&["Fri, 31 Dec 99999 23:59:59 GMT"], Some(4_294_967_295)),
        ];
        for (values, expected) in table {
            assert_eq!(asked(values, None), *expected, "{values:?}");
        }
    }

    #[test]
    fn promise_8_a_date_is_taken_against_whichever_clock_gives_the_longer_wait() {
        let until = ["Sun, 06 Nov 1994 08:49:47 GMT"];
        let table = [
            ("Sun, 06 Nov 1994 08:49:17 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:49:45 GMT", Some(10)),
            ("Sun, 06 Nov 1994 09:00:00 GMT", Some(10)),
            ("yesterday", Some(10)),
        ];
        for (date, expected) in table {
            assert_eq!(asked(&until, Some(date)), expected, "{date}");
        }
        assert_eq!(asked(&["Sun, 06 Nov 1994 08:49:27 GMT"], Some("Sun, 06 Nov 1994 08:49:17 GMT")), Some(10));
        assert_eq!(asked(&["Thu, 31 Dec 9998 23:59:59 GMT"], None), Some(252_586_653_022));
    }

    #[test]
    fn promise_9_every_rate_limit_header_has_its_reading() {
        let table: [(&[&str], Option<u32>, Option<u32>); 16] = [
            (&["5"], Some(5), Some(5)),
            (&["0"], Some(0), Some(0)),
            (&[" 10 "], Some(10), Some(10)),
            (&["10, 10;w=1"], Some(10), Some(10)),
            (&["10;w=1"], Some(10), Some(10)),
            (&["10 ; w=1"], Some(10), Some(10)),
            (&["1.5"], Some(2), Some(2)),
            (&["4294967296"], Some(u32::MAX), Some(u32::MAX)),
            (&["99999999999999999999"], Some(u32::MAX), Some(u32::MAX)),
            (&["-1"], None, None),
            (&[""], None, None),
            (&["many"], None, None),
            (&[";w=1"], None, None),
            (&["\u{fc}"], None, None),
            // of several the one that asks for more patience
            (&["5", "3", "x"], Some(3), Some(5)),
            (&["3", "5"], Some(3), Some(5)),
        ];
        for (values, least, most) in table {
            let fields = |name: &'static str| headers(&values.iter().map(|value| (name, *value)).collect::<Vec<_>>());
            assert_eq!(RateLimitHeaders::parse(&fields("ratelimit-limit")).limit, least, "{values:?}");
            assert_eq!(RateLimitHeaders::parse(&fields("ratelimit-remaining")).remaining, least, "{values:?}");
            let reset = RateLimitHeaders::parse(&fields("ratelimit-reset")).reset;
            assert_eq!(reset, most.map(|seconds| Duration::from_secs(seconds.into())), "{values:?}");
        }
        assert_eq!(RateLimitHeaders::parse(&HeaderMap::new()), RateLimitHeaders::default());
    }
}
