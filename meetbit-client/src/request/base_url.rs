//! The tenant's domain and the base URL. Both are checked as text before they are parsed and as parts afterwards.

use std::net::IpAddr;
use std::ptr;
use std::sync::{Arc, OnceLock};

use http::Uri;
use http::uri::InvalidUri;
use reqwest::Url;

use crate::error::Error;

/// The path of the API below the tenant's domain.
const API_PATH: &str = "/api/public/v2.0";

/// A checked base URL.
#[derive(Debug)]
pub(crate) struct BaseUrl {
    /// Its path is the prefix.
    pub(crate) url: Url,
    /// The path that every request keeps, without a slash at its end.
    pub(crate) prefix: String,
    /// Scheme, host and port, which identify one server.
    pub(crate) origin: String,
    endpoints: UrlCache,
}

/// The URLs of endpoints without placeholders that have been called. The list only grows, so it is read without a lock.
///
/// It stays because parsing a URL costs 6,700 to 8,200 instructions a call, more than everything else before a send.
#[derive(Debug, Default)]
struct UrlCache(OnceLock<Box<EndpointUrl>>);

/// The URL of an endpoint without placeholders.
#[derive(Debug)]
pub(crate) struct EndpointUrl {
    path: &'static str,
    pub(crate) url: Url,
    /// The same with its URI; `None` if it is longer than a URI can be.
    pub(crate) parsed: Option<Arc<ParsedUrl>>,
    next: UrlCache,
}

/// A URL in both forms: reqwest takes the one, middleware the other.
#[derive(Debug)]
pub(crate) struct ParsedUrl {
    pub(crate) url: Url,
    pub(crate) uri: Uri,
}

impl ParsedUrl {
    /// # Errors
    /// The URL is longer than a URI can be.
    pub(crate) fn new(url: Url) -> Result<Self, InvalidUri> {
        Ok(Self { uri: url.as_str().parse()?, url })
    }
}

impl BaseUrl {
    /// The URL of the endpoint at `path`, which has no placeholders.
    pub(crate) fn endpoint(&self, path: &'static str) -> &EndpointUrl {
        let mut list = &self.endpoints;
        loop {
            let endpoint = list.0.get_or_init(|| {
                let url = self.with_path(&format!("{}{path}", self.prefix));
                let parsed = ParsedUrl::new(url.clone()).ok().map(Arc::new);
                Box::new(EndpointUrl { path, url, parsed, next: UrlCache::default() })
            });
            if ptr::eq(endpoint.path, path) {
                return endpoint;
            }
            list = &endpoint.next;
        }
    }

    /// The base URL with another path. `path` is encoded and begins with the prefix.
    pub(crate) fn with_path(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }

    pub(crate) fn new(domain: &str, base_url: Option<&str>) -> Result<Self, Error> {
        check_domain(domain).map_err(|why| {
            Error::config(format!("the tenant's domain {why}; give a plain name such as `acme.example.com`"))
        })?;
        let Some(text) = base_url else {
            return Self::parse(&format!("https://{domain}{API_PATH}"));
        };
        Self::parse(text)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |why: &str| Error::config(format!("the base URL {why}"));
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(refuse("has a blank, a control character or a backslash"));
        }
        let url =
            Url::parse(text).map_err(|_| refuse("is not a URL such as `https://acme.example.com/api/public/v2.0`"))?;
        check_base(&url).map_err(refuse)?;
        check_host_text(text, &url)
            .map_err(|host| refuse(&format!("has a host that parses as `{host}`; write it in that form")))?;
        if url.as_str().parse::<http::Uri>().is_err() {
            return Err(refuse("has a character that is not allowed in a host or path"));
        }
        Ok(Self {
            prefix: url.path().trim_end_matches('/').to_owned(),
            origin: url.origin().ascii_serialization(),
            url,
            endpoints: UrlCache::default(),
        })
    }

    /// The text of a base URL without what may be secret: user name, password, query and fragment. For `Debug`.
    pub(crate) fn redacted(text: &str) -> String {
        let Ok(url) = Url::parse(text) else { return "[invalid]".to_owned() };
        let has_user = !url.username().is_empty() || url.password().is_some();
        let Some(host) = url.host_str() else { return "[invalid]".to_owned() };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let user = if has_user { "[redacted]@" } else { "" };
        let rest = if url.query().is_some() || url.fragment().is_some() { "[redacted]" } else { "" };
        format!("{}://{user}{host}{port}{}{rest}", url.scheme(), url.path())
    }

    /// The value of the `Host` header. It has a port unless that is the scheme's default.
    pub(crate) fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// True for plain http, which is allowed only for loopback addresses.
    pub(crate) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }
}

