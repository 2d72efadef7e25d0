//! The leanest path over reqwest: nothing is made twice, and nothing is checked that need not be.

use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::{Client, Request, Url};
use workload::{Customer, Envelope, KEY_ID, KEY_SECRET, NewCustomer, REPLY};

struct Api {
    client: Client,
    base_url: Url,
    path: String,
    headers: HeaderMap,
    ada: NewCustomer,
}

impl Api {
    fn new(url: &str) -> Self {
        let base_url = Url::parse(url).expect("a URL");
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-access-key-id", HeaderValue::from_static(KEY_ID));
        headers.insert("x-access-key-secret", HeaderValue::from_static(KEY_SECRET));
        let path = format!("{}/customers", base_url.path());
        Self { client: Client::new(), base_url, path, headers, ada: NewCustomer::ada() }
    }

    fn request(&self) -> Request {
        let mut url = self.base_url.clone();
        url.set_path(&self.path);
        let mut body = Vec::with_capacity(512);
        serde_json::to_writer(&mut body, &self.ada).expect("it can be written");
        let mut request = Request::new(Method::POST, url);
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = Some(body.into());
        request
    }

    async fn create_customer(&self) -> reqwest::Result<i64> {
        let mut response = self.client.execute(self.request()).await?.error_for_status()?;
        let length = response.content_length();
        let first = response.chunk().await?.expect("a body");
        assert_eq!(length, Some(first.len() as u64), "a body in one piece");
        Ok(decode(&first))
    }

    fn build_and_decode(&self) -> i64 {
        std::hint::black_box(self.request());
        decode(REPLY.as_bytes())
    }
}

fn decode(body: &[u8]) -> i64 {
    let text = std::str::from_utf8(body).expect("the reply is UTF-8");
    serde_json::from_str::<Envelope<Customer>>(text).expect("the reply is JSON").data.id
}

fn main() {
    workload::run(
        Api::new,
        async |api: &Api| api.create_customer().await,
        async |api: &Api| Ok(api.build_and_decode()),
    );
}
