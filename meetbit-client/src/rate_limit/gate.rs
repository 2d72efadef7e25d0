//! The gate of a key: closed by a `429` until `Retry-After` has passed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rate_limit::state::{HOUR, MINUTE, Moment, SECOND, span};

/// After this number of refusals in a row, each of a request sent while the gate was open, the client stops by itself.
pub(crate) const WARNING: u32 = 3;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gate {
    open_at: Moment,
    refusals: u32,
}

impl Gate {
    /// The moment at which it opens, if it is closed.
    pub(crate) fn closed_until(&self, now: Moment) -> Option<Moment> {
        Some(self.open_at).filter(|open_at| *open_at > now)
    }

    /// The number of refusals in a row. They lapse an hour after the gate has opened.
    pub(crate) fn refusals(&self, now: Moment) -> u32 {
        if now > self.open_at.saturating_add(HOUR) { 0 } else { self.refusals }
    }

    /// Closes for a `429` to a request that was sent at `sent`. Without `retry_after` the wait is one second, doubled by each
    /// further refusal. It never opens earlier than before.
    pub(crate) fn on_429(&mut self, sent: Moment, now: Moment, retry_after: Option<Duration>) {
        self.refusals = self.refusals(now);
        if self.was_open(sent) {
            self.refusals = self.refusals.saturating_add(1);
        }
        let default = SECOND << self.refusals.saturating_sub(1).min(6);
        self.close(now, retry_after.map_or(default, span));
    }

    /// Any other answer ends the row of refusals, if its request was sent after the last of them.
    pub(crate) fn on_other(&mut self, sent: Moment) {
        if self.was_open(sent) {
            self.refusals = 0;
        }
    }

    /// Closes for `Remaining: 0` of a success. A `Reset` beyond a minute is no span but a point in time, and holds one period.
    pub(crate) fn hold(&mut self, now: Moment, reset: Moment, period: Moment) {
        self.close(now, if reset <= MINUTE { reset } else { period });
    }

    fn close(&mut self, now: Moment, wait: Moment) {
        self.open_at = self.open_at.max(now.saturating_add(wait));
    }

    /// Requests that were on the wire when it closed say nothing new.
    fn was_open(&self, sent: Moment) -> bool {
        sent >= self.open_at
    }
}