fn check_base(url: &Url) -> Result<(), &'static str> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have no query and no fragment");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err("must be https; plain http is allowed only for loopback addresses"),
        _ => Err("must start with `https://`"),
    }
}

/// A URL parser removes invisible characters, decodes `%2e`, reads `0x7f.1` as an IP address and adds missing slashes. The
/// host that a reader sees must be the host that is called.
///
/// # Errors
/// The host as it is read.
fn check_host_text<'a>(text: &str, url: &'a Url) -> Result<(), &'a str> {
    let host = url.host_str().unwrap_or_default();
    let after_scheme = text.get(url.scheme().len()..).and_then(|rest| rest.strip_prefix("://")).unwrap_or_default();
    let written = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let written = match written.rsplit_once(':') {
        Some((before, port)) if !port.ends_with(']') => before,
        _ => written,
    };
    // An IPv6 address can be written in several ways, none of which hides anything.
    if written.eq_ignore_ascii_case(host) || written.starts_with('[') { Ok(()) } else { Err(host) }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|ip| ip.is_loopback())
}

/// True for a plain DNS name, which holds no secret.
pub(crate) fn is_domain(domain: &str) -> bool {
    check_domain(domain).is_ok()
}

fn check_domain(domain: &str) -> Result<(), &'static str> {
    if domain.is_empty() {
        return Err("is empty");
    }
    if !domain.is_ascii() {
        return Err("has a character that is not ASCII (write it in its `xn--` form)");
    }
    if domain.bytes().any(|b| !(b.is_ascii_alphanumeric() || b == b'-' || b == b'.')) {
        return Err(
            "has a character other than letters, digits, hyphens and dots (a port or path belongs in the base URL: `base_url` or `MEETBIT_BASE_URL`)",
        );
    }
    if domain.len() > 253 || domain.split('.').any(|label| !is_label(label)) {
        return Err("has a part that is empty, longer than 63 characters, or begins or ends with a hyphen");
    }
    if domain.rsplit('.').next().is_some_and(is_number) {
        return Err("is an IP address");
    }
    Ok(())
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

