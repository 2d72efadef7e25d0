//! What users read of the project, and what they get when they add it to theirs.

mod crate_count;
mod declare;
mod examples;
mod guide;
mod outside_crate;
mod promises;
mod rooms;
mod snippets;
