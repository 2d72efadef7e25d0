use std::any::Any;
use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::client::call::{Call, Sending};
use crate::client::prepared::Prepared;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::permission::Permission;
use crate::request::arguments::json;
use crate::request::parts::RequestParts;
use crate::request::precheck::Precheck;
use crate::request::{headers, path};
use crate::response::decode::{self, Decode};

impl Client {
    /// Starts a call of an operation that no trait declares, at `path` below the base URL.
    ///
    /// It has the guarantees of a declared call: one `Call` with the rate limit, retries, time limits and errors. The reply comes
    /// in MeetBit's envelope, unless [`raw`](CallBuilder::raw) says otherwise; with `()`, a reply needs no value. For an
    /// operation that a program calls in more than one place, declare an endpoint: its arguments are then checked by rustc.
    ///
    /// `path` is a template, as in [`api_endpoint`](crate::api_endpoint): values go into `{placeholders}`, never into its text,
    /// so that a value cannot name another operation. It is `'static`, because the process keeps one [`Endpoint`](crate::Endpoint)
    /// for each method, template and set of permissions until the program ends.
    ///
    /// ```
    /// # fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::Method;
    ///
    /// let call = client
    ///     .call::<Vec<String>>(Method::GET, "/customers/{customer_id}/notes")
    ///     .path(7)
    ///     .query("page", 2)
    ///     .permission("notes.read.*")
    ///     .into_call();
    /// assert!(call.request()?.uri().path().ends_with("/customers/7/notes"));
    /// assert_eq!(call.permissions()[0].to_string(), "notes.read.*");
    /// # Ok(())
    /// # }
    /// # example(meetbit_client::Client::builder("example.com").credentials(
    /// #     meetbit_client::Credentials::new("id", "secret")).build().unwrap()).unwrap();
    /// ```
    pub fn call<T: DeserializeOwned + 'static>(&self, method: Method, path: &'static str) -> CallBuilder<T> {
        let checked = check_method(&method).and_then(|()| path::check_template(path));
        // What is refused has one endpoint, so that methods from a user's input do not pile up.
        let method = if checked.is_ok() { method } else { Method::GET };
        let parts = RequestParts::new(Endpoint::undeclared(method, path, &[], false));
        let call = Prepared::new(self.clone(), parts);
        let builder = CallBuilder { call: Arc::new(call), decode: if_unit(decode::empty).unwrap_or(decode::envelope) };
        match checked {
            Ok(()) => builder,
            Err(why) => builder.refuse(why),
        }
    }
}

/// Builds a call of an operation that no trait declares. [`Client::call`] starts it; `.await` sends it.
///
/// A step that cannot be carried out keeps its error, which the call returns when it is sent; then nothing goes on the wire.
///
/// ```no_run
/// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
/// use std::collections::BTreeMap;
///
/// use meetbit_client::Method;
///
/// let note = BTreeMap::from([("text", "Prefers the morning.")]);
/// let path = "/customers/{id}/notes";
/// client.call::<()>(Method::POST, path).path(7).body(note).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a call is not sent until it is awaited"]
pub struct CallBuilder<T> {
    call: Arc<Prepared>,
    decode: Decode<T>,
}

impl<T> CallBuilder<T> {
    /// Fills the next placeholder of the path with one encoded segment.
    pub fn path(self, value: impl fmt::Display) -> Self {
        self.change(|Prepared { client, parts, .. }| {
            if parts.next_placeholder().is_some() {
                parts.fill_placeholder(&client.0.base_url, &value);
            } else {
                parts.record_error(Error::invalid_request("the path has fewer placeholders than arguments"));
            }
        })
    }

    /// Appends to the query: a scalar or sequence under `name`, or the fields of a struct or map under their own names.
    pub fn query(self, name: &str, value: impl Serialize) -> Self {
        self.change(|call| call.parts.push_query(name, &value))
    }

