//! Servers that follow a script, misbehave on cue and remember what they saw. Imports nothing of this crate.

pub mod faults;
pub mod ledger;
pub mod raw_server;
pub mod record;
pub mod redis;
pub mod replies;
pub mod script;
pub mod slow_path;
pub mod tls;
pub mod unreachable;

mod connection;
