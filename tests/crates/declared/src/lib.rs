//! The endpoints of a library. A test writes `library.rs` with `declare`, and changes three methods by hand.
#![deny(warnings)]

pub mod library;
