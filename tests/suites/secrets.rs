//! The secret stands nowhere, and callers cannot take its place: promises 16 and 19.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    env,
    error::Error as StdError,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
    time::Duration,
};

use meetbit_client::{Client, Credentials, Error, ErrorKind, Outcome, RateLimit, RetryPolicy};
use meetbit_tests::{
    client::{SECRET, Things, builder, client, create},
    probe::{leak, log_trap::LogTrap},
    server::{
        faults,
        ledger::marker,
        raw_server::RawServer,
        replies,
        script::{Plan, Script},
        tls::Authority,
        unreachable::Refusing,
    },
};
use tokio::task::JoinSet;

/// Everything that can be asked of an error, in words.
fn words(error: &Error) -> String {
    let mut words = format!(
        "{error} {error:?} {error:#?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        error.body(),
        error.validation(),
        error.validation().map(ToString::to_string),
        error.status(),
        error.headers(),
        error.data_id(),
        error.data_field("email")
    );
    let mut source = error.source();
    while let Some(cause) = source {
        words.extend([cause.to_string(), format!("{cause:?} {cause:#?}")]);
        source = cause.source();
    }
    words
}

#[track_caller]
fn assert_silent(value: &impl Debug) {
    leak::assert_absent(&format!("{value:?} {value:#?}"), SECRET);
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_16_no_fault_brings_the_secret_into_a_log_or_an_error() {
    let trap = LogTrap::set();
    let mut seeds = JoinSet::new();
    for seed in 0..60 {
        seeds.spawn(async move {
            let server = RawServer::start(faults::plan(seed));
            let client = builder(&server.url())
                .timeout(Duration::from_millis(1200))
                .attempt_timeout(Duration::from_millis(300))
                .build()
                .unwrap();
            for n in 0..3 {
                match create(&client, &marker(n)).send().await {
                    Ok(response) => assert_silent(&response),
                    Err(error) => leak::assert_absent(&words(&error), SECRET),
                }
                match client.get_thing("1").send().await {
                    Ok(response) => assert_silent(&response),
                    Err(error) => leak::assert_absent(&words(&error), SECRET),
                }
            }
            tokio::task::spawn_blocking(|| drop(server)).await.unwrap();
        });
    }
    while let Some(seed) = seeds.join_next().await {
        seed.unwrap();
    }
    let gone = builder(&format!("http://{}", Refusing::new().address())).build().unwrap();
    leak::assert_absent(&words(&create(&gone, "x").await.unwrap_err()), SECRET);
    let authority = Authority::new();
    let untrusted = RawServer::start_tls(Plan::each(|_| Script::new()), authority.trusted());
    leak::assert_absent(&words(&create(&client(&untrusted), "x").await.unwrap_err()), SECRET);
    let trusted = RawServer::start_tls(Plan::respond(|_| replies::customer()), authority.trusted());
    let http = reqwest::Client::builder()
        .connection_verbose(true) // would log every byte
        .tls_certs_only([reqwest::Certificate::from_der(authority.der()).unwrap()]);
    create(&builder(&trusted.url()).http_client(http).build().unwrap(), "x").await.unwrap();
    trap.assert_absent(SECRET);
    assert!(trap.text().contains("hyper") && trap.text().contains("meetbit"), "the trap hears them");
}

#[tokio::test]
async fn promise_16_a_server_that_echoes_the_secret_is_not_quoted() {
    let escaped = SECRET.replace('P', "\\u0050");
    let json = |text: &str| format!(r#"{{"message":"{text}","errors":{{"{text}":["{text}",{{"a":"{text}"}}]}}}}"#);
    let header = ("x-echo", SECRET);
    let location = format!("https://{SECRET}/");
    let query = format!("https://evil.example/?{SECRET}");
    let replies = [
        replies::reply(200, &[header], replies::CUSTOMER),
        replies::reply(200, &[header], SECRET),
        replies::reply(200, &[("content-encoding", SECRET)], SECRET),
        replies::reply(200, &[("content-type", SECRET)], format!(r#"{{"data":"{SECRET}"}}"#)),
        replies::reply(200, &[], format!(r#"{{"{SECRET}":1}}"#)),
        replies::reply(200, &[], format!(r#"{{"data":{{"id":"{SECRET}"}}}}"#)),
        replies::reply(400, &[header], json(SECRET)),
        replies::reply(400, &[header], json(&escaped)),
        replies::reply(400, &[header], SECRET),
        replies::reply(401, &[("www-authenticate", SECRET)], SECRET),
        replies::reply(404, &[header], SECRET),
        replies::reply(409, &[header], SECRET),
        replies::reply(409, &[header], "x".repeat(8180) + SECRET),
        replies::reply(418, &[header], SECRET),
        replies::reply(429, &[("retry-after", SECRET)], SECRET),
        replies::reply(429, &[("retry-after", "100")], SECRET),
        replies::reply(500, &[header], SECRET),
        replies::reply(302, &[("location", &location)], SECRET),
        replies::reply(302, &[("location", &query)], SECRET),
        format!("HTTP/1.1 500 {SECRET}\r\ncontent-length: 0\r\n\r\n").into(),
        format!("HTTP/1.1 {SECRET}\r\n\r\n").into(),
        format!("HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n").into(),
        format!("HTTP/1.1 200 OK\r\ncontent-length: {SECRET}\r\n\r\n").into(),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{SECRET}\r\n").into(),
        SECRET.into(),
    ];
    let trap = LogTrap::set();
    for reply in replies {
        let text = String::from_utf8_lossy(&reply).into_owned();
        let server = RawServer::start(Plan::each(move |_| Script::new().read_request().write(reply.clone()).close()));
        match create(&client(&server), &marker(1)).retry(RetryPolicy::never()).send().await {
            Ok(response) => assert_silent(&response),
            Err(error) => assert!(leak::find(&words(&error), SECRET).is_none(), "{text}: {error:?}"),
        }
    }
    trap.assert_absent(SECRET);
}

#[tokio::test]
async fn promise_16_a_secret_that_json_has_to_escape_is_not_quoted_either() {
    let secret = r#"PLANTED"quote\and-backslash"#;
    for body in [serde_json::json!({ "message": secret, "errors": { "a": [secret] } }).to_string(), secret.to_owned()] {
        for status in [400, 409, 500] {
            let body = body.clone();
            let server = RawServer::start(Plan::respond(move |_| replies::reply(status, &[], &body)));
            let client = builder(&server.url()).credentials(Credentials::new("id", secret)).build().unwrap();
            leak::assert_absent(&words(&create(&client, "x").await.unwrap_err()), secret);
        }
    }
}

#[tokio::test]
async fn promise_16_other_spellings_of_the_secret_are_not_quoted_either() {
    let secret = "PLANTED</s3cret&of>the\"tests";
    let php = secret.replace('/', "\\/").replace('"', "\\\"");
    let spellings = [
        php.replace('<', "\\u003C").replace('>', "\\u003E").replace('&', "\\u0026"),
        php,
        secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
        "PLANTED%3C%2Fs3cret%26of%3Ethe%22tests".to_owned(),
        secret.to_lowercase(),
        secret[..secret.len() - 1].replace('"', "\\\""),
    ];
    for spelling in spellings {
        let bodies = [
            format!(r#"{{"message":"{spelling}"}}"#),
            format!(r#"{{"message":"a","errors":{{"email":["{spelling}"]}}}}"#),
            format!("the key {spelling}"),
            format!(r#"{{"data":{{"id":"x","email":"{spelling}"}}}}"#),
        ];
        for (status, body) in
            [400, 409, 500, 200].into_iter().flat_map(|status| bodies.clone().map(|body| (status, body)))
        {
            let shown = body.clone();
            let header = spelling.clone();
            let server =
                RawServer::start(Plan::respond(move |_| replies::reply(status, &[("x-echo", &*header)], &body)));
            let client = builder(&server.url()).credentials(Credentials::new("id", secret)).build().unwrap();
            let Err(error) = create(&client, "x").retry(RetryPolicy::never()).await else { continue };
            let said = words(&error).to_lowercase();
            assert!(!said.contains("s3cret"), "{status} {shown}: {said}");
        }
        let fields = [("x-echo", spelling.clone()), ("x-request-id", "7".to_owned())];
        let server = RawServer::start(Plan::respond(move |_| {
            let fields = fields.each_ref().map(|(name, value)| (*name, &**value));
            replies::reply(201, &fields, replies::CUSTOMER)
        }));
        let client = builder(&server.url()).credentials(Credentials::new("id", secret)).build().unwrap();
        let response = create(&client, "x").send().await.unwrap();
        assert!(response.headers["x-echo"].is_sensitive(), "{spelling}");
        assert!(!response.headers["x-request-id"].is_sensitive());
    }
}

/// A server that writes the secret into JSON without escapes makes a text in which a backslash of the secret is not an escape, or one
/// of another character.
#[tokio::test]
async fn promise_16_a_secret_that_breaks_the_json_around_it_is_not_quoted_either() {
    for secret in
        [r"PLANTED\quoted-s3cret", r"PLANTED\never-s3cret", r#"PLANTED"quoted-s3cret"#, r"PLANTED\ud800-s3cret"]
    {
        for body in [
            format!(r#"{{"message":"the key {secret} is wrong"}}"#),
            format!(r#"{{"message":"a","errors":{{"{secret}":["{secret}"]}}}}"#),
        ] {
            let server = RawServer::start(Plan::respond(move |_| replies::reply(400, &[], &body)));
            let client = builder(&server.url()).credentials(Credentials::new("id", secret)).build().unwrap();
            let said = words(&create(&client, "x").await.unwrap_err());
            assert!(!said.contains("s3cret"), "{secret}: {said}");
        }
    }
}

/// Without a bound on the work, each of these texts takes minutes.
#[tokio::test]
async fn promise_13_long_runs_of_escapes_are_redacted_in_linear_time() {
    let (backslashes, percents) = ("\\".repeat(400_000), format!("%{}", "25".repeat(200_000)));
    for (secret, runs) in [(SECRET, [&backslashes, &percents]), (r"\PLANTED\in-front", [&backslashes, &percents])] {
        for run in runs {
            let text = run.clone();
            let service = tower::service_fn(move |request: http::Request<bytes::Bytes>| {
                let status = if request.method() == http::Method::GET { 500 } else { 200 };
                let body = serde_json::json!({"message": text}).to_string();
                let reply = http::Response::builder().status(status).header("x-run", &*text);
                std::future::ready(Ok::<_, std::convert::Infallible>(reply.body(bytes::Bytes::from(body)).unwrap()))
            });
            let credentials = Credentials::new("id", secret);
            let client = builder("http://127.0.0.1:9").credentials(credentials).service(service).build().unwrap();
            let message = client.delete_thing("1").send().await.unwrap().message.unwrap();
            assert!(message == *run || message.ends_with("[redacted]") && secret != SECRET);
            let error = client.get_thing("1").retry(RetryPolicy::never()).await.unwrap_err();
            let header = &error.headers().unwrap()["x-run"];
            assert!(header == run || header == "[redacted]" && secret != SECRET);
        }
    }
}

#[tokio::test]
async fn promise_16_headers_of_an_error_do_not_show_the_secret() {
    let fields = [("x-request-id", "7"), ("x-echo", SECRET), ("x-part", "key=PLANTED#*S3CRET-0f-the-tests;")];
    for (status, body) in [(500, "x"), (404, "x"), (400, "{}"), (200, "x"), (302, "")] {
        let server = RawServer::start(Plan::respond(move |_| replies::reply(status, &fields, body)));
        let error = create(&client(&server), "x").retry(RetryPolicy::never()).await.unwrap_err();
        let headers = error.headers().unwrap();
        assert_eq!(headers["x-request-id"], "7");
        for name in ["x-echo", "x-part"] {
            assert_eq!(headers[name], "[redacted]", "{status}");
            assert!(headers[name].is_sensitive());
        }
    }
    let refusing = Refusing::new();
    let gone = builder(&format!("http://{}", refusing.address())).build().unwrap();
    assert!(create(&gone, "x").await.unwrap_err().headers().is_none(), "there was no reply");
}

#[tokio::test]
async fn promise_16_a_response_has_its_body_and_does_not_show_it() {
    let body = replies::CUSTOMER.replace("}}", &format!(r#"}},"echo":"{SECRET}"}}"#));
    let sent = body.clone();
    let server = RawServer::start(Plan::respond(move |_| replies::reply(201, &[], &sent)));
    let response = create(&client(&server), "x").send().await.unwrap();
    assert_eq!(response.body, body);
    assert_silent(&response);
}

#[tokio::test]
async fn promise_16_no_public_type_shows_the_secret() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let builder = || builder(&server.url()).rate_limit(RateLimit::default());
    let client = builder().build().unwrap();
    let call = create(&client, "x");
    assert_silent(&Credentials::new("id", SECRET));
    assert_silent(&builder());
    assert_silent(&client);
    assert_silent(&call);
    assert_silent(&call.request().unwrap());
    assert_silent(&call.clone().send());
    assert_silent(&client.rate_limit_status());
    assert_silent(&call.send().await.unwrap());
    let unwinding = catch_unwind(AssertUnwindSafe(|| panic!("{client:?} {:?}", builder())));
    leak::assert_absent(unwinding.unwrap_err().downcast_ref::<String>().unwrap(), SECRET);

    let seen = server.finish().requests;
    assert_eq!(seen[0].header("x-access-key-secret"), Some(SECRET), "but the server gets it");
}

#[tokio::test]
async fn promise_16_middleware_gets_the_secret_marked_as_sensitive() {
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let service = tower::service_fn(move |request: http::Request<bytes::Bytes>| {
        sender.send(format!("{request:?}")).unwrap();
        assert!(request.headers()["x-access-key-secret"].is_sensitive());
        async { Err::<http::Response<bytes::Bytes>, _>("the service is out of order") }
    });
    let client = builder("http://127.0.0.1:9").service(service).build().unwrap();
    let error = create(&client, "x").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Network, Outcome::Unknown));
    leak::assert_absent(&words(&error), SECRET);
    leak::assert_absent(&seen.recv().await.unwrap(), SECRET);
}

#[test]
fn promise_19_a_key_that_cannot_be_a_header_is_refused_without_showing_it() {
    let bad = [
        "",
        " ",
        "PLANTED-bad\r\nx: y",
        "PLANTED-bad\n",
        "PLANTED-bad\0",
        " PLANTED-bad",
        "PLANTED-bad\t",
        "PLANTED-b\u{e4}d",
        "PLANTED\u{7f}bad",
    ];
    for text in bad {
        for credentials in [Credentials::new(text, SECRET), Credentials::new("id", text)] {
            let error = Client::builder("acme.example.com").credentials(credentials).build().unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Config, Outcome::NotSent), "{text:?}");
            assert!(!words(&error).contains("PLANTED") && error.to_string().contains("the access key "), "{error}");
        }
    }
    let spaces = Credentials::new("id", "in ner#*!~");
    assert!(Client::builder("acme.example.com").credentials(spaces).build().is_ok(), "any visible ASCII is legal");
    for agent in ["", "a\r\nb", " a", "ä\0"] {
        let builder = Client::builder("acme.example.com").credentials(Credentials::new("id", SECRET)).user_agent(agent);
        assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::Config, "{agent:?}");
    }
}

#[tokio::test]
async fn promise_19_callers_cannot_set_what_is_the_clients_own() {
    let server = RawServer::start(Plan::scripts([])); // nothing is sent
    let client = client(&server);
    let own = [
        "x-access-key-id",
        "X-Access-Key-Secret",
        "Host",
        "content-length",
        "Transfer-Encoding",
        "connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "accept-encoding",
        "content-encoding",
    ];
    for name in own {
        let error = create(&client, "x").header(name, "PLANTED-value").await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::InvalidRequest, Outcome::NotSent), "{name}");
        assert!(!words(&error).contains("PLANTED"), "{error}");
    }
    let bad = ["", " ", "PLANTED\r\nx: y", "PLANTED\n", " PLANTED", "PLANTED ", "PLANTED\0", "PLANTED\u{7f}"];
    for value in bad {
        let set = create(&client, "x").header("x-trace", value).await.unwrap_err();
        let declared = client.list_things(None, value).await.unwrap_err();
        for error in [set, declared] {
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::InvalidRequest, Outcome::NotSent), "{value:?}");
            assert!(!words(&error).contains("PLANTED"), "{error}");
        }
    }
    for name in ["", "a b", "a:b", "a\r\nb", "ä"] {
        assert_eq!(create(&client, "x").header(name, "y").await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    }
}

/// Runs itself with these variables; the child says what came of it.
#[test]
fn promise_19_what_the_environment_lacks_is_named_and_nothing_is_shown() {
    const CHILD: &str = "MEETBIT_TEST_CHILD";
    if env::var_os(CHILD).is_some() {
        println!("came to {:?}", Client::from_env().map_err(|error| words(&error)));
        return;
    }
    let whole = [
        ("MEETBIT_DOMAIN", "acme.example.com"),
        ("MEETBIT_ACCESS_KEY_ID", "id"),
        ("MEETBIT_ACCESS_KEY_SECRET", SECRET),
    ];
    let run = |variables: &[(&str, &str)]| {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "promise_19_what_the_environment_lacks_is_named_and_nothing_is_shown", "--nocapture"]);
        for (name, _) in &whole {
            child.env_remove(name);
        }
        let done = child.env(CHILD, "").env("RUST_BACKTRACE", "1").envs(variables.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        leak::assert_absent(&said, SECRET);
        said
    };
    assert!(run(&whole).contains("came to Ok"));
    for missing in 0..3 {
        let some: Vec<_> = whole.iter().enumerate().filter(|(i, _)| *i != missing).map(|(_, pair)| *pair).collect();
        assert!(run(&some).contains(&format!("the environment variable {} is not set", whole[missing].0)));
    }
    let broken = format!("{SECRET}\n");
    let said = run(&[whole[0], whole[1], ("MEETBIT_ACCESS_KEY_SECRET", &broken)]);
    assert!(said.contains("the access key secret has a line break"), "{said}");
}
