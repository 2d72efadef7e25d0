//! What the server has said about a key: its gate is closed by a `429` until `Retry-After` has passed, and a lower limit counts
//! for a minute.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rate_limit::moment::{HOUR, MINUTE, Moment, SECOND, span};

/// After this number of refusals in a row, each of a request sent while the gate was open, the client stops by itself.
pub(crate) const WARNING: u32 = 3;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gate {
    open_at: Moment,
    /// When it opens after the last `429`. Requests that were on the wire at that `429` were sent before.
    refused_until: Moment,
    refusals: u32,
    /// The limit that the server stated last, and until when it counts.
    stated_limit: usize,
    stated_until: Moment,
}

impl Gate {
    /// The moment at which it opens, if it is closed.
    pub(crate) fn closed_until(&self, now: Moment) -> Option<Moment> {
        Some(self.open_at).filter(|open_at| *open_at > now)
    }

    /// The number of refusals in a row. They lapse an hour after the gate has opened.
    pub(crate) fn refusals(&self, now: Moment) -> u32 {
        if now >= self.lapse_at() { 0 } else { self.refusals }
    }

    /// The limit of a client at present: its own, or less if the server stated less in the last minute.
    pub(crate) fn limit(&self, own: usize, now: Moment) -> usize {
        if now < self.stated_until { self.stated_limit.max(1).min(own) } else { own }
    }

    /// Until then it is closed or has something to remember.
    pub(crate) fn matters_until(&self) -> Moment {
        let lapse_at = if self.refusals == 0 { 0 } else { self.lapse_at() };
        self.open_at.max(lapse_at).max(self.stated_until)
    }

    /// The server stated a limit.
    pub(crate) fn on_limit(&mut self, limit: u32, now: Moment) {
        (self.stated_limit, self.stated_until) = (limit as usize, now + MINUTE);
    }

    /// Closes for a `429` to a request that was sent at `sent`. Without `retry_after` the wait is one second, doubled by each
    /// further refusal. It never opens earlier than before.
    pub(crate) fn on_429(&mut self, sent: Moment, now: Moment, retry_after: Option<Duration>) {
        self.refusals = self.refusals(now).saturating_add((sent >= self.refused_until).into());
        let default = SECOND << self.refusals.saturating_sub(1).min(6);
        self.close(now, retry_after.map_or(default, span));
        self.refused_until = self.open_at;
    }

    /// Any other answer ends the row of refusals, if its request was sent after the last of them.
    pub(crate) fn on_other(&mut self, sent: Moment) {
        if sent >= self.refused_until {
            self.refusals = 0;
        }
    }

    /// Closes for `Remaining: 0` of a success. A `Reset` beyond a minute is not a span but a point in time, and holds one period.
    pub(crate) fn hold(&mut self, now: Moment, reset: Moment, period: Moment) {
        self.close(now, if reset <= MINUTE { reset } else { period });
    }

    /// Closes as long as another state of the same key is closed, and takes over its refusals.
    #[cfg(feature = "shared-limit")]
    pub(crate) fn adopt(&mut self, now: Moment, wait: Moment, refusals: u32) {
        self.close(now, wait);
        if refusals > self.refusals(now) {
            self.refusals = refusals;
            self.refused_until = self.refused_until.max(now.saturating_add(wait));
        }
    }

    fn close(&mut self, now: Moment, wait: Moment) {
        self.open_at = self.open_at.max(now.saturating_add(wait));
    }

    fn lapse_at(&self) -> Moment {
        self.refused_until.saturating_add(HOUR)
    }
}
