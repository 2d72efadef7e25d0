//! The harness does what it says, seen by a plain socket.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    collections::HashSet,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use meetbit_tests::{
    probe::{
        allocations::{self, Allocator},
        lateness::Lateness,
        leak,
        log_trap::LogTrap,
    },
    server::{
        faults::{self, Fault},
        ledger::{Ledger, marker},
        raw_server::RawServer,
        record::Record,
        replies,
        script::{Plan, Script},
        tls::{Authority, PROTOCOL_VERSION_ALERT},
        unreachable::{Refusing, Unanswering},
    },
};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version,
};

#[global_allocator]
static ALLOCATOR: Allocator = allocations::ALLOCATOR;

const REQUEST: &str = "POST /customers HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
const PAUSE: Duration = Duration::from_millis(20);

mod reading {
    use super::*;

    #[test]
    fn a_request_is_recorded_with_the_times_of_its_head_and_body() {
        let server = one(Script::new().read_request().write(replies::customer()));
        let mut client = connect(&server);
        let (head, body) = REQUEST.split_at(REQUEST.len() - 4);
        client.write_all(head.as_bytes()).unwrap();
        wait(&server, |record| record.requests.len() == 1);
        assert_eq!(server.record().read_in_full(), 0);
        let between = Instant::now();
        client.write_all(body.as_bytes()).unwrap();
        wait(&server, |record| record.read_in_full() == 1);
        drop(client);

        let request = &server.finish().requests[0];
        assert_eq!((request.method(), request.target()), ("POST", "/customers"));
        assert_eq!((request.header("HOST"), request.header("none")), (Some("x"), None));
        assert_eq!((&*request.head, &*request.body), (head, body.as_bytes()));
        assert!(request.head_read < between && between < request.body_read.unwrap());
    }

    #[test]
    fn read_exact_reads_part_of_a_body_which_is_not_reading_in_full() {
        let server = one(Script::new().read_head().read_exact(3).reset());
        assert_eq!(exchange(&server, REQUEST).unwrap_err().kind(), ErrorKind::ConnectionReset);
        let record = server.finish();
        assert_eq!(record.requests[0].body, "bod");
        assert_eq!((record.requests[0].body_read, record.requests[0].answered), (None, None));
    }

    #[test]
    fn read_exact_and_read_body_together_read_in_full() {
        let server = one(Script::new().read_head().read_exact(3).read_body().close());
        assert_eq!(exchange(&server, REQUEST).unwrap(), "");
        let record = server.finish();
        assert_eq!(record.requests[0].body, "body");
        assert_eq!(record.read_in_full(), 1);
    }

