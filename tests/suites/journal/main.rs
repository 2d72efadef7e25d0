//! The journal: a call under a key happens at most once. Promise 28.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod crashes;
mod directory;
mod failing;
mod failures;
mod importer;
mod importer_crashes;
mod interleavings;
mod middleware;
mod postgres;
mod process;
mod processes;
mod program;
mod purge;
mod rate;
mod speed;
mod states;
mod stores;
mod suspended;
mod unwritten;
