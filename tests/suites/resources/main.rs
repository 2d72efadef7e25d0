//! The operations and their models, and what is common to lists and permissions.
#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod client;
mod events;
mod online_conferences;
mod pages;
mod permissions;
mod sandbox;
mod users;
