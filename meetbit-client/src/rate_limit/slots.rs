//! A list of moments that threads share, and that grows without moving what is in it.

use std::array;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use crate::rate_limit::moment::AtomicMoment;

#[derive(Debug)]
pub(crate) struct Slots {
    len: AtomicUsize,
    /// Each holds twice as many as the one before, from 8 on: as many as there can be limits.
    parts: [OnceLock<Box<[AtomicMoment]>>; 30],
    /// How often one was looked at.
    #[cfg(test)]
    pub(crate) looks: AtomicUsize,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            len: AtomicUsize::new(0),
            parts: array::from_fn(|_| OnceLock::new()),
            #[cfg(test)]
            looks: AtomicUsize::new(0),
        }
    }
}

impl Slots {
    const FIRST: usize = 8;

    pub(crate) fn len(&self) -> usize {
        self.len.load(SeqCst)
    }

    /// One more, at the end.
    pub(crate) fn add(&self) -> usize {
        self.len.fetch_add(1, SeqCst)
    }

    pub(crate) fn get(&self, at: usize) -> &AtomicMoment {
        #[cfg(test)]
        self.looks.fetch_add(1, SeqCst);
        let part = (at / Self::FIRST + 1).ilog2() as usize;
        let size = Self::FIRST << part;
        let moments = self.parts[part].get_or_init(|| (0..size).map(|_| AtomicMoment::default()).collect());
        &moments[at + Self::FIRST - size]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &AtomicMoment> {
        (0..self.len()).map(|at| self.get(at))
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    #[test]
    fn promise_9_each_slot_has_a_moment_of_its_own_that_stays() {
        let slots = Slots::default();
        let first = slots.get(slots.add());
        for at in 1..1000 {
            assert_eq!(slots.add(), at);
            assert!(slots.iter().take(at).all(|slot| !ptr::eq(slot, slots.get(at))));
        }
        assert!(ptr::eq(first, slots.get(0)));
        assert_eq!((slots.len(), slots.iter().count()), (1000, 1000));
    }
}
