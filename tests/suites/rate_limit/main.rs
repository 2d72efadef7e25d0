//! Who may send, and when.

mod pacing;
