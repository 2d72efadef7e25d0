//! What the file contains.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rate_limit::moment::{Moment, span};
use crate::rate_limit::shared::State;

/// Moments are microseconds on the system clock plus `offset`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Contents {
    /// The last moment that was written. No later moment is before it.
    pub(super) last: Moment,
    /// How far the system clock was set back, so that moments do not go back.
    offset: Moment,
    /// Nothing may be sent before, because an earlier file was lost.
    pub(super) quiet_until: Moment,
    /// By the hash of the server's origin.
    pub(super) tenants: BTreeMap<String, State>,
}

impl Contents {
    /// The present moment. If the system clock was set back, no time has passed since the last moment.
    pub(super) fn advance(&mut self, system: Duration) -> Moment {
        let now = span(system).saturating_add(self.offset);
        self.offset = self.offset.saturating_add(self.last.saturating_sub(now));
        self.last = self.last.max(now);
        self.last
    }
}
