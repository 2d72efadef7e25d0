//! The latest of some values that come one after another, and are read without a lock.

use std::sync::OnceLock;

/// Made for few values, of which all are kept.
#[derive(Debug)]
pub(crate) struct Latest<T> {
    first: OnceLock<T>,
    later: OnceLock<Box<Latest<T>>>,
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self { first: OnceLock::new(), later: OnceLock::new() }
    }
}

impl<T> Latest<T> {
    pub(crate) fn set(&self, value: T) {
        if let Err(value) = self.first.set(value) {
            self.later.get_or_init(Box::default).set(value);
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.later.get().and_then(|later| later.get()).or_else(|| self.first.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_7_the_latest_value_counts() {
        let latest = Latest::default();
        assert_eq!(latest.get(), None);
        for value in 0..3 {
            latest.set(value);
            assert_eq!(latest.get(), Some(&value));
        }
    }
}
