//! What the tests of `meetbit-client` are made with: servers that misbehave on cue and remember what they saw.
//!
//! ```
//! use meetbit_tests::server::{raw_server::RawServer, replies, script::{Plan, Script}};
//! use std::{io::{Read, Write}, net::TcpStream};
//!
//! let server = RawServer::start(Plan::scripts([Script::new().read_request().write(replies::customer()).close()]));
//! let mut client = TcpStream::connect(server.address())?;
//! client.write_all(b"POST /customers HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")?;
//! client.read_to_string(&mut String::new())?;
//!
//! let record = server.finish(); // panics if the server saw anything that its scripts did not expect
//! assert_eq!(record.requests[0].body, "{}");
//! assert_eq!(record.requests[0].answered, Some(200));
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod client;
pub mod operations;
pub mod probe;
pub mod server;

#[cfg(doctest)]
mod readme;