    /// Sets a header, and replaces one with the same name. [`Call::header`] says which headers cannot be set.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let given = headers::given(name, value);
        self.change(|call| call.parts.set_given_header(given))
    }

    /// Sets a JSON body; `None` sends no body. The checks of [`Validate`](crate::Validate) are not made, because they need a
    /// declaration.
    pub fn body(self, value: impl Serialize) -> Self {
        self.with_body(|parts| parts.set_json(json(&value), Precheck::default()))
    }

    /// Sets a form as the body: a struct or a map.
    ///
    /// ```
    /// # fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::Method;
    ///
    /// let note = [("text", "Prefers the morning.")];
    /// let note = std::collections::BTreeMap::from(note);
    /// let call = client.call::<()>(Method::POST, "/notes").form(note).into_call();
    /// assert_eq!(call.request()?.body(), "text=Prefers+the+morning.");
    /// # Ok(())
    /// # }
    /// # example(meetbit_client::Client::builder("example.com").credentials(
    /// #     meetbit_client::Credentials::new("id", "secret")).build().unwrap()).unwrap();
    /// ```
    pub fn form(self, value: impl Serialize) -> Self {
        self.with_body(|parts| parts.set_form(json(&value), Precheck::default()))
    }

    /// Sets bytes as the body. `media_type` is a value of `Content-Type` in ASCII; the call fails with
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) if it is not.
    ///
    /// ```
    /// # fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::Method;
    ///
    /// let call = client
    ///     .call::<()>(Method::PUT, "/notes.csv")
    ///     .bytes("text/csv", "id,text\n")
    ///     .into_call();
    /// assert_eq!(call.request()?.headers()["content-type"], "text/csv");
    /// # Ok(())
    /// # }
    /// # example(meetbit_client::Client::builder("example.com").credentials(
    /// #     meetbit_client::Credentials::new("id", "secret")).build().unwrap()).unwrap();
    /// ```
    pub fn bytes(self, media_type: &'static str, value: impl Into<Bytes>) -> Self {
        match headers::check_text(media_type) {
            Ok(()) if media_type.is_ascii() => {
                self.with_body(|parts| parts.set_body(media_type, value.into(), Precheck::default()))
            }
            Ok(()) => self.refuse("the media type of the body has a character that is not ASCII".to_owned()),
            Err(why) => self.refuse(format!("the media type of the body {why}")),
        }
    }

    /// Adds a permission, `resource.verb.scope`, that the role of the access key needs. [`Call::permissions`] lists it, and the
    /// error of a call that MeetBit denies names it.
    pub fn permission(self, permission: &'static str) -> Self {
        match permission.parse::<Permission>() {
            Ok(_) => self.with_endpoint(|endpoint| endpoint.with_permission(permission)),
            Err(error) => self.refuse(format!("`{permission}` is not a permission: {error}")),
        }
    }

    /// States that sending the request twice does what sending it once does, so that a POST or PATCH may be repeated after an
    /// unknown outcome, as GET, HEAD, PUT and DELETE always may.
    ///
    /// ```
    /// # fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::Method;
    ///
    /// let call =
    ///     client.call::<()>(Method::POST, "/search").idempotent().into_call();
    /// assert!(call.endpoint().is_some_and(|endpoint| endpoint.is_idempotent()));
    /// # Ok(())
    /// # }
    /// # example(meetbit_client::Client::builder("example.com").credentials(
    /// #     meetbit_client::Credentials::new("id", "secret")).build().unwrap()).unwrap();
    /// ```
    pub fn idempotent(self) -> Self {
        self.with_endpoint(Endpoint::as_idempotent)
    }

    /// Reads the reply as the value itself, without MeetBit's `{"message": .., "data": ..}`.
    pub fn raw(mut self) -> Self
    where
        T: DeserializeOwned,
    {
        self.decode = decode::raw;
        self.change(|call| call.is_raw = true)
    }

    /// Finishes the call, whose reply is taken as bytes.
    ///
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::Method;
    ///
    /// let call = client.call::<()>(Method::GET, "/notes.csv").into_bytes();
    /// println!("{} bytes", call.await?.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_bytes(self) -> Call<Bytes> {
        Call::new(self.finish(), decode::bytes)
    }

    /// Finishes the call: a value to inspect, to spawn, or to give other settings.
    pub fn into_call(self) -> Call<T> {
        let decode = self.decode;
        Call::new(self.finish(), decode)
    }

    /// Sends the call and returns the whole reply.
    ///
    /// # Errors
    /// As [`Call::send`].
    pub fn send(self) -> Sending<T> {
        self.into_call().send()
    }

    fn with_body(self, set: impl FnOnce(&mut RequestParts)) -> Self {
        self.change(|Prepared { parts, .. }| match *parts.endpoint.method() {
            Method::GET | Method::HEAD => {
                let method = parts.endpoint.method();
                parts.record_error(Error::invalid_request(format!("a `{method}` request has no body")));
            }
            _ => set(parts),
        })
    }

    fn with_endpoint(self, change: impl FnOnce(&'static Endpoint) -> &'static Endpoint) -> Self {
        self.change(|call| call.parts.set_endpoint(change(call.parts.endpoint)))
    }

    fn refuse(self, why: String) -> Self {
        self.change(|call| call.parts.record_error(Error::invalid_request(why)))
    }

    fn finish(self) -> Arc<Prepared> {
        let finished = self.change(|Prepared { parts, .. }| match parts.next_placeholder() {
            Some(name) => {
                let why = format!("the placeholder `{{{name}}}` of the path has no value; call `.path(..)` for it");
                parts.record_error(Error::invalid_request(why));
            }
            None => parts.finish_path(),
        });
        finished.call
    }

    fn change(mut self, change: impl FnOnce(&mut Prepared)) -> Self {
        change(Arc::make_mut(&mut self.call));
        self
    }
}

/// The same methods as `#[api_endpoint]`.
fn check_method(method: &Method) -> Result<(), String> {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE => Ok(()),
        _ => Err(format!("`{method}` cannot be called; use GET, HEAD, POST, PUT, PATCH or DELETE")),
    }
}

/// `decode`, if `T` is `()`.
fn if_unit<T: 'static>(decode: Decode<()>) -> Option<Decode<T>> {
    (&decode as &dyn Any).downcast_ref::<Decode<T>>().copied()
}

/// Sends the call and returns its value.
impl<T> IntoFuture for CallBuilder<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Call<T>;

    fn into_future(self) -> Call<T> {
        self.into_call()
    }
}

impl<T> Clone for CallBuilder<T> {
    fn clone(&self) -> Self {
        Self { call: self.call.clone(), decode: self.decode }
    }
}

impl<T> fmt::Debug for CallBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallBuilder").field(&format_args!("{}", self.call.parts.endpoint)).finish()
    }
}
