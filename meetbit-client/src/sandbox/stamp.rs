//! Times as MeetBit writes them.

use jiff::Timestamp;

/// The present moment, such as `2024-08-22T01:04:05.000000Z`.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// The present moment as the `Date` header writes it.
pub(super) fn http_date() -> String {
    Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
