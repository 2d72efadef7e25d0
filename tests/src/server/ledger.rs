//! Counts how often each create was read.

use std::collections::BTreeMap;

use crate::server::record::Request;

const PREFIX: &str = "marker-";
const DIGITS: usize = 16;

/// A text that stands for one create: put it into the body, for example into the e-mail address.
#[must_use]
pub fn marker(number: u64) -> String {
    format!("{PREFIX}{number:0DIGITS$x}")
}

/// How often the body with each [`marker`] was read in full, and what was answered.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    readings: BTreeMap<String, Vec<Option<u16>>>,
}

impl Ledger {
    /// Reads the markers of the requests that were read in full.
    #[must_use]
    pub fn of(requests: &[Request]) -> Self {
        let mut ledger = Self::default();
        for request in requests.iter().filter(|request| request.body_read.is_some()) {
            for marker in markers(&request.body) {
                ledger.readings.entry(marker).or_default().push(request.answered);
            }
        }
        ledger
    }

    /// The status answered to each reading, in order; `None` where no whole head of a final reply went out.
    #[must_use]
    pub fn readings(&self, marker: &str) -> &[Option<u16>] {
        self.readings.get(marker).map_or(&[], Vec::as_slice)
    }

    /// The markers that were sent again although an earlier reading was not answered `429`, with their readings.
    #[must_use]
    pub fn unjustified_repeats(&self) -> BTreeMap<&str, &[Option<u16>]> {
        let unjustified = |readings: &[Option<u16>]| {
            readings.split_last().is_some_and(|(_, earlier)| earlier.iter().any(|status| *status != Some(429)))
        };
        let repeats = self.readings.iter().filter(|(_, readings)| unjustified(readings));
        repeats.map(|(marker, readings)| (marker.as_str(), readings.as_slice())).collect()
    }
}

/// The markers of a body.
#[must_use]
pub fn markers(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    text.match_indices(PREFIX).filter_map(|(at, _)| text.get(at..at + PREFIX.len() + DIGITS).map(Into::into)).collect()
}
