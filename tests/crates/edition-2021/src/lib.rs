//! Endpoints as a library of edition 2021 declares them, under another name of the client, with every lint on.
#![deny(warnings, missing_docs, clippy::pedantic, clippy::nursery)]
#![deny(rust_2018_idioms, unreachable_pub, unused_lifetimes, unused_qualifications, unused_results)]
#![forbid(unsafe_code)]

use sdk::{api, api_endpoint, Api, Call};

/// The client as this library hands it on.
pub mod vendor {
    pub use sdk as client;
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Room {
    /// Its name.
    pub name: String,
}

/// Rooms, by the name of the dependency.
#[api(crate = sdk)]
pub trait Rooms: Api {
    /// Creates a room.
    #[api_endpoint(post, "/rooms/{building}", perm = "rooms.create.*")]
    fn create_room(&self, building: &str, #[body] room: &Room) -> Call<Room>;

    /// Lists rooms, as far as the features go.
    #[api_endpoint(get, "/rooms")]
    fn list_rooms(
        &self,
        #[cfg(not(test))]
        #[query]
        page: u32,
        #[cfg(test)]
        #[query]
        size: u32,
    ) -> Call<Vec<Room>>;

    /// Takes anything that can be serialized.
    #[api_endpoint(put, "/rooms/{name}")]
    fn replace_room(&self, name: impl std::fmt::Display, #[body] room: impl serde::Serialize) -> Call<()>
    where
        Self: Sized;

    /// Its old name.
    #[deprecated = "rooms are created"]
    #[must_use = "nothing is sent before it is awaited"]
    #[api_endpoint(post, "/rooms")]
    fn add_room(&self, #[body] room: &Room) -> Call<Room>;
}

/// Desks, by the path of a re-export and with nothing imported.
pub mod desks {
    /// Desks.
    #[crate::vendor::client::api(crate = crate::vendor::client)]
    pub trait Desks: crate::vendor::client::Api {
        /// A desk.
        #[crate::vendor::client::api_endpoint(get, "/desks/{id}")]
        fn desk(&self, id: i64) -> crate::vendor::client::Call<String>;
    }
}

/// Lockers, with the path on the endpoint and the impl by hand.
pub trait Lockers: Api {
    /// A locker.
    #[api_endpoint(get, "/lockers/{id}", crate = sdk)]
    fn locker(&self, id: i64) -> Call<String>;
}

impl Lockers for sdk::Client {}

/// Declares a trait of one endpoint for another crate, which need not know the client.
#[macro_export]
macro_rules! declare {
    ($(#[$attribute:meta])* $name:ident, $method:ident, $verb:ident, $path:literal, $perm:literal, $reply:ty $(, $argument:ident: $ty:ty)*) => {
        $(#[$attribute])*
        #[$crate::vendor::client::api(crate = $crate::vendor::client)]
        pub trait $name: $crate::vendor::client::Api {
            /// The endpoint.
            #[$crate::vendor::client::api_endpoint($verb, $path, perm = $perm)]
            fn $method(&self, $($argument: $ty),*) -> $crate::vendor::client::Call<$reply>;
        }
    };
}

declare!(
    /// Keys, by a macro of this crate.
    Keys, key, get, "/keys/{id}/of/{person}", "keys.read.*", Option<String>, id: &i64, person: &str
);

/// Private and never used, which does not cause a warning.
mod unused {
    use sdk::{api, api_endpoint, Api, Call};

    #[allow(dead_code, reason = "only the catalogue is the macro's")]
    #[api(crate = sdk)]
    trait Parking: Api {
        #[api_endpoint(get, "/parking")]
        fn parking(&self) -> Call<()>;
    }

    #[deprecated]
    #[allow(dead_code, reason = "only the catalogue is the macro's")]
    #[api(crate = sdk)]
    trait Garage: Api {
        #[api_endpoint(get, "/garage")]
        fn garage(&self) -> Call<()>;
    }
}

/// Calls an operation of the SDK, whose traits are of edition 2024.
pub fn create_customer(client: &sdk::Client, customer: &sdk::NewCustomer) -> Call<sdk::Customer> {
    use sdk::Customers;
    client.create_customer(customer)
}

/// Calls a trait of this crate, whatever implements it.
pub fn first_room(rooms: &dyn Rooms) -> Call<Vec<Room>> {
    rooms.list_rooms(1)
}
