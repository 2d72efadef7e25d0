//! What every client is measured with: the same call, made in the same ways.

use std::fmt;
use std::rc::Rc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::task::LocalSet;

pub const KEY_ID: &str = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d";
pub const KEY_SECRET: &str = "s#cr*t-0123456789abcdef0123456789abcdef";

/// What [`NewCustomer::ada`] is as JSON: 344 bytes.
pub const BODY: &str = concat!(
    r#"{"first_name":"Ada","middle_name":"Augusta","last_name":"Lovelace","email":"ada@analytical-engines.example.com","#,
    r#""contact_number":"+442071234567","address":{"line_1":"12 St James's Square","line_2":"2nd floor","city":"London","#,
    r#""region":"Greater London","region_code":"LND","country":"United Kingdom","country_code":"GB","#,
    r#""postal_code":"SW1Y 4JH"}}"#,
);

/// What the server answers: 544 bytes.
pub const REPLY: &str = concat!(
    r#"{"message":"The customer was created.","data":{"id":9007199254740,"first_name":"Ada","middle_name":"Augusta","#,
    r#""last_name":"Lovelace","email":"ada@analytical-engines.example.com","contact_number":"+442071234567","#,
    r#""address":{"line_1":"12 St James's Square","line_2":"2nd floor","city":"London","region":"Greater London","#,
    r#""region_code":"LND","country":"United Kingdom","country_code":"GB","postal_code":"SW1Y 4JH"},"#,
    r#""name":"Ada Augusta Lovelace","created_at":"2024-08-22T01:04:05.000000Z","#,
    r#""updated_at":"2024-08-22T01:04:05.000000Z","deleted_at":null}}"#,
);

const _: () = assert!(BODY.len() == 344 && REPLY.len() == 544);

#[derive(Serialize)]
pub struct NewCustomer {
    pub first_name: Option<String>,
    pub middle_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub contact_number: Option<String>,
    pub address: Option<Address>,
}

#[derive(Default, Serialize, Deserialize)]
pub struct Address {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_2: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
}

#[derive(Deserialize)]
pub struct Envelope<T> {
    pub message: Option<String>,
    pub data: T,
}

#[derive(Deserialize)]
pub struct Customer {
    pub id: i64,
    pub first_name: Option<String>,
    pub middle_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub contact_number: Option<String>,
    pub address: Option<Address>,
    pub name: Option<String>,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
    pub deleted_at: Option<jiff::Timestamp>,
}

impl NewCustomer {
    #[must_use]
    pub fn ada() -> Self {
        let some = |text: &str| Some(text.to_owned());
        Self {
            first_name: some("Ada"),
            middle_name: some("Augusta"),
            last_name: some("Lovelace"),
            email: some("ada@analytical-engines.example.com"),
            contact_number: some("+442071234567"),
            address: Some(Address {
                line_1: some("12 St James's Square"),
                line_2: some("2nd floor"),
                city: some("London"),
                region: some("Greater London"),
                region_code: some("LND"),
                country: some("United Kingdom"),
                country_code: some("GB"),
                postal_code: some("SW1Y 4JH"),
            }),
        }
    }
}

/// Makes the calls that the command line asks for, `calls|flight|local URL NUMBER`, on one thread, and prints the
/// nanoseconds that one took: one after another, 64 at a time, or without a network.
///
/// # Panics
/// If the command line is another one, or a call gives another customer.
pub fn run<C, E: fmt::Debug>(
    connect: impl FnOnce(&str) -> C,
    call: impl AsyncFn(&C) -> Result<i64, E> + Copy + 'static,
    local: impl AsyncFn(&C) -> Result<i64, E> + 'static,
) where
    C: 'static,
{
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [mode, url, number] = &*arguments else { panic!("calls|flight|local URL NUMBER") };
    let number: u32 = number.parse().expect("a number of calls");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let expected = |id: Result<i64, E>| assert_eq!(id.expect("a customer"), 9_007_199_254_740);
    let elapsed = LocalSet::new().block_on(&runtime, async move {
        let client = Rc::new(connect(url));
        let started = Instant::now();
        match &**mode {
            "calls" => {
                for _ in 0..number {
                    expected(call(&client).await);
                }
            }
            "local" => {
                for _ in 0..number {
                    expected(local(&client).await);
                }
            }
            _ => {
                let tasks = (0..64).map(|_| {
                    let client = client.clone();
                    tokio::task::spawn_local(async move {
                        for _ in 0..number / 64 {
                            expected(call(&client).await);
                        }
                    })
                });
                for task in tasks.collect::<Vec<_>>() {
                    task.await.expect("a task that ends");
                }
            }
        }
        started.elapsed()
    });
    println!("{}", elapsed.as_nanos() / u128::from(number.max(1)));
}
