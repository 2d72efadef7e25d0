//! What is sent, and what is refused before it is sent.

mod body_length;
mod checks;
mod create_customer;
mod fuzz;
mod undeclared;
mod url_length;
