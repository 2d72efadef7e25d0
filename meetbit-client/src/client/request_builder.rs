use std::sync::Arc;

use bytes::Bytes;
use http::HeaderName;

use crate::client::Client;
use crate::client::call::Call;
use crate::client::prepared::Prepared;
use crate::endpoint::Endpoint;
use crate::request::arguments::{
    BodyArgument, BytesArgument, FormArgument, HeaderArgument, PathArgument, QueryArgument, Reply, json,
};
use crate::request::parts::RequestParts;
use crate::request::precheck::Precheck;
use crate::response::decode;

/// Builds a request from the arguments of an endpoint, one step for each. Generated code calls it.
///
/// It is a pointer, so that each step takes little code at the place of its call. Steps take their argument by reference.
#[derive(Debug)]
pub struct RequestBuilder(Arc<Prepared>);

impl RequestBuilder {
    /// Starts the request of `endpoint`.
    #[must_use]
    pub fn new(client: &Client, endpoint: &'static Endpoint) -> Self {
        let (client, parts) = (client.clone(), RequestParts::new(endpoint));
        Self(Arc::new(Prepared::new(client, parts)))
    }

    /// Fills the next placeholder of the path.
    #[must_use]
    pub fn path<T: PathArgument + ?Sized>(mut self, value: &T) -> Self {
        let Prepared { client, parts, .. } = self.prepared();
        parts.fill_placeholder(&client.0.base_url, &value);
        self
    }

    /// Appends to the query: under `name`, or under the own names of a struct or map.
    #[must_use]
    #[inline(never)] // inlined, it takes twice the code in each endpoint
    pub fn query<T: QueryArgument + ?Sized>(mut self, name: &str, value: &T) -> Self {
        self.parts().push_query(name, value);
        self
    }

    /// Sets a header, unless its value is `None`.
    #[must_use]
    pub fn header<M, T: HeaderArgument<M> + ?Sized>(mut self, name: &'static str, value: &T) -> Self {
        match value.header_value(name) {
            Ok(Some(value)) => self.parts().set_header(HeaderName::from_static(name), value),
            Ok(None) => {}
            Err(error) => self.parts().record_error(error),
        }
        self
    }

    /// Sets a JSON body, with the result of its checks.
    #[must_use]
    pub fn body<T: BodyArgument + ?Sized>(mut self, value: &T, precheck: Precheck) -> Self {
        self.parts().set_json(json(value), precheck);
        self
    }

    /// Sets a form as the body, with the result of its checks.
    #[must_use]
    pub fn form<T: FormArgument + ?Sized>(mut self, value: &T, precheck: Precheck) -> Self {
        self.parts().set_form(json(value), precheck);
        self
    }

    /// Sets bytes as the body.
    #[must_use]
    pub fn bytes<T: BytesArgument + ?Sized>(mut self, media_type: &'static str, value: &T) -> Self {
        self.parts().set_body(media_type, Bytes::copy_from_slice(value.as_ref()), Precheck::default());
        self
    }

    /// Finishes a request whose reply comes in MeetBit's envelope.
    pub fn call<T: Reply>(self) -> Call<T> {
        Call::new(self.finish(), decode::envelope)
    }

    /// Finishes a request whose reply is the value itself.
    pub fn raw<T: Reply>(self) -> Call<T> {
        Call::new(self.finish_raw(), decode::raw)
    }

    /// Finishes a request whose reply has no value.
    pub fn empty(self) -> Call<()> {
        Call::new(self.finish(), decode::empty)
    }

    /// Finishes a request whose reply is taken as bytes.
    pub fn into_bytes(self) -> Call<Bytes> {
        Call::new(self.finish_raw(), decode::bytes)
    }

    fn finish_raw(mut self) -> Arc<Prepared> {
        self.prepared().is_raw = true;
        self.finish()
    }

    fn finish(mut self) -> Arc<Prepared> {
        self.parts().finish_path();
        self.0
    }

    fn parts(&mut self) -> &mut RequestParts {
        &mut self.prepared().parts
    }

    fn prepared(&mut self) -> &mut Prepared {
        Arc::make_mut(&mut self.0)
    }
}
