//! The protections of every HTTP client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::error::Error;
use crate::transport::tls::{self, Roots};

/// The client's own settings of its connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionSettings {
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) fresh_connections: bool,
    /// Plain HTTP, which stays on this machine.
    pub(crate) is_plain: bool,
}

impl ConnectionSettings {
    /// A builder whose clients share their TLS configuration.
    pub(crate) fn builder(self) -> Result<reqwest::ClientBuilder, Error> {
        let builder = tls::shared(reqwest::Client::builder().no_proxy(), self.roots())?;
        Ok(self.protect(builder))
    }

    /// The user's own builder, with our protections set after its settings.
    pub(crate) fn apply(self, own: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Error> {
        tls::own(own, self.roots()).map(|builder| self.protect(builder))
    }

    fn roots(self) -> Roots {
        if self.is_plain { Roots::None } else { Roots::System }
    }

    fn protect(self, builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        let builder = if self.is_plain { loopback(builder) } else { builder.https_only(true) };
        let builder =
            without_surprises(builder).connect_timeout(self.connect_timeout).pool_idle_timeout(self.idle_timeout);
        if self.fresh_connections { builder.pool_max_idle_per_host(0) } else { builder }
    }
}

fn loopback(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    /// The meaning of `localhost`, whatever a resolver says.
    const LOCALHOST: [SocketAddr; 2] =
        [SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0)];
    builder.no_proxy().resolve_to_addrs("localhost", &LOCALHOST)
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