/// True if URL parsers would read the domain as an IPv4 address, because its last label is a number.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|b| b.is_ascii_digit()) || hex.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::BaseUrl;
    use crate::error::ErrorKind;

    #[test]
    fn promise_20_a_plain_name_is_the_tenants_domain() {
        for domain in
            ["acme.example.com", "a-b.example", "ACME.example.com", "xn--bcher-kva.example", "1.example", "localhost"]
        {
            let base = BaseUrl::new(domain, None).unwrap();
            assert_eq!(base.url.host_str(), Some(&*domain.to_ascii_lowercase()));
            assert_eq!(base.prefix, "/api/public/v2.0");
        }
    }

    #[test]
    fn promise_20_anything_else_is_refused() {
        let hostile = [
            "",
            " ",
            ".",
            "..",
            "good@evil",
            "evil\\@good",
            "a\tb.example",
            "a\nb.example",
            "http://x",
            "https://acme.example.com",
            "127.0.0.1",
            "0x7f.1",
            "0X7F.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "[::1]",
            "::1",
            "acme.example.com:443",
            "acme.example.com/",
            "acme.example.com?x",
            "acme.example.com#x",
            "acme。example.com",
            "acme．example",
            "bücher.example",
            "-a.example",
            "a-.example",
            "a..example",
            ".example",
            "example.",
            "a b.example",
            "a%2eexample",
            "a_b.example",
        ];
        for domain in hostile {
            let error = BaseUrl::new(domain, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{domain}");
            assert!(error.to_string().starts_with("the tenant's domain "), "{domain}: {error}");
        }
        assert!(BaseUrl::new(&"a".repeat(64), None).is_err());
        let longest = [&*"a".repeat(63), &"b".repeat(63), &"c".repeat(63), &"d".repeat(61)].join(".");
        assert_eq!((longest.len(), BaseUrl::new(&longest, None).is_ok()), (253, true));
        assert!(BaseUrl::new(&format!("{longest}d"), None).is_err());
    }

    #[test]
    fn promise_18_plain_http_is_for_loopback_alone() {
        for url in [
            "http://127.0.0.1:80",
            "http://127.9.9.9/x",
            "http://[::1]:8080",
            "http://localhost:3000",
            "https://proxy.example",
        ] {
            let base = BaseUrl::new("acme.example.com", Some(url)).unwrap();
            assert_eq!(base.is_plain(), url.starts_with("http:"), "{url}");
        }
        let refused = [
            "http://acme.example.com",
            "http://10.0.0.1",
            "http://[::2]",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "ftp://127.0.0.1",
            "//127.0.0.1",
            "127.0.0.1:80",
            "",
            "https://u:p@acme.example.com",
            "https://u@acme.example.com",
            "https://:p@acme.example.com",
            "https://acme.example.com/a b",
            "https://a\"b.example",
            "https://acme.example.com/a\u{7f}b",
            "https://acme.example.com\\evil",
            "https://acme.example.com/?a=b",
            "https://acme.example.com/#a",
            "https://acme.example.com\\@evil.example",
            "https://a\tb.example",
            "http://127.0.0.1@evil.example",
            "http://127.0.0.1\u{200b}/",
            "http://127.0.0.1\u{ad}/",
            "http://\u{feff}127.0.0.1/",
            "http://127。0。0。1/",
            "http://１２７.0.0.1/",
            "http://127%2e0.0.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http:127.0.0.1/",
            "http:///127.0.0.1/",
            "https://acme\u{200d}.example.com",
            "https://bücher.example",
            "https://acme.example.com\u{2060}:443/",
        ];
        for url in refused {
            assert_eq!(BaseUrl::new("acme.example.com", Some(url)).unwrap_err().kind(), ErrorKind::Config, "{url}");
        }
        for url in [
            "https://ACME.example.com/a",
            "HTTPS://acme.example.com",
            "http://[0:0::1]:80",
            "https://acme.example.com:443/",
        ] {
            assert!(BaseUrl::new("acme.example.com", Some(url)).is_ok(), "{url}");
        }
        let hidden = BaseUrl::new("acme.example.com", Some("http://127.0.0.1\u{200b}/")).unwrap_err().to_string();
        assert!(hidden.starts_with("the base URL has a host that parses as `127.0.0.1`"), "{hidden}");
        let plain = BaseUrl::new("acme.example.com", Some("http://acme.example.com")).unwrap_err().to_string();
        assert_eq!(plain, "the base URL must be https; plain http is allowed only for loopback addresses");
    }

    #[test]
    fn promise_21_the_base_urls_own_path_is_kept() {
        let base = BaseUrl::new("acme.example.com", Some("http://127.0.0.1:1/a/b/")).unwrap();
        assert_eq!(base.prefix, "/a/b");
        assert_eq!(base.origin, "http://127.0.0.1:1");
        let paths = ["/users", "/customers", "/users/roles"];
        let places = paths.map(|path| base.endpoint(path));
        assert_eq!(places.map(|place| place.url.path()), ["/a/b/users", "/a/b/customers", "/a/b/users/roles"]);
        assert!(
            places.iter().all(|place| place.parsed.as_ref().is_some_and(|parsed| parsed.uri == *place.url.as_str()))
        );
        assert!(paths.iter().zip(places).all(|(path, place)| std::ptr::eq(place, base.endpoint(path))), "found again");
    }
}
