//! Clients without a network.

use std::convert::Infallible;

use bytes::Bytes;
use meetbit_client::{Client, Credentials, RateLimit};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// A client that is answered with `reply`, whatever it sends.
pub(crate) fn answered(reply: &Value) -> Client {
    let body = Bytes::from(reply.to_string());
    let service = tower::service_fn(move |_: http::Request<Bytes>| {
        let response = http::Response::new(body.clone());
        async { Ok::<_, Infallible>(response) }
    });
    let builder = Client::builder("example.com").credentials(Credentials::new("id", "secret"));
    builder.rate_limit(RateLimit::unlimited()).service(service).build().unwrap()
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
