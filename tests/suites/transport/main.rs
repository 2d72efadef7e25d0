//! One attempt on the wire: what connections, replies, layers and services may do.

mod connecting;
mod gzip;
mod hyper_transport;
mod middleware;
mod runtimes;
mod tls_backend;
