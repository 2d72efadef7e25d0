//! The call that is about to ask for leave, noted without a lock.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

/// One call at a time, that comes before all who ask from now on.
///
/// Its place, shifted by 16 bits, and the index of its lane, and one more; 0 as long as there is none.
#[derive(Debug, Default)]
pub(crate) struct Arrival(AtomicU64);

impl Arrival {
    /// False if another call is arriving, or if there are too many lanes.
    pub(crate) fn announce(&self, place: u64, lane: usize) -> bool {
        let announced = |call| self.0.compare_exchange(0, call, SeqCst, SeqCst).is_ok();
        call(place, lane).is_some_and(announced)
    }

    /// The call has asked, or gone. False if somebody else has taken note of it meanwhile.
    pub(crate) fn withdraw(&self, place: u64, lane: usize) -> bool {
        let withdrawn = |call| self.0.compare_exchange(call, 0, SeqCst, SeqCst).is_ok();
        call(place, lane).is_some_and(withdrawn)
    }

    /// Whether a call other than this one is arriving.
    pub(crate) fn is_another(&self, place: u64) -> bool {
        let arriving = self.0.load(SeqCst);
        arriving > 0 && arriving >> 16 != place
    }

    /// Takes note of the call: its place and its lane.
    pub(crate) fn take(&self) -> Option<(u64, usize)> {
        let call = self.0.swap(0, SeqCst);
        let lane = usize::try_from(call & u64::from(u16::MAX)).ok()?.checked_sub(1)?;
        Some((call >> 16, lane))
    }
}

fn call(place: u64, lane: usize) -> Option<u64> {
    let lane = u16::try_from(lane + 1).ok()?;
    Some((place << 16) + u64::from(lane))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_7_one_call_arrives_at_a_time() {
        let arrival = Arrival::default();
        assert!(!arrival.is_another(7) && arrival.take().is_none());
        assert!(arrival.announce(7, 3) && !arrival.announce(8, 3));
        assert!(arrival.is_another(8) && !arrival.is_another(7));
        assert_eq!((arrival.take(), arrival.withdraw(7, 3), arrival.take()), (Some((7, 3)), false, None));
        assert!(arrival.announce(0, 65_534) && arrival.withdraw(0, 65_534) && !arrival.is_another(8));
        assert!(!arrival.announce(0, 65_535));
    }
}
