//! The sandbox seen from outside: through a raw socket, and once through an ordinary client.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod customers;
mod document;
mod events;
mod faults;
mod http_server;
mod ledger;
mod lifecycle;
mod limits;
mod online_conferences;
mod own_endpoints;
mod permissions;
mod socket;
mod users;
mod webhooks;
mod wire;
