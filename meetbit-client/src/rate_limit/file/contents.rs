//! What the file contains.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rate_limit::shared::State;

/// Moments are microseconds on the system clock plus `offset`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Contents {
    /// The last moment that was written. No later moment is before it.
    pub(super) last: u64,
    /// How far the system clock was set back, so that moments do not go back.
    offset: u64,
    /// Nothing may be sent before, because an earlier file was lost.
    pub(super) quiet_until: u64,
    /// By the hash of the server's origin.
    pub(super) tenants: BTreeMap<String, State>,
}

impl Contents {
    /// The present moment. If the system clock was set back, no time has passed since the last moment.
    pub(super) fn advance(&mut self, system: Duration) -> u64 {
        let now = micros(system).saturating_add(self.offset);
        self.offset = self.offset.saturating_add(self.last.saturating_sub(now));
        self.last = self.last.max(now);
        self.last
    }
}

pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
