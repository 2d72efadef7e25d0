//! A Redis behind TLS: `rediss://`.

use std::{fs, path::PathBuf};

use meetbit_client::{ErrorKind, RedisLimit};
use meetbit_tests::server::{raw_server::RawServer, redis::RedisServer, tls::Authority};

use super::free_port;
use crate::processes::{Directory, Process, SECOND, server};

/// The password in the URL, which no text may show.
const PASSWORD: &str = "hunter2-0f-redis";

/// A certificate in files, and its authority.
pub(super) struct Certificate {
    files: Directory,
}

/// Where the servers here are.
pub(super) const HOST: &str = "127.0.0.1";

impl Certificate {
    pub(super) fn new(host: &str) -> Self {
        let (files, authority) = (Directory::new(), Authority::new());
        let new = Self { files };
        fs::write(new.roots(), authority.pem()).unwrap();
        new.write(&authority, host);
        new
    }

    /// Writes another certificate. Redis reads it when it is started.
    fn write(&self, authority: &Authority, host: &str) {
        let (certificate, key) = authority.pair(host);
        fs::write(self.path("certificate.pem"), certificate).unwrap();
        fs::write(self.path("key.pem"), key).unwrap();
    }

    /// What Redis needs to use it.
    pub(super) fn arguments(&self) -> Vec<String> {
        let path = |name| self.path(name).to_str().unwrap().to_owned();
        let (certificate, key, roots) = (path("certificate.pem"), path("key.pem"), path("roots.pem"));
        let settings =
            [("cert-file", certificate), ("key-file", key), ("ca-cert-file", roots), ("auth-clients", "no".to_owned())];
        settings.into_iter().flat_map(|(name, value)| [format!("--tls-{name}"), value]).collect()
    }

    /// What a user sets as `SSL_CERT_FILE`, so that the client trusts the authority.
    pub(super) fn roots(&self) -> PathBuf {
        self.path("roots.pem")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.0.join(name)
    }
}

/// A Redis that speaks TLS only.
struct TlsRedis {
    redis: RedisServer,
    port: u16,
    certificate: Certificate,
}

impl TlsRedis {
    /// Its certificate is for this host.
    fn start(host: &str) -> Self {
        let (certificate, port) = (Certificate::new(host), free_port());
        let (arguments, port_text) = (certificate.arguments(), port.to_string());
        let mut all = vec!["--tls-port", &port_text];
        all.extend(arguments.iter().map(|argument| &**argument));
        let redis = RedisServer::start_with(&all);
        let rule = format!(">{PASSWORD}");
        let mut user = vec!["ACL", "SETUSER", "meetbit", "on", &rule, "resetchannels", "~meetbit-limit:*"];
        user.extend(["+evalsha", "+eval", "+get", "+set", "+time"]);
        assert_eq!(redis.command(&user), "OK");
        Self { redis, port, certificate }
    }

    fn url(&self) -> String {
        format!("rediss://meetbit:{PASSWORD}@{HOST}:{}", self.port)
    }

    fn address(&self) -> String {
        format!("{HOST}:{}", self.port)
    }

    /// A process that trusts the authority.
    fn process(&self, server: &RawServer) -> Process {
        self.process_with(server, &self.url())
    }

    fn process_with(&self, server: &RawServer, url: &str) -> Process {
        Process::start_with(server, "one", url, 1, 5 * SECOND, &[("SSL_CERT_FILE", &self.certificate.roots())])
    }
}

#[track_caller]
fn assert_clear(text: &str, redis: &TlsRedis) {
    assert!(text.contains("Redis") && text.contains(&redis.address()), "{text}");
    assert!(text.contains("certificate"), "{text}");
    assert!(!text.contains(PASSWORD), "{text}");
}

#[test]
fn promise_27_a_redis_is_used_over_tls_with_a_user_and_a_password() {
    let (server, redis) = (server(), TlsRedis::start(HOST));
    let mut process = redis.process(&server);
    process.wait_for(2);
    let clients = redis.redis.command(&["CLIENT", "LIST"]);
    assert!(clients.lines().any(|client| client.contains("user=meetbit")), "{clients}");
    let mut other = redis.process_with(&server, &redis.url().replace(PASSWORD, "wr0ng"));
    let text = other.error("Config NotSent");
    assert!(text.contains("authentication failed") && !text.contains("wr0ng"), "{text}");
}

#[tokio::test]
async fn promise_27_a_redis_whose_certificate_is_not_trusted_is_a_clear_error() {
    let redis = TlsRedis::start(HOST);
    let error = RedisLimit::connect(redis.url()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_clear(&format!("{error}"), &redis);
    assert!(!format!("{error:?}").contains(PASSWORD), "{error:?}");
    // A setting of redis-rs that would trust every certificate.
    let error = RedisLimit::connect(format!("{}/#insecure", redis.url())).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Config && !format!("{error} {error:?}").contains(PASSWORD), "{error}");
    // Neither side waits for the other if only one speaks TLS.
    let error = RedisLimit::connect(redis.url().replace("rediss", "redis")).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Config && !format!("{error} {error:?}").contains(PASSWORD), "{error}");
}

#[test]
fn promise_27_a_redis_whose_certificate_is_for_another_host_is_a_clear_error() {
    let (server, redis) = (server(), TlsRedis::start("other.example.com"));
    let text = redis.process(&server).error("Config NotSent");
    assert_clear(&text, &redis);
    assert_eq!(server.finish().requests.len(), 0);
}

#[test]
fn promise_27_nothing_is_sent_when_the_certificate_of_redis_becomes_wrong() {
    let (server, mut redis) = (server(), TlsRedis::start(HOST));
    let mut process = redis.process(&server);
    process.wait_for(1);
    redis.redis.stop();
    redis.certificate.write(&Authority::new(), HOST);
    redis.redis.restart();
    let mut created = 1;
    let text = loop {
        let line = process.line();
        match line.strip_prefix("RateLimited NotSent: ") {
            Some(text) => break text.to_owned(),
            None => assert_eq!(line, "created"),
        }
        created += 1;
    };
    assert!(text.contains("`RedisLimit`"), "{text}");
    assert_clear(&text, &redis);
    assert_eq!(server.finish().requests.len(), created);
}
