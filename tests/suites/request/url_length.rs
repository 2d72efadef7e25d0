//! A URL that is too long.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use meetbit_client::http::{Request, Response};
use meetbit_client::{Api, Bytes, Call, ErrorKind, Outcome, api, api_endpoint};
use meetbit_tests::client::builder;
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::Plan;
use tower::{BoxError, layer::util::Identity, service_fn};

#[api]
trait Notes: Api {
    #[api_endpoint(get, "/notes")]
    fn list(&self, #[query] ids: &[u32]) -> Call<()>;
    #[api_endpoint(get, "/notes/{name}")]
    fn get(&self, name: &str) -> Call<()>;
}

/// Ids whose query has 70,000 bytes.
fn ids() -> Vec<u32> {
    vec![1_234_567; 70_000 / "ids=1234567&".len()]
}

#[tokio::test]
async fn promise_21_a_url_that_is_too_long_is_not_sent_and_the_error_says_how_long_it_may_be() {
    let server = RawServer::start(Plan::respond(|_| replies::reply(200, &[], "")));
    let stand_in = service_fn(|_: Request<Bytes>| async { Ok::<_, BoxError>(Response::new(Bytes::new())) });
    let clients = [
        builder(&server.url()).build().unwrap(),
        builder(&server.url()).layer(Identity::new()).build().unwrap(),
        builder(&server.url()).service(stand_in).build().unwrap(),
    ];
    for client in &clients {
        for call in
            [client.list(&ids()), client.get(&"x".repeat(66_000)), client.list(&[]).query("q", "y".repeat(66_000))]
        {
            let inspected = call.request().unwrap_err();
            let error = call.await.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::InvalidRequest, Outcome::NotSent), "{error}");
            assert_eq!(error.attempts(), 0);
            for error in [inspected, error] {
                let text = error.to_string();
                assert!(text.contains("is too long: it has 6") || text.contains("is too long: it has 7"), "{text}");
                assert!(text.contains("bytes, and at most 65534 are possible"), "{text}");
            }
        }
    }
    assert_eq!(server.finish().requests.len(), 0);
}

#[tokio::test]
async fn promise_21_a_url_of_the_greatest_length_is_sent() {
    let server = RawServer::start(Plan::respond(|_| replies::reply(200, &[], "")));
    let client = builder(&server.url()).build().unwrap();
    let start = format!("{}/notes/", server.url()).len();
    let longest = "x".repeat(65_534 - start);
    client.get(&longest).await.unwrap();
    assert_eq!(client.get(&format!("{longest}x")).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    assert_eq!(server.finish().requests[0].target().len(), "/notes/".len() + longest.len());
}
