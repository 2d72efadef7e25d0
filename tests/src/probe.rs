//! Instruments that measure or watch the process under test. Imports nothing of this crate.

pub mod allocations;
pub mod fuzz;
pub mod lateness;
pub mod leak;
pub mod log_trap;
