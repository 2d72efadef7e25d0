//! What a reply means.

mod fuzz;
mod replies;
