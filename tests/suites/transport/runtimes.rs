//! One client in several runtimes: promise 24.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use meetbit_client::{Client, ClientBuilder};
use meetbit_tests::client::{builder, create};
use meetbit_tests::probe::lateness::Lateness;
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::record::Request;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::{Plan, Script};
use meetbit_tests::server::tls::Authority;
use tokio::runtime::{Builder, Runtime};
use tower::layer::layer_fn;

/// The ways to make a client: with the HTTP client of the SDK, with one's own, and below a layer.
const WAYS: [fn(ClientBuilder) -> ClientBuilder; 3] = [
    |builder| builder,
    |builder| builder.http_client(reqwest::Client::builder().no_proxy()),
    |builder| builder.layer(layer_fn(|inner: meetbit_client::Transport| inner)),
];

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn server() -> RawServer {
    RawServer::start(Plan::respond(|_| replies::customer()))
}

fn call(client: &Client, runtime: &Runtime) {
    let customer = runtime.block_on(create(client, "a").timeout(Duration::from_secs(5)));
    assert_eq!(customer.unwrap().id.0, 42);
}

#[test]
fn promise_24_a_runtime_that_does_not_run_delays_no_call_of_another() {
    for way in WAYS {
        let server = server();
        let client = way(builder(&server.url())).build().unwrap();
        let (first, second) = (runtime(), runtime());
        call(&client, &first); // its connection stays, and nothing drives it
        let control = Lateness::watch();
        let started = Instant::now();
        call(&client, &second);
        control.assert_within(started.elapsed(), Duration::from_secs(1));
        call(&client, &first);
        call(&client, &second);
        let record = server.finish();
        assert_eq!((record.connections.len(), record.requests.len()), (2, 4), "each runtime uses its own again");
        assert!(record.requests.iter().all(|request| !request.head.contains('@')), "{}", record.requests[1].head);
    }
}

#[test]
fn promise_24_runtimes_share_no_tls_connection_of_a_users_http_client() {
    let authority = Authority::new();
    let server = RawServer::start_tls(Plan::respond(|_| replies::customer()), authority.trusted());
    let root = reqwest::Certificate::from_der(authority.der()).unwrap();
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
    let client = builder(&server.url()).http_client(http).build().unwrap();
    let runtimes = [runtime(), runtime(), runtime()];
    for runtime in runtimes.iter().chain(&runtimes) {
        call(&client, runtime);
    }
    let record = server.finish();
    assert_eq!((record.handshakes(), record.requests.len()), (3, 6));
    for request in &record.requests {
        let host = server_host(&record.requests[0]);
        assert_eq!((server_host(request), request.header("authorization")), (host, None), "{}", request.head);
    }
}

fn server_host(request: &Request) -> &str {
    request.header("host").unwrap()
}

#[test]
fn promise_24_a_busy_runtime_delays_no_call_of_another() {
    for way in WAYS {
        let server = server();
        let client = way(builder(&server.url())).build().unwrap();
        let (busy, is_busy) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let other = thread::spawn({
            let client = client.clone();
            move || {
                runtime().block_on(async {
                    create(&client, "a").await.unwrap();
                    busy.send(()).unwrap();
                    stopped.recv().unwrap(); // blocks the runtime
                    create(&client, "b").await.unwrap();
                });
            }
        });
        is_busy.recv().unwrap();
        call(&client, &runtime());
        stop.send(()).unwrap();
        other.join().unwrap();
        assert_eq!(server.finish().requests.len(), 3);
    }
}

#[test]
fn promise_24_a_runtime_that_ends_breaks_no_call_of_another() {
    for way in WAYS {
        let slowly = |script: Script| script.read_request().wait(Duration::from_millis(300)).write(replies::customer());
        let plan = Plan::each(move |connection| match connection {
            0 => slowly(Script::new().read_request().write(replies::customer())),
            _ => slowly(Script::new()),
        });
        let server = RawServer::start(plan);
        let client = way(builder(&server.url())).build().unwrap();
        let (first, second) = (Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap(), runtime());
        call(&client, &first);
        let calling = second.spawn(create(&client, "b"));
        second.block_on(server.until(|record| record.read_in_full() == 2));
        drop(first);
        assert_eq!(second.block_on(calling).unwrap().unwrap().id.0, 42);
    }
}

#[test]
fn promise_24_runtimes_that_come_and_go_leave_nothing_behind() {
    for way in WAYS {
        let server = server();
        let client = way(builder(&server.url())).build().unwrap();
        for _ in 0..100 {
            call(&client, &runtime());
        }
        let record = server.finish();
        assert_eq!((record.connections.len(), record.requests.len()), (100, 100));
        let open = record.connections.iter().filter(|connection| connection.closed_by_client.is_none()).count();
        assert!(open <= 1, "{open}");
    }
}

#[test]
fn promise_24_blocking_and_async_calls_share_a_client() {
    let server = server();
    let client = builder(&server.url()).build().unwrap();
    let runtime = runtime();
    for _ in 0..3 {
        assert_eq!(create(&client, "a").wait().unwrap().id.0, 42);
        call(&client, &runtime);
    }
    assert_eq!(server.finish().requests.len(), 6);
}
