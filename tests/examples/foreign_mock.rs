//! Calls every operation against a mock server that another tool made from the OpenAPI document: `.ci/prism`.
//!
//! ```sh
//! cargo run -p meetbit-tests --example foreign_mock -- http://127.0.0.1:4010
//! ```
#![expect(clippy::unwrap_used, reason = "what goes wrong ends the program and says where")]

use std::collections::BTreeSet;
use std::time::Duration;

use meetbit_client::{
    Client, Credentials, ErrorKind, NewUser, OnlineConferenceId, OnlineConferenceUpdate, OnlineConferences, RateLimit,
    RetryPolicy, Users,
};
use meetbit_tests::operations::{self, Operation};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mock = Mock { base_url: std::env::args().nth(1).expect("the address of the mock server is the argument") };
    mock.refuses_what_is_wrong().await;
    let document: Value = serde_saphyr::from_str(include_str!("../data/openapi.yaml")).unwrap();
    let mut seen = BTreeSet::new();
    for i in 0..mock.operations(&[]).len() {
        mock.accepts(i).await;
        for status in statuses(&document, &mock.operations(&[])[i]) {
            seen.insert(status.clone());
            for (example, kind) in meanings(&status) {
                mock.means(i, &status, example, kind).await;
            }
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["400", "401", "404", "409", "429", "500"]);
}

struct Mock {
    base_url: String,
}

impl Mock {
    /// Each access key is paced on its own, so one that has had a `429` must not hold up the next.
    fn client(&self, key: &str) -> Client {
        let builder = Client::builder("example.com").base_url(&self.base_url);
        let builder = builder.credentials(Credentials::new(key, "secret")).rate_limit(RateLimit::unlimited());
        builder.retry(RetryPolicy::never()).timeout(Duration::from_secs(20)).build().unwrap()
    }

    fn operations(&self, headers: &[(&str, &str)]) -> Vec<Operation> {
        operations::all(&self.client("foreign-mock"), headers)
    }

    /// Otherwise it would accept anything.
    async fn refuses_what_is_wrong(&self) {
        let client = self.client("foreign-mock");
        let user = client.create_user(&NewUser::new()).unchecked().await;
        assert_eq!(user.unwrap_err().kind(), ErrorKind::Validation);
        let long = OnlineConferenceUpdate::new("x".repeat(256), true);
        let conference = client.update_online_conference(OnlineConferenceId(1), &long).unchecked().await;
        assert_eq!(conference.unwrap_err().kind(), ErrorKind::Validation);
    }

    async fn accepts(&self, i: usize) {
        let operation = self.operations(&[]).swap_remove(i);
        let reply = operation.reply.await.unwrap_or_else(|error| panic!("{error}: {:?}", error.body()));
        println!("{:<60} 200 {} bytes", operation.endpoint.to_string(), reply.to_string().len());
    }

    async fn means(&self, i: usize, status: &str, example: &str, kind: ErrorKind) {
        let client = self.client(&format!("foreign-mock-{i}-{status}"));
        let prefer = format!("code={status}{example}");
        let operation = operations::all(&client, &[("prefer", &prefer)]).swap_remove(i);
        let error = operation.reply.await.unwrap_err();
        assert_eq!(error.kind(), kind, "{prefer}: {error}");
        assert_eq!(error.status().unwrap().as_str(), status, "{error}");
        println!("{:<60} {status} {kind:?}", operation.endpoint.to_string());
    }
}

/// The statuses other than success that the document has for an operation.
fn statuses(document: &Value, operation: &Operation) -> Vec<String> {
    let endpoint = operation.endpoint;
    let responses = &document["paths"][endpoint.path()][endpoint.method().as_str().to_lowercase()]["responses"];
    responses.as_object().unwrap().keys().filter(|status| *status != "200").cloned().collect()
}

/// Which of the document's examples to ask for, and what the client makes of it.
fn meanings(status: &str) -> Vec<(&'static str, ErrorKind)> {
    match status {
        "400" => vec![("", ErrorKind::Validation)],
        "401" => vec![
            (", example=unauthenticated", ErrorKind::Unauthenticated),
            (", example=unauthorized", ErrorKind::PermissionDenied),
        ],
        "404" => vec![("", ErrorKind::NotFound)],
        "409" => vec![("", ErrorKind::Conflict)],
        "429" => vec![("", ErrorKind::RateLimited)],
        "500" => vec![("", ErrorKind::Server)],
        other => panic!("the document has no status {other}"),
    }
}
