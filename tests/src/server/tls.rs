//! Certificates made at run time.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::rustls::{
    ALL_VERSIONS, ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    version,
};

/// The names on a certificate of [`Authority::trusted`]: these and any address of a server here.
pub const HOSTS: [&str; 3] = ["acme.example.com", "localhost", "127.0.0.1"];

/// What a server sends to a client that offers only versions of TLS which it does not speak: give it to a plain server
/// as `Script::new().read_exact(5).write(PROTOCOL_VERSION_ALERT)`.
pub const PROTOCOL_VERSION_ALERT: &[u8] = &[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46];

/// A certificate authority that is known to nobody, and server configurations with its certificates.
#[derive(Debug)]
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes an authority.
    ///
    /// # Panics
    ///
    /// If no key or certificate can be made.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("meetbit-tests authority {}", fastrand::u64(..)));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// The certificate that a client has to trust, in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.certificate.der()
    }

    /// The certificate that a client has to trust, in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", self.der())
    }

    /// The certificate and the private key of a server with this name, in PEM, for servers that are programs. A server can
    /// also show it to another server.
    ///
    /// # Panics
    ///
    /// If no key or certificate can be made.
    #[must_use]
    pub fn pair(&self, host: &str) -> (String, String) {
        let mut params = params(&[host]);
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        let (certificate, key) = self.issue(&params);
        (pem("CERTIFICATE", &certificate), pem("PRIVATE KEY", &key.serialize_der()))
    }

    /// A server that a client of this authority can trust as each of [`HOSTS`]. To others it is untrusted.
    #[must_use]
    pub fn trusted(&self) -> Arc<ServerConfig> {
        self.config(&params(&HOSTS), ALL_VERSIONS)
    }

    /// The same, speaking TLS 1.2 only.
    #[must_use]
    pub fn only_tls12(&self) -> Arc<ServerConfig> {
        self.config(&params(&HOSTS), &[&version::TLS12])
    }

    /// The same, speaking TLS 1.3 only.
    #[must_use]
    pub fn only_tls13(&self) -> Arc<ServerConfig> {
        self.config(&params(&HOSTS), &[&version::TLS13])
    }

    /// A server whose certificate is for another host.
    #[must_use]
    pub fn wrong_host(&self) -> Arc<ServerConfig> {
        self.config(&params(&["other.example.com"]), ALL_VERSIONS)
    }

    /// A server whose certificate has expired.
    #[must_use]
    pub fn expired(&self) -> Arc<ServerConfig> {
        let mut params = params(&HOSTS);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 1);
        self.config(&params, ALL_VERSIONS)
    }

    fn config(&self, params: &CertificateParams, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let (certificate, key) = self.issue(params);
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .expect("the provider speaks these versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key);
        Arc::new(config.expect("the key belongs to the certificate"))
    }

    fn issue(&self, params: &CertificateParams) -> (CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        (certificate, key)
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn params(hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).expect("names of hosts");
    params.distinguished_name.push(DnType::CommonName, "meetbit-tests server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_after = date_time_ymd(2100, 1, 1);
    params
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
