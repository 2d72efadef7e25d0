//! What all levels of one text share: why and where a value does not fit.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Display, Write};

use serde::de::Error;

use crate::response::fault::{Fault, Reason, Step};

/// A string in a reply that is longer than this, in bytes, is never quoted by `serde_json`, not even for a moment.
pub(super) const LONG: usize = 128 * 1024;

/// A value of this depth is refused, as by `serde_json`. If the text has a long string, the count of `serde_json` begins anew at
/// each object and array, so it is counted here as well.
const MAX_DEPTH: usize = 128;

/// The state that all levels of one text share. Errors of `serde_json` pass through them as they are, because converting the results at
/// each level costs more than the rest; the reason and the path are noted here.
pub(crate) struct Context {
    /// The text has a string that is longer than [`LONG`].
    pub(super) long: bool,
    /// The number of objects and arrays that are open. It is counted only if the text has a long string.
    depth: Cell<usize>,
    reason: Cell<Option<Reason>>,
    /// The type that `serde_json` asked for while it made an error.
    pub(super) expected: Cell<Option<String>>,
    /// The entries and elements that an error has left, the innermost first.
    steps: RefCell<Vec<Step>>,
}

impl Context {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            long: has_long_string(text),
            depth: Cell::new(0),
            reason: Cell::new(None),
            expected: Cell::new(None),
            steps: RefCell::default(),
        }
    }

    /// Why and where the text does not fit.
    pub(crate) fn into_fault(self) -> Fault {
        let expected = self.expected.take().map(|expected| Reason::Type { expected });
        Fault { reason: self.reason.take().or(expected).unwrap_or(Reason::Unreadable), steps: self.steps.take() }
    }

    /// Forgets an error that does not count.
    pub(crate) fn reset(&self) {
        self.reason.take();
        self.expected.take();
        self.steps.take();
    }

    /// Enters an object or an array, until the result is dropped.
    #[inline]
    pub(super) fn enter<E: Error>(&self) -> Result<Option<Level<'_>>, E> {
        if self.long { self.enter_counted().map(Some) } else { Ok(None) }
    }

    #[cold]
    #[inline(never)]
    fn enter_counted<E: Error>(&self) -> Result<Level<'_>, E> {
        if self.depth.get() + 1 >= MAX_DEPTH {
            return Err(self.refuse(Reason::Custom { wanted: None }));
        }
        self.depth.set(self.depth.get() + 1);
        Ok(Level(&self.depth))
    }

    /// Notes the reason of an error, at the value.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse<E: Error>(&self, reason: Reason) -> E {
        self.reason.set(Some(reason));
        self.steps.borrow_mut().clear();
        E::custom("")
    }

    /// Notes that an error leaves an entry or element, and its reason if that is not known yet.
    #[cold]
    #[inline(never)]
    pub(super) fn record_step(&self, error: &dyn Display, step: Step) {
        self.record_default_reason(error, &[]);
        self.steps.borrow_mut().push(step);
    }

    /// Replaces an error by what `none` gives if it is about an empty array in place of an optional object, and notes it if not.
    #[cold]
    #[inline(never)]
    pub(super) fn recover_or_record<T, E: Error>(
        &self,
        read: &mut Result<T, E>,
        step: Step,
        none: impl FnOnce() -> Result<T, E>,
    ) {
        if self.take_empty_array() {
            *read = none();
        }
        if let Err(error) = read {
            self.record_step(error, step);
        }
    }

    /// Notes the reason of an error that was made at this value, either by its type or by `serde_json`. Its text can contain the
    /// value, so no more is taken from it than the name of a field that the type has.
    #[cold]
    #[inline(never)]
    pub(super) fn record_default_reason(&self, error: &dyn Display, fields: &'static [&'static str]) {
        const UNREADABLE: [&str; 4] = ["number out of", "lone leading", "invalid unicode", "unexpected end of hex"];
        let (reason, expected) = (self.reason.take(), self.expected.take());
        let is_known = reason.is_some() || expected.is_some() || !self.steps.borrow().is_empty();
        self.reason.set(reason);
        self.expected.set(expected);
        if is_known {
            return;
        }
        let mut start = Start(String::new());
        let _ = write!(start, "{error}"); // it ends early if the text is long
        let field = |before: &str| {
            let (name, _) = start.0.strip_prefix(before)?.split_once('`')?;
            fields.iter().find(|field| **field == name).copied()
        };
        self.reason.set(Some(if let Some(name) = field("missing field `") {
            Reason::MissingField(name)
        } else if let Some(name) = field("duplicate field `") {
            Reason::DuplicateField(name)
        } else if UNREADABLE.iter().any(|text| start.0.starts_with(text)) {
            Reason::Unreadable
        } else {
            Reason::Custom { wanted: None }
        }));
    }

    /// True once if the value that was just read is an empty array in place of an optional object.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_empty_array(&self) -> bool {
        let reason = self.reason.take();
        if self.steps.borrow().is_empty() && matches!(reason, Some(Reason::EmptyArray { .. })) {
            return true;
        }
        self.reason.set(reason);
        false
    }
}

/// The first bytes of a text.
struct Start(String);

impl fmt::Write for Start {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > 200 {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// An open object or array.
pub(super) struct Level<'c>(&'c Cell<usize>);

impl Drop for Level<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// True if the text has a string that is longer than [`LONG`]. Such a string covers a whole block without a quote; any other
/// text has one near the start of each block, so that hardly any of it is read.
fn has_long_string(text: &str) -> bool {
    const BLOCK: usize = LONG / 2;
    let has_no_quote = |block: &[u8]| !block.windows(2).any(|two| two[1] == b'"' && two[0] != b'\\');
    text.len() > LONG && text.as_bytes().chunks_exact(BLOCK).any(has_no_quote)
}
