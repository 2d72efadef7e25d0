//! What is sent, and what is refused before it is sent.

mod checks;
mod create_customer;
mod fuzz;
