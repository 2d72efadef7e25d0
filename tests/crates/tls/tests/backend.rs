//! The TLS backend of a program, by its features.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use meetbit_client::{
    Api, Call, Client, ClientBuilder, Credentials, Error, ErrorKind, Outcome, RateLimit, api, api_endpoint,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};

const REPLY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"data\":42}";
const HAS_BACKEND: bool = cfg!(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"));

#[api]
trait Notes: Api {
    #[api_endpoint(post, "/notes")]
    fn create_note(&self) -> Call<i64>;
}

/// A server with a certificate that nobody knows.
struct Server {
    url: String,
    /// In DER.
    #[cfg_attr(
        not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")),
        expect(dead_code)
    )]
    certificate: Vec<u8>,
    /// All connections, and those from rustls.
    seen: Arc<[AtomicUsize; 2]>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let (config, seen) = (Arc::new(config), Arc::<[AtomicUsize; 2]>::default());
        let counted = seen.clone();
        thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(stream, &config, &counted)));
        Self { url, certificate: made.cert.der().to_vec(), seen }
    }

    fn connections(&self) -> usize {
        self.seen[0].load(Ordering::SeqCst)
    }

    fn rustls_connections(&self) -> usize {
        self.seen[1].load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, config: &Arc<ServerConfig>, seen: &[AtomicUsize; 2]) {
    seen[0].fetch_add(1, Ordering::SeqCst);
    let mut hello = [0; 2048];
    let length = stream.peek(&mut hello).unwrap_or_default();
    // OpenSSL offers `encrypt_then_mac` (22) without content, and rustls does not.
    let is_openssl = hello[..length].windows(4).any(|bytes| bytes == [0, 22, 0, 0]);
    if !is_openssl {
        seen[1].fetch_add(1, Ordering::SeqCst);
    }
    let mut connection = ServerConnection::new(config.clone()).unwrap();
    let mut tls = rustls::Stream::new(&mut connection, &mut stream);
    if tls.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
        let _ = tls.write_all(REPLY.as_bytes());
    }
    connection.send_close_notify();
    let _ = connection.write_tls(&mut stream);
}

fn builder(url: &str) -> ClientBuilder {
    #[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
    let _ = rustls::crypto::ring::default_provider().install_default(); // as an application does
    Client::builder("acme.example.com")
        .base_url(url)
        .credentials(Credentials::new("id", "secret"))
        .rate_limit(RateLimit::unlimited())
}

/// An HTTP client's builder of the program's own.
fn own() -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder().no_proxy();
    #[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
    let builder = builder.tls_backend_rustls(); // as the documentation says
    builder
}

async fn create(client: &Client) -> Result<i64, Error> {
    client.create_note().await
}

/// The backend is rustls, unless the features say native-tls.
fn assert_backend(server: &Server, connections: usize) {
    let is_rustls = cfg!(any(feature = "rustls", feature = "rustls-no-provider"));
    let expected = if is_rustls { connections } else { 0 };
    assert_eq!((server.connections(), server.rustls_connections()), (connections, expected));
}

#[tokio::test]
async fn an_unknown_certificate_is_refused_in_one_handshake() {
    if !HAS_BACKEND {
        return;
    }
    for is_own in [false, true] {
        let server = Server::start();
        let builder = builder(&server.url);
        let builder = if is_own { builder.http_client(own()) } else { builder };
        let error = create(&builder.build().unwrap()).await.unwrap_err();
        let facts = (error.kind(), error.outcome(), error.attempts());
        assert_eq!(facts, (ErrorKind::Connect, Outcome::NotSent, 1), "{error:?}");
        let address = server.url.trim_start_matches("https://");
        assert!(error.to_string().contains(&format!("certificate or TLS version of {address}")), "{error}");
        assert_backend(&server, 1);
    }
}

#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
#[tokio::test]
async fn a_known_certificate_is_accepted() {
    let server = Server::start();
    let root = reqwest::Certificate::from_der(&server.certificate).unwrap();
    let http = own().tls_certs_only([root]);
    let client = builder(&server.url).http_client(http).build().unwrap();
    assert_eq!(create(&client).await.unwrap(), 42);
    assert_backend(&server, 1);
}

#[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
#[test]
fn without_a_provider_the_error_says_what_to_install() {
    const CHILD: &str = "WITHOUT_A_PROVIDER";
    let build =
        |url: &str| Client::builder("acme.example.com").credentials(Credentials::new("id", "s")).base_url(url).build();
    if std::env::var_os(CHILD).is_some() {
        for url in ["https://acme.example.com", "http://127.0.0.1:1"] {
            let error = build(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains("rustls has no crypto provider: install one"), "{error}");
        }
        return;
    }
    let test = "without_a_provider_the_error_says_what_to_install";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    assert!(child.args(["--exact", test]).env(CHILD, "").status().unwrap().success());
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn a_prepared_backend_is_kept() {
    let server = Server::start();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(server.certificate.clone().into()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config =
        config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth();
    let http = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(config);
    let client = builder(&server.url).http_client(http).build().unwrap();
    assert_eq!(create(&client).await.unwrap(), 42);
}

#[test]
fn without_a_backend_the_error_says_which_features_to_choose() {
    let client = builder("https://127.0.0.1:1").build();
    if HAS_BACKEND {
        assert!(client.is_ok());
        return;
    }
    let error = client.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Config, Outcome::NotSent));
    let text = error.to_string();
    assert!(["`rustls`", "`rustls-no-provider`", "`native-tls`"].iter().all(|name| text.contains(name)), "{text}");
    let with_own = builder("https://127.0.0.1:1").http_client(own()).build();
    assert_eq!(with_own.unwrap_err().to_string(), text);
    assert!(builder("http://127.0.0.1:1").build().is_ok(), "plain HTTP needs no TLS");
}
