//! Gzip that is odd, or made to keep a client busy.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]
use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use meetbit_client::{Customer, Error, ErrorKind, Outcome};
use meetbit_tests::client::{builder, client, create};
use meetbit_tests::probe::lateness::Lateness;
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::{Plan, Script};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const GZIP: &[(&str, &str)] = &[("content-encoding", "gzip")];
const LIMIT: Duration = Duration::from_millis(500);
const LATE: Duration = Duration::from_millis(50);

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn runtimes() -> [Runtime; 2] {
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let several = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    [one, several]
}

/// What a create comes to whose reply has these pieces of gzip as its body.
async fn answered(status: u16, pieces: &[&[u8]]) -> Result<Customer, Error> {
    let length = pieces.concat().len().to_string();
    let head = replies::head(status, &[("content-encoding", "gzip"), ("content-length", &length)]);
    let mut script = Script::new().read_request().write(head);
    for piece in pieces {
        script = script.write(piece.to_vec()).wait(Duration::from_millis(20));
    }
    let server = RawServer::start(Plan::scripts([script]));
    create(&client(&server), "a").await
}

#[tokio::test]
async fn promise_13_zero_bytes_after_gzip_are_padding() {
    let whole = gzip(replies::CUSTOMER.as_bytes());
    let (zeros, many) = ([0_u8; 7], vec![0_u8; 40_000]);
    let empty = gzip(b"");
    let good: [&[&[u8]]; 6] = [
        &[&whole, &zeros],
        &[&[&whole[..], &zeros].concat()],
        &[&whole, &[0], &zeros],
        &[&whole, &many],
        &[&whole[..30], &whole[30..], &zeros],
        &[&empty, &whole, &empty, &zeros],
    ];
    for pieces in good {
        let customer = answered(200, pieces).await;
        assert_eq!(customer.unwrap().id.0, 42, "{:?}", pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn promise_13_anything_else_after_gzip_is_an_error() {
    let whole = gzip(replies::CUSTOMER.as_bytes());
    let zeros = [0_u8; 7];
    let bad: [&[&[u8]]; 6] = [
        &[&whole, &zeros, b"x"],
        &[&whole, &[&zeros[..], &whole].concat()],
        &[&whole, b"x"],
        &[&whole, &whole[..5]],
        &[&whole[..whole.len() - 1], &zeros[..0]],
        &[&zeros, &whole],
    ];
    for (index, pieces) in bad.into_iter().enumerate() {
        let error = answered(200, pieces).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Decode, Outcome::Done), "{index}: {error}");
    }
}

/// Members without content: 20 bytes each.
fn empty_members(bytes: usize) -> Vec<u8> {
    gzip(b"").repeat(bytes / 20)
}

/// One member that decompresses to a thousand times its size.
fn blanks() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let blanks = vec![b' '; 1024 * 1024];
    (0..30).for_each(|_| encoder.write_all(&blanks).unwrap());
    encoder.finish().unwrap()
}

/// Six calls at once whose replies go on with these bytes end at their deadline.
fn six_calls_end_in_time(status: u16, bytes: &[u8]) {
    for runtime in runtimes() {
        let (head, flood) = (replies::head(status, GZIP), bytes.to_vec());
        let script = move |_| Script::new().read_request().write(head.clone()).flood(flood.clone(), Duration::ZERO);
        let server = RawServer::start(Plan::each(script));
        let client = builder(&server.url()).max_response_size(1 << 30).build().unwrap();
        let control = Lateness::watch();
        let started = Instant::now();
        runtime.block_on(async {
            let mut calls = JoinSet::new();
            (0..6).for_each(|n| drop(calls.spawn(create(&client, &n.to_string()).timeout(LIMIT))));
            while let Some(result) = calls.join_next().await {
                let error = result.unwrap().unwrap_err();
                let expected = if status == 200 { ErrorKind::Timeout } else { ErrorKind::Conflict };
                assert_eq!(error.kind(), expected, "{error}");
            }
        });
        control.assert_within(started.elapsed(), LIMIT + LATE);
    }
}

#[test]
fn promise_11_gzip_that_decompresses_to_nothing_ends_in_time() {
    for piece in [20_000, 300_000, 4_000_000] {
        six_calls_end_in_time(200, &empty_members(piece));
    }
}

#[test]
fn promise_11_an_errors_gzip_that_decompresses_to_nothing_ends_in_time() {
    for piece in [20_000, 4_000_000] {
        six_calls_end_in_time(409, &empty_members(piece));
    }
}

#[test]
fn promise_11_gzip_that_grows_ends_in_time() {
    let bomb = blanks();
    six_calls_end_in_time(409, &bomb);
    for runtime in runtimes() {
        let reply = replies::reply(200, GZIP, bomb.clone());
        let server = RawServer::start(Plan::each(move |_| Script::new().read_request().write(reply.clone())));
        let client = builder(&server.url()).max_response_size(1 << 30).build().unwrap();
        let control = Lateness::watch();
        let started = Instant::now();
        let error = runtime.block_on(create(&client, "a").timeout(LIMIT / 5)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Decode), "{error}");
        control.assert_within(started.elapsed(), LIMIT / 5 + LATE);
    }
}

#[tokio::test]
async fn promise_13_compressed_bytes_are_limited_too() {
    let members = empty_members(400_000);
    let server = RawServer::start(Plan::scripts([Script::new()
        .read_request()
        .write(replies::head(200, GZIP))
        .flood(members, Duration::ZERO)]));
    let client = builder(&server.url()).max_response_size(100_000).build().unwrap();
    let error = create(&client, "a").timeout(Duration::from_secs(20)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::TooLarge, Outcome::Done));
}
