//! Set-up: environment variables, and what the builder shows.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::env;
use std::process::Command;

use meetbit_client::{Client, Credentials, ErrorKind};
use meetbit_tests::probe::leak;

const VARIABLES: [&str; 4] =
    ["MEETBIT_DOMAIN", "MEETBIT_ACCESS_KEY_ID", "MEETBIT_ACCESS_KEY_SECRET", "MEETBIT_BASE_URL"];
const WHOLE: [Option<&str>; 4] = [Some("acme.example.com"), Some("id"), Some("s3cret"), None];

/// What `Client::from_env` comes to with these values, in a process of its own.
fn from_env(test: &str, values: [Option<&str>; 4]) -> Option<String> {
    const CHILD: &str = "MEETBIT_TEST_CHILD";
    if env::var_os(CHILD).is_some() {
        match Client::from_env() {
            Ok(client) => println!("came to {client:?}"),
            Err(error) => println!("came to {:?} {error}", error.kind()),
        }
        return None;
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", &format!("environment::{test}"), "--nocapture"]).env(CHILD, "");
    for (name, value) in VARIABLES.into_iter().zip(values) {
        match value {
            Some(value) => child.env(name, value),
            None => child.env_remove(name),
        };
    }
    let output = String::from_utf8(child.output().unwrap().stdout).unwrap();
    let (_, result) = output.split_once("came to ").unwrap();
    Some(result.lines().next().unwrap().to_owned())
}

#[test]
fn promise_19_an_empty_base_url_counts_as_unset() {
    const TEST: &str = "promise_19_an_empty_base_url_counts_as_unset";
    let Some(empty) = from_env(TEST, [WHOLE[0], WHOLE[1], WHOLE[2], Some("")]) else { return };
    assert_eq!(Some(empty), from_env(TEST, WHOLE));
    let other = from_env(TEST, [WHOLE[0], WHOLE[1], WHOLE[2], Some("https://proxy.example.com/v3")]).unwrap();
    assert!(other.contains("https://proxy.example.com/v3"), "{other}");
}

#[test]
fn promise_19_an_empty_variable_is_named() {
    for missing in 0..3 {
        let mut values = WHOLE;
        values[missing] = Some("");
        let Some(error) = from_env("promise_19_an_empty_variable_is_named", values) else { return };
        assert_eq!(error, format!("Config the environment variable {} is empty", VARIABLES[missing]));
    }
}

#[test]
fn promise_19_all_missing_variables_are_told_at_once() {
    const TEST: &str = "promise_19_all_missing_variables_are_told_at_once";
    let Some(none) = from_env(TEST, [None; 4]) else { return };
    let named = "the environment variable MEETBIT_DOMAIN is not set; the environment variable MEETBIT_ACCESS_KEY_ID is not \
                 set; the environment variable MEETBIT_ACCESS_KEY_SECRET is not set";
    assert_eq!(none, format!("Config {named}"));
    let some = from_env(TEST, [WHOLE[0], Some(""), None, Some("https://proxy.example.com")]).unwrap();
    assert!(some.contains("MEETBIT_ACCESS_KEY_ID is empty; ") && some.contains("SECRET is not set"), "{some}");
    assert!(!some.contains("DOMAIN") && !some.contains("BASE_URL"), "{some}");
}

#[test]
fn promise_19_every_variable_that_cannot_be_used_is_named_without_its_value() {
    const TEST: &str = "promise_19_every_variable_that_cannot_be_used_is_named_without_its_value";
    const SECRET: &str = " planted-5ecret";
    let url = "nonsense.planted-5ecret";
    let Some(all) = from_env(TEST, [Some("acme example"), Some(" id"), Some(SECRET), Some(url)]) else { return };
    for (variable, setting) in VARIABLES.into_iter().zip([
        "the tenant's domain has a character other than",
        "the access key id has",
        "the access key secret has",
        "the base URL is not a URL such as `https://acme.example.com/api/public/v2.0`",
    ]) {
        assert!(all.contains(&format!("the environment variable {variable} cannot be used: {setting}")), "{all}");
    }
    leak::assert_absent(&all, SECRET.trim());
}

#[test]
fn promise_16_debug_of_a_builder_shows_no_part_of_a_base_url_that_may_be_secret() {
    const SECRET: &str = "t0psecret-9876";
    let urls = [
        format!("https://user:{SECRET}@acme.example.com/a"),
        format!("https://{SECRET}@acme.example.com/a"),
        format!("https://acme.example.com/a?token={SECRET}"),
        format!("https://acme.example.com/a#{SECRET}"),
        format!("not a URL {SECRET}"),
        format!("mailto:{SECRET}"),
        format!("http://user:{SECRET}@127.0.0.1:99999/"),
    ];
    for url in urls {
        let builder = Client::builder("acme.example.com").credentials(Credentials::new("id", SECRET)).base_url(&url);
        let shown = format!("{builder:?} {builder:#?}");
        leak::assert_absent(&shown, SECRET);
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        leak::assert_absent(&format!("{error} {error:?}"), SECRET);
    }
    let domain = Client::builder(format!("user:{SECRET}@acme.example.com"));
    leak::assert_absent(&format!("{domain:?}"), SECRET);
    let plain = Client::builder("acme.example.com").base_url("https://proxy.example.com:8443/v3");
    let shown = format!("{plain:?}");
    assert!(shown.contains("acme.example.com") && shown.contains("https://proxy.example.com:8443/v3"), "{shown}");
}
