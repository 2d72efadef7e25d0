//! Clients without a network, and what they sent.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use meetbit_client::{Call, Client, Credentials, RateLimit};
use serde_json::Value;

/// What was sent.
pub(crate) type Sent = Arc<Mutex<Vec<Request<Bytes>>>>;

/// A client whose requests are kept and answered by `answer`.
pub(crate) fn answered_by(
    answer: impl Fn(&Request<Bytes>) -> Response<Bytes> + Clone + Send + Sync + 'static,
) -> (Client, Sent) {
    let sent = Sent::default();
    let kept = sent.clone();
    let service = tower::service_fn(move |request: Request<Bytes>| {
        let response = answer(&request);
        kept.lock().unwrap().push(request);
        async { Ok::<_, Infallible>(response) }
    });
    let builder = Client::builder("example.com").credentials(Credentials::new("id", "secret"));
    (builder.rate_limit(RateLimit::unlimited()).service(service).build().unwrap(), sent)
}

/// A client that answers everything with `data` in the envelope.
pub(crate) fn answered(data: &Value) -> Client {
    let body = Bytes::from(serde_json::json!({"message": "Done.", "data": data}).to_string());
    answered_by(move |_| Response::new(body.clone())).0
}

/// Method, path with query, and body of a call.
pub(crate) fn wire<T>(call: &Call<T>) -> (String, Value) {
    let request = call.request().unwrap();
    let body = serde_json::from_slice(request.body()).unwrap_or_default();
    (format!("{} {}", request.method(), request.uri().path_and_query().unwrap()), body)
}

/// What is said of a field of a request that is refused before it is sent.
pub(crate) fn refused<T>(call: &Call<T>, field: &str) -> Vec<String> {
    let error = call.request().unwrap_err();
    error.validation().unwrap().get(field).unwrap_or_default().to_vec()
}
