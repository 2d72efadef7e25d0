//! The TLS backend that the features of this crate select, regardless of what other crates enable in reqwest.
//!
//! Clients share one TLS configuration, because reading the system's certificates and building a configuration takes
//! milliseconds and 100 KiB.

use reqwest::ClientBuilder;

use crate::error::Error;

/// The certificates that a client trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    System,
    /// No certificates, for plain HTTP only. The system's are then not read.
    None,
}

/// Sets the shared configuration.
///
/// # Errors
/// There is no TLS backend, or it cannot be set up.
pub(crate) fn shared(builder: ClientBuilder, roots: Roots) -> Result<ClientBuilder, Error> {
    backend::shared(builder, roots)
}

/// Sets the backend of a user's own builder, which keeps its settings.
///
/// # Errors
/// There is no TLS backend.
pub(crate) fn own(builder: ClientBuilder, roots: Roots) -> Result<ClientBuilder, Error> {
    backend::own(match roots {
        Roots::System => builder,
        Roots::None => return shared(builder, roots),
    })
}

#[cfg(feature = "rustls-no-provider")]
mod backend {
    use std::sync::{Arc, OnceLock};

    use reqwest::ClientBuilder;
    use rustls::crypto::CryptoProvider;
    use rustls::{ClientConfig, RootCertStore};
    use rustls_platform_verifier::Verifier;

    use super::Roots;
    use crate::error::Error;

    pub(super) fn shared(builder: ClientBuilder, roots: Roots) -> Result<ClientBuilder, Error> {
        static SYSTEM: OnceLock<ClientConfig> = OnceLock::new();
        static NONE: OnceLock<ClientConfig> = OnceLock::new();
        let shared = match roots {
            Roots::System => &SYSTEM,
            Roots::None => &NONE,
        };
        if shared.get().is_none() {
            let _another_threads_is_the_same = shared.set(config(roots)?);
        }
        Ok(shared.get().into_iter().fold(builder, |builder, config| builder.tls_backend_preconfigured(config.clone())))
    }

    /// A configuration that the user has prepared is kept. reqwest tells it only through `Debug`, and only with the feature
    /// `default-tls`, which the feature `rustls` turns on.
    pub(super) fn own(builder: ClientBuilder) -> Result<ClientBuilder, Error> {
        provider()?;
        let is_native = format!("{builder:?}").contains("tls_backend: NativeTls");
        Ok(if is_native { builder.tls_backend_rustls() } else { builder })
    }

    fn config(roots: Roots) -> Result<ClientConfig, Error> {
        let provider = provider()?;
        let failed = |error: rustls::Error| Error::config("TLS cannot be set up").with(|e| e.source(Arc::new(error)));
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(failed)?;
        let mut config = match roots {
            Roots::None => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
            Roots::System => {
                let verifier = Arc::new(Verifier::new(provider).map_err(failed)?);
                builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// The provider that the application has installed, or the default of the feature `rustls`.
    fn provider() -> Result<Arc<CryptoProvider>, Error> {
        #[cfg(feature = "rustls")]
        let default = Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        #[cfg(not(feature = "rustls"))]
        let default = Err(Error::config(
            "rustls has no crypto provider: install one before the client is built, such as \
             `rustls::crypto::ring::default_provider().install_default()`, or turn on the feature `rustls` of meetbit-client",
        ));
        CryptoProvider::get_default().cloned().map_or(default, Ok)
    }
}

#[cfg(all(feature = "native-tls", not(feature = "rustls-no-provider")))]
mod backend {
    use std::sync::{Arc, OnceLock};

    use native_tls::TlsConnector;
    use reqwest::ClientBuilder;

    use super::Roots;
    use crate::error::Error;

    pub(super) fn shared(builder: ClientBuilder, roots: Roots) -> Result<ClientBuilder, Error> {
        static SYSTEM: OnceLock<TlsConnector> = OnceLock::new();
        static NONE: OnceLock<TlsConnector> = OnceLock::new();
        let shared = match roots {
            Roots::System => &SYSTEM,
            Roots::None => &NONE,
        };
        if shared.get().is_none() {
            let made = TlsConnector::builder().disable_built_in_roots(roots == Roots::None).build();
            let made =
                made.map_err(|error| Error::config("TLS cannot be set up").with(|e| e.source(Arc::new(error))))?;
            let _another_threads_is_the_same = shared.set(made);
        }
        Ok(shared.get().into_iter().fold(builder, |builder, tls| builder.tls_backend_preconfigured(tls.clone())))
    }

    /// native-tls is reqwest's default as soon as it is compiled in.
    #[expect(clippy::unnecessary_wraps, reason = "it can fail with another backend")]
    pub(super) fn own(builder: ClientBuilder) -> Result<ClientBuilder, Error> {
        Ok(builder)
    }
}

#[cfg(not(any(feature = "native-tls", feature = "rustls-no-provider")))]
mod backend {
    use reqwest::ClientBuilder;

    use super::Roots;
    use crate::error::Error;

    pub(super) fn shared(builder: ClientBuilder, roots: Roots) -> Result<ClientBuilder, Error> {
        match roots {
            Roots::System => Err(missing()),
            Roots::None => Ok(builder),
        }
    }

    pub(super) fn own(_: ClientBuilder) -> Result<ClientBuilder, Error> {
        Err(missing())
    }

    fn missing() -> Error {
        Error::config(
            "there is no TLS backend: turn on one of the features `rustls` (the default), `rustls-no-provider` and \
             `native-tls` of meetbit-client",
        )
    }
}