    #[test]
    fn stop_reading_lets_the_clients_writes_stall() {
        let server = one(Script::new().read_head().stop_reading());
        let mut client = connect(&server);
        client.write_all(b"POST / HTTP/1.1\r\ncontent-length: 100000000\r\n\r\n").unwrap();
        client.set_write_timeout(Some(PAUSE)).unwrap();
        assert_eq!(client.write_all(&vec![b'x'; 100_000_000]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

mod writing {
    use super::*;

    #[test]
    fn write_sends_the_bytes_as_they_are() {
        let server = one(Script::new().write("any\0thing").close());
        assert_eq!(exchange(&server, "").unwrap(), "any\0thing");
    }

    #[test]
    fn drip_sends_chunks_with_pauses_between() {
        let server = one(Script::new().drip("abcde", 2, PAUSE).close());
        let started = Instant::now();
        let mut client = connect(&server);
        let mut chunk = [0; 10];
        assert_eq!(client.read(&mut chunk).unwrap(), 2);
        assert_eq!(read_all(&mut client).unwrap(), "cde");
        assert!(started.elapsed() >= 2 * PAUSE);
    }

    #[test]
    fn flood_goes_on_until_the_client_closes() {
        let server = one(Script::new().flood(replies::head(103, &[]), Duration::ZERO));
        let mut client = connect(&server);
        client.read_exact(&mut vec![0; 100_000]).unwrap();
        drop(client);
        wait(&server, |record| record.connections[0].closed_by_client.is_some());
    }

    #[test]
    fn a_flood_ends_with_the_server() {
        let server = one(Script::new().flood(replies::head(103, &[]), Duration::ZERO));
        let mut client = connect(&server);
        let reader = thread::spawn(move || io::copy(&mut client, &mut io::sink()));
        wait(&server, |record| record.connections.len() == 1);
        drop(server);
        reader.join().unwrap().unwrap();
    }

    #[test]
    fn wait_delays_the_next_step_and_keeps_what_comes_meanwhile() {
        let server = one(Script::new().wait(PAUSE).read_request().write("late").close());
        let started = Instant::now();
        assert_eq!(exchange(&server, REQUEST).unwrap(), "late");
        assert!(started.elapsed() >= PAUSE);
        assert_eq!(server.finish().read_in_full(), 1);
    }

    #[test]
    fn the_status_is_that_of_the_final_reply_whose_head_went_out_whole() {
        let interim = replies::head(100, &[]);
        let answer = |text: String| {
            let server = one(Script::new().read_request().drip(text, 7, Duration::ZERO).close());
            exchange(&server, REQUEST).unwrap();
            server.finish().requests[0].answered
        };
        assert_eq!(answer(interim.repeat(3) + &replies::head(503, &[])), Some(503));
        assert_eq!(answer(interim), None);
        assert_eq!(answer("HTTP/1.1 429 Too Many Requests\r\n".into()), None);
        assert_eq!(answer("not HTTP\r\n\r\n".into()), None);
    }

    #[test]
    fn replies_are_well_formed() {
        assert_eq!(
            replies::reply(404, &[("a", "b")], "no"),
            "HTTP/1.1 404 Not Found\r\na: b\r\ncontent-length: 2\r\n\r\nno"
        );
        assert!(serde_json::from_str::<serde_json::Value>(replies::CUSTOMER).is_ok());
        let limited = String::from_utf8(replies::too_many_requests(Some("60")).into()).unwrap();
        assert!(limited.starts_with("HTTP/1.1 429 ") && limited.contains("\r\nretry-after: 60\r\n"), "{limited}");
    }
}

mod endings {
    use super::*;

    #[test]
    fn close_ends_in_order() {
        assert_eq!(exchange(&one(Script::new().read_request().close()), REQUEST).unwrap(), "");
    }

    #[test]
    fn reset_is_a_reset() {
        let server = one(Script::new().read_request().reset());
        assert_eq!(exchange(&server, REQUEST).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    #[test]
    fn half_close_ends_one_side_and_reads_on() {
        let server = one(Script::new().half_close().read_request().silence());
        let mut client = connect(&server);
        assert_eq!(read_all(&mut client).unwrap(), "");
        client.write_all(REQUEST.as_bytes()).unwrap();
        wait(&server, |record| record.read_in_full() == 1);
    }

    #[test]
    fn silence_holds_until_the_client_closes() {
        let server = one(Script::new().read_request().silence());
        let mut client = connect(&server);
        client.write_all(REQUEST.as_bytes()).unwrap();
        client.set_read_timeout(Some(PAUSE)).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(server.record().connections[0].closed_by_client.is_none());
        drop(client);
        wait(&server, |record| record.connections[0].closed_by_client.is_some());
    }

    #[test]
    fn the_server_ends_when_it_is_dropped() {
        let server = one(Script::new().stop_reading());
        let (address, mut client) = (server.address(), connect(&server));
        wait(&server, |record| record.connections.len() == 1);
        drop(server);
        assert_eq!(read_all(&mut client).unwrap(), "");
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn refuse_closes_the_port_for_a_while() {
        let time = 25 * PAUSE;
        let server = RawServer::start(Plan::each(move |_| Script::new().refuse(time).write("refusing").close()));
        let started = Instant::now();
        assert_eq!(exchange(&server, "").unwrap(), "refusing");
        let refused = TcpStream::connect(server.address());
        if started.elapsed() < time {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        } // else this machine is too busy to tell
        while TcpStream::connect(server.address()).is_err() {}
        assert!(started.elapsed() >= time);
    }
}

mod violations {
    use super::*;

    #[test]
    fn bytes_in_silence_are_a_violation_even_just_before_the_end() {
        let server = one(Script::new().read_request().write("reply"));
        let mut client = connect(&server);
        client.write_all(REQUEST.as_bytes()).unwrap();
        client.read_exact(&mut [0; 5]).unwrap();
        client.write_all(b"more").unwrap();
        assert!(panic_of(|| drop(server.finish())).contains("connection 0 did not expect bytes: more"));
    }

    #[test]
    fn a_connection_without_a_script_is_a_violation_even_just_before_the_end() {
        let server = RawServer::start(Plan::scripts([]));
        let _client = connect(&server);
        assert!(panic_of(|| drop(server)).contains("connection 0 has no script"));
    }

    #[test]
    fn a_body_that_is_not_framed_by_its_length_is_a_violation() {
        let server = one(Script::new().read_request());
        let _ = exchange(&server, "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
        assert!(panic_of(|| drop(server)).contains("framed by"));
    }

    #[test]
    fn a_handler_that_panics_is_a_violation() {
        let server = RawServer::start(Plan::respond(|_| panic!("handler")));
        let _ = exchange(&server, REQUEST);
        assert!(panic_of(|| drop(server)).contains("script panicked"));
    }
}

mod answering {
    use super::*;

    #[test]
    fn respond_keeps_the_connection_and_counts() {
        let server = RawServer::start(Plan::respond(|request| replies::reply(200, &[], &request.body)));
        let mut client = connect(&server);
        for _ in 0..3 {
            client.write_all(REQUEST.as_bytes()).unwrap();
            let mut reply = vec![0; replies::reply(200, &[], "body").len()];
            client.read_exact(&mut reply).unwrap();
            assert!(reply.ends_with(b"body"));
        }
        let record = server.finish();
        assert_eq!((record.connections.len(), record.read_in_full()), (1, 3));
        assert!(record.requests.iter().all(|request| request.answered == Some(200)));
    }

    #[tokio::test]
    async fn until_waits_for_what_the_server_sees() {
        let server = RawServer::start(Plan::respond(|_| replies::customer()));
        let mut client = connect(&server);
        let (record, ()) = tokio::join!(server.until(|record| record.read_in_full() == 1), async {
            client.write_all(REQUEST.as_bytes()).unwrap();
        });
        assert_eq!(record.requests[0].body, "body");
    }

    #[test]
    fn busiest_counts_a_half_open_window() {
        let server = RawServer::start(Plan::respond(|_| replies::customer()));
        let mut client = connect(&server);
        for count in 1..=4 {
            client.write_all(REQUEST.as_bytes()).unwrap();
            wait(&server, |record| record.read_in_full() == count);
        }
        let mut record = server.finish();
        let start = record.requests[0].head_read;
        for (request, at) in record.requests.iter_mut().zip([0, 999, 1000, 1998]) {
            request.head_read = start + Duration::from_millis(at);
        }
        assert_eq!(record.busiest(Duration::from_secs(1)), 3);
        assert_eq!(record.busiest(Duration::from_millis(999)), 2);
        assert_eq!(Record::default().busiest(Duration::from_secs(1)), 0);
    }
}

mod unreachable_ports {
    use super::*;

    #[test]
    fn refusing_refuses() {
        let port = Refusing::new();
        assert_eq!(TcpStream::connect(port.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn unanswering_lets_connecting_hang() {
        let port = Unanswering::new().await;
        let connecting = TcpStream::connect_timeout(&port.address(), 10 * PAUSE);
        assert_eq!(connecting.unwrap_err().kind(), ErrorKind::TimedOut);
    }
}

mod tls {
    use super::*;

    #[test]
    fn the_twin_plays_the_same_scripts() {
        let authority = Authority::new();
        for (config, version) in [
            (authority.trusted(), &version::TLS12),
            (authority.trusted(), &version::TLS13),
            (authority.only_tls12(), &version::TLS12),
            (authority.only_tls13(), &version::TLS13),
        ] {
            for host in meetbit_tests::server::tls::HOSTS {
                let server = RawServer::start_tls(
                    Plan::scripts([Script::new().read_request().write("reply").close()]),
                    config.clone(),
                );
                let mut client = tls_client(server.address(), &authority, host, version);
                client.write_all(REQUEST.as_bytes()).unwrap();
                assert_eq!(read_all(&mut client).unwrap(), "reply");
                let record = server.finish();
                assert_eq!((record.handshakes(), record.read_in_full()), (1, 1));
            }
        }
    }

    #[test]
    fn an_ending_without_close_notify_is_told_from_one_with_it() {
        let authority = Authority::new();
        let server = RawServer::start_tls(Plan::scripts([Script::new().read_request().cut()]), authority.trusted());
        let mut client = tls_client(server.address(), &authority, "localhost", &version::TLS13);
        client.write_all(REQUEST.as_bytes()).unwrap();
        assert_eq!(read_all(&mut client).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn each_bad_certificate_or_version_fails_the_handshake_for_its_own_reason() {
        let (authority, other) = (Authority::new(), Authority::new());
        for (config, version, client_says, server_says) in [
            (authority.wrong_host(), &version::TLS13, "not valid for name", "BadCertificate"),
            (authority.expired(), &version::TLS13, "expired", "CertificateExpired"),
            (other.trusted(), &version::TLS13, "UnknownIssuer", "UnknownCA"),
            (authority.only_tls12(), &version::TLS13, "ProtocolVersion", "incompatible"),
            (authority.only_tls13(), &version::TLS12, "ProtocolVersion", "incompatible"),
        ] {
            let server = RawServer::start_tls(Plan::scripts([Script::new()]), config);
            let mut client = tls_client(server.address(), &authority, "localhost", version);
            let error = client.write_all(b"x").and_then(|()| client.read(&mut [0])).unwrap_err();
            assert!(error.to_string().contains(client_says), "{error}");
            drop(client);
            wait(&server, |record| record.connections[0].handshake.is_some());
            let record = server.finish();
            assert_eq!(record.handshakes(), 0);
            let reason = record.connections[0].handshake.clone().unwrap().unwrap_err();
            assert!(reason.contains(server_says), "{reason}");
        }
    }

    #[test]
    fn the_alert_says_that_the_version_is_not_spoken() {
        let server = one(Script::new().read_exact(5).write(PROTOCOL_VERSION_ALERT).close());
        let mut client = tls_client(server.address(), &Authority::new(), "localhost", &version::TLS12);
        let error = client.write_all(b"x").and_then(|()| client.read(&mut [0])).unwrap_err();
        assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    }

    #[test]
    fn the_pem_holds_the_certificate_in_lines() {
        let authority = Authority::new();
        let pem = authority.pem();
        assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n") && pem.ends_with("\n-----END CERTIFICATE-----\n"));
        assert!(pem.lines().all(|line| line.len() <= 64));
        assert_eq!(&*CertificateDer::from_pem_slice(pem.as_bytes()).unwrap(), authority.der());
    }

    fn tls_client(
        address: SocketAddr,
        authority: &Authority,
        host: &'static str,
        version: &'static SupportedProtocolVersion,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().to_vec().into()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let session = ClientConnection::new(Arc::new(config), ServerName::try_from(host).unwrap()).unwrap();
        StreamOwned::new(session, TcpStream::connect(address).unwrap())
    }
}

mod ledger {
    use super::*;

    #[test]
    fn only_bodies_read_in_full_count_with_what_was_answered() {
        let [first, second, third] = [1, 2, 3].map(marker);
        let server = RawServer::start(Plan::scripts([
            Script::new().read_request().write(replies::too_many_requests(None)).close(),
            Script::new().read_request().write(replies::customer()).close(),
            Script::new().read_request().close(),
            Script::new().read_request().write(replies::customer()).close(),
            Script::new().read_head().read_exact(5).close(),
        ]));
        for marker in [&first, &first, &second, &second, &third] {
            let _ = exchange(&server, &format!("POST / HTTP/1.1\r\ncontent-length: 25\r\n\r\n\"{marker}\""));
        }
        let ledger = Ledger::of(&server.finish().requests);
        assert_eq!(ledger.readings(&first), [Some(429), Some(200)]);
        assert_eq!(ledger.readings(&second), [None, Some(200)]);
        assert_eq!(ledger.readings(&third), []);
        assert!(ledger.unjustified_repeats().into_keys().eq([second.as_str()]));
    }
}

mod log_trap {
    use super::*;

    #[test]
    fn everything_logged_is_caught_with_its_fields() {
        let trap = LogTrap::set();
        tracing::trace!(target: "any::target", field = "in-an-event", "message");
        tracing::trace_span!("span", debug = ?Some("in-a-span"), late = tracing::field::Empty)
            .record("late", "recorded");
        log::trace!("in-{}", "a-record");
        let _ = catch_unwind(|| panic!("in-a-panic"));
        let text = trap.text();
        for caught in ["any::target", "in-an-event", "in-a-span", "recorded", "in-a-record", "in-a-panic"] {
            assert!(text.contains(caught), "{caught} is missing in {text}");
        }
    }

    #[test]
    fn a_planted_secret_is_found_and_not_shown() {
        let trap = LogTrap::set();
        tracing::trace!(secret = %"planted#secret*1");
        let message = panic_of(|| trap.assert_absent("planted#secret*1"));
        assert!(message.contains("logged as it is") && !message.contains("planted"), "{message}");
        trap.assert_absent("another#secret*2");
    }

    #[test]
    fn each_spelling_of_a_secret_is_found() {
        let secret = "p#4n*\"ed +/secret";
        for (text, form) in [
            ("id:p#4n*\"ed +/secret", "as it is"),
            ("a=p%234n%2a%22ed%20+/secret", "percent-encoded"),
            ("a=p%234n%2A%22ed+%2B%2Fsecret", "form-encoded"),
            (r#"Header("p#4n*\"ed +/secret")"#, "escaped"),
            ("cCM0bioiZWQgKy9zZWNyZXQ=", "in base64"),
            ("aWQ6cCM0bioiZWQgKy9zZWNyZXQ=", "in base64"),
            ("YTpwIzRuKiJlZCArL3NlY3JldDp6", "in base64"),
            ("7023346E2A226564202B2F736563726574", "in hexadecimal"),
            ("[1, 112, 35, 52, 110, 42, 34, 101, 100, 32, 43, 47, 115, 101, 99, 114, 101, 116]", "as bytes"),
        ] {
            assert_eq!(leak::find(text, secret), Some(form), "{text}");
        }
        assert_eq!(leak::find("p#4n*\"ed, +/secret", secret), None);
    }
}

mod allocation_counts {
    use super::*;

    #[test]
    fn the_peak_is_that_of_what_was_held_at_one_time() {
        let ((), used) = allocations::measure(|| {
            for _ in 0..3 {
                drop(std::hint::black_box(vec![0_u8; 1 << 26]));
            }
        });
        assert!((1 << 26..3 << 25).contains(&used.peak_bytes), "{used:?}"); // other tests allocate too, but not as much
        assert!(used.count >= 3 && used.total_bytes >= 3 << 26, "{used:?}");
    }
}

mod lateness {
    use super::*;

    #[test]
    fn what_takes_longer_than_a_late_control_explains_is_noticed() {
        let control = Lateness::watch();
        thread::sleep(PAUSE);
        control.assert_within(PAUSE, PAUSE);
        assert!(control.worst() > Duration::ZERO);
        let message = panic_of(|| control.assert_within(Duration::from_mins(1), PAUSE));
        assert!(message.contains("60s, not 20ms, while the control was"), "{message}");
    }
}

mod random_faults {
    use super::*;

    #[test]
    fn a_seed_determines_the_faults_and_every_kind_occurs() {
        let all = || (0..300).flat_map(|seed| (0..3).map(move |connection| faults::of(seed, connection)));
        assert!(all().eq(all()));
        let kinds: HashSet<_> = all().flatten().map(|fault| std::mem::discriminant(&fault)).collect();
        assert_eq!(kinds.len(), 18);
    }

    #[test]
    fn every_fault_answers_what_it_says_and_expects_no_more() {
        for fault in (0..100).flat_map(|seed| faults::of(seed, 0)) {
            let server = one(fault.script());
            let mut client = connect(&server);
            let body = "x".repeat(200);
            let sent = write!(client, "POST / HTTP/1.1\r\nx-key: {body}\r\ncontent-length: 200\r\n\r\n{body}");
            let mut reply = Vec::new();
            let read =
                sent.and_then(|()| client.shutdown(Shutdown::Write)).and_then(|()| client.read_to_end(&mut reply));
            drop(client);
            let record = server.finish();
            let answered = record.requests.first().and_then(|request| request.answered);
            assert_eq!(answered, expected_status(fault), "{fault:?}");
            assert_eq!(record.read_in_full(), usize::from(reads_all(fault)), "{fault:?} {read:?}");
        }
    }

    #[test]
    fn the_ledger_tells_a_careless_client_from_a_careful_one() {
        let careless = |status: Option<u16>| status != Some(200);
        let careful = |status: Option<u16>| status == Some(429);
        assert!((0..60).any(|seed| repeats_unjustified(seed, careless)));
        assert!(!(0..60).any(|seed| repeats_unjustified(seed, careful)));
    }

    /// Sends one create, again while the status it gets says so, each time on a new connection.
    fn repeats_unjustified(seed: u64, again: impl Fn(Option<u16>) -> bool) -> bool {
        let server = RawServer::start(faults::plan(seed));
        let request = format!("POST / HTTP/1.1\r\ncontent-length: 100\r\n\r\n{:100}", marker(seed));
        for _ in 0..3 {
            let mut client = loop {
                match TcpStream::connect(server.address()) {
                    Ok(client) => break client,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
                }
            };
            let mut reply = Vec::new();
            let sent = client.write_all(request.as_bytes()).and_then(|()| client.shutdown(Shutdown::Write));
            let _ = sent.and_then(|()| client.read_to_end(&mut reply)); // what came before an error counts
            let status = reply.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            if !again(status) {
                break;
            }
        }
        !Ledger::of(&server.finish().requests).unjustified_repeats().is_empty()
    }

    fn expected_status(fault: Fault) -> Option<u16> {
        match fault {
            Fault::BeforeHead(_) | Fault::InHead(..) | Fault::InBody(..) | Fault::BeforeReply(_) | Fault::Silence => {
                None
            }
            Fault::InReplyHead(..) | Fault::Garbage => None,
            Fault::TooManyRequests(_) | Fault::TooManyRequestsThenRefused(_) => Some(429),
            Fault::ServerError(status) | Fault::Redirect(status) => Some(status),
            _ => Some(200),
        }
    }

    fn reads_all(fault: Fault) -> bool {
        use faults::Ending::HalfClose;
        match fault {
            Fault::BeforeHead(ending) | Fault::InBody(_, ending) => ending == HalfClose,
            Fault::InHead(..) => false,
            _ => true,
        }
    }
}

fn one(script: Script) -> RawServer {
    RawServer::start(Plan::scripts([script]))
}

fn connect(server: &RawServer) -> TcpStream {
    TcpStream::connect(server.address()).unwrap()
}

/// Sends this and reads to the end.
fn exchange(server: &RawServer, request: &str) -> io::Result<String> {
    let mut client = connect(server);
    client.write_all(request.as_bytes())?;
    read_all(&mut client)
}

fn read_all(client: &mut impl Read) -> io::Result<String> {
    let mut text = String::new();
    client.read_to_string(&mut text).map(|_| text)
}

fn wait(server: &RawServer, condition: impl Fn(&Record) -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let seen = async { tokio::time::timeout(Duration::from_secs(5), server.until(condition)).await };
    assert!(runtime.block_on(seen).is_ok(), "not seen in time: {:#?}", server.record());
}

fn panic_of(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).unwrap_err();
    panic.downcast_ref::<String>().cloned().unwrap()
}
