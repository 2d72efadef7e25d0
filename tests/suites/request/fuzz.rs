//! Domains, base URLs and path arguments, mutated: `meetbit_tests::probe::fuzz` says how to run it longer and how to save a regression.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{collections::HashMap, net::IpAddr};

use meetbit_client::{Client, Credentials, ErrorKind};
use meetbit_tests::{
    client::{SECRET, Things, builder, create},
    probe::fuzz,
};

#[test]
fn promise_20_any_domain_is_a_plain_name_or_refused() {
    fuzz::run("domain", |input| {
        let domain = String::from_utf8_lossy(input);
        match Client::builder(&*domain).credentials(Credentials::new("id", SECRET)).build() {
            Ok(client) => {
                let uri = create(&client, "x").request().unwrap().uri().to_string();
                assert_eq!(uri, format!("https://{}/api/public/v2.0/customers", domain.to_ascii_lowercase()));
                assert!(domain.parse::<IpAddr>().is_err() && !domain.contains(['@', ':', '/', '\\', '%', '?', '#']));
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Config),
        }
    });
}

#[test]
fn promise_18_any_base_url_is_safe_or_refused() {
    fuzz::run("base_url", |input| {
        let url = String::from_utf8_lossy(input);
        match builder(&url).build() {
            Ok(client) => {
                let request = create(&client, "x").request().unwrap();
                let uri = request.uri();
                let host = uri.host().unwrap().trim_matches(['[', ']']);
                let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
                assert!(uri.scheme_str() == Some("https") || loopback, "{uri}");
                assert!(
                    uri.path().ends_with("/customers") && !uri.authority().unwrap().as_str().contains('@'),
                    "{uri}"
                );
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Config),
        }
    });
}

#[test]
fn promise_21_any_path_argument_is_one_segment_of_its_own_or_refused() {
    let client = builder("https://acme.example.com/prefix").build().unwrap();
    let mut seen: HashMap<String, String> = HashMap::new();
    fuzz::run("path", |input| {
        let id = String::from_utf8_lossy(input).into_owned();
        match client.get_thing(&id).request() {
            Ok(request) => {
                let path = request.uri().path().to_owned();
                let segments: Vec<_> = path.split('/').collect();
                assert!(matches!(segments[..], ["", "prefix", "things", last] if !last.is_empty()), "{path}");
                assert!(request.uri().query().is_none());
                let decoded = percent_encoding::percent_decode_str(segments[3]).decode_utf8().unwrap();
                assert_eq!(decoded, id);
                assert_eq!(*seen.entry(path).or_insert_with(|| id.clone()), id);
            }
            Err(error) => assert!(matches!(error.kind(), ErrorKind::InvalidRequest)),
        }
    });
}
