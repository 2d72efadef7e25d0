//! The protections of every HTTP client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::request::base_url::BaseUrl;

/// The builder for a base URL: the user's own, if there is one, with our protections set after it.
pub(crate) fn protected(own: Option<reqwest::ClientBuilder>, base_url: &BaseUrl) -> reqwest::ClientBuilder {
    let builder = match own {
        own if base_url.is_plain() => loopback(own.unwrap_or_default()),
        Some(own) => own.https_only(true),
        None => reqwest::Client::builder().no_proxy().https_only(true),
    };
    without_surprises(builder)
}

/// Plain http stays on this machine. It needs no TLS roots, and loading the system's takes 20 ms.
fn loopback(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    /// The meaning of `localhost`, whatever a resolver says.
    const LOCALHOST: [SocketAddr; 2] =
        [SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0)];
    builder.no_proxy().resolve_to_addrs("localhost", &LOCALHOST).tls_certs_only([])
}

/// Switches off what would send a request elsewhere, send it twice, or show it to a log.
fn without_surprises(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    builder
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connection_verbose(false)
        .http1_only()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
}
