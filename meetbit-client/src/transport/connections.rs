//! Keeps the connections of different runtimes apart.
//!
//! A task of one runtime drives a connection. A request of another runtime on it would wait as long as that runtime does not
//! run, and would break when it ends. Every `#[tokio::test]`, actix worker and `block_on` has a runtime of its own.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::runtime::{self, Handle};
use tokio::time::Instant;

use crate::error::Error;

/// After this time a server may have closed a connection without the runtime having seen it, because the runtime was not driven.
const QUIET: Duration = Duration::from_millis(10);

/// The most runtimes that keep connections. Beyond it, the least recently used lose theirs.
const MOST: usize = 64;

type Build = Box<dyn Fn() -> Result<Client, Error> + Send + Sync>;

/// The HTTP clients of one [`Client`](crate::Client), one for each runtime.
pub(crate) struct Connections {
    /// Builds another HTTP client. `None` for a user's `reqwest::ClientBuilder`, which builds one only: its runtimes share the
    /// client, and each has a number that tells its connections from the others'.
    build: Option<Build>,
    /// After this time without a request a runtime has no connection left.
    lifetime: Duration,
    runtimes: Mutex<Vec<Runtime>>,
}

struct Runtime {
    /// `None` before the first request.
    id: Option<runtime::Id>,
    last_request: Option<Instant>,
    client: Client,
    number: usize,
}

/// How a request of the current runtime is sent.
pub(crate) struct Checkout {
    pub(crate) client: Client,
    /// The number that tells the connections of runtimes with the same `client` apart.
    pub(crate) number: usize,
    /// True if the runtime should look at its connections before this request uses one.
    pub(crate) is_quiet: bool,
}

impl Connections {
    /// Connections of HTTP clients that are built alike.
    pub(crate) fn built(build: Build, lifetime: Duration) -> Result<Self, Error> {
        let client = build()?;
        Ok(Self { build: Some(build), lifetime, runtimes: Mutex::new(vec![Runtime::new(client, 0)]) })
    }

    /// Connections of a client that cannot be built again.
    pub(crate) fn of(client: Client, lifetime: Duration) -> Self {
        Self { build: None, lifetime, runtimes: Mutex::new(vec![Runtime::new(client, 0)]) }
    }

    /// The connections of the current runtime.
    pub(crate) fn checkout(&self, now: Instant) -> Result<Checkout, Error> {
        let id = Handle::current().id();
        let mut runtimes = self.runtimes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = runtimes.iter().position(|runtime| runtime.id == Some(id));
        let index = match known {
            Some(index) => index,
            None => self.enter(&mut runtimes, id, now)?,
        };
        let Runtime { last_request, client, number, .. } = &mut runtimes[index];
        let before = last_request.replace(now);
        let is_quiet = before.is_some_and(|before| now > before + QUIET);
        Ok(Checkout { client: client.clone(), number: *number, is_quiet })
    }

    /// Finds a place for a runtime that has not sent yet.
    fn enter(&self, runtimes: &mut Vec<Runtime>, id: runtime::Id, now: Instant) -> Result<usize, Error> {
        let is_over = |runtime: &Runtime| {
            runtime.last_request.is_none_or(|last| now.saturating_duration_since(last) > self.lifetime)
        };
        let index = match &self.build {
            _ if runtimes[0].id.is_none() => 0,
            Some(build) => {
                let client = build()?; // the list is never empty, even if this fails
                runtimes.retain(|runtime| !is_over(runtime));
                if runtimes.len() >= MOST {
                    let oldest = (0..runtimes.len()).min_by_key(|index| runtimes[*index].last_request);
                    oldest.map(|index| runtimes.swap_remove(index));
                }
                runtimes.push(Runtime::new(client, 0));
                runtimes.len() - 1
            }
            None => runtimes.iter().position(is_over).unwrap_or_else(|| {
                runtimes.push(Runtime::new(runtimes[0].client.clone(), runtimes.len()));
                runtimes.len() - 1
            }),
        };
        runtimes[index].id = Some(id);
        runtimes[index].last_request = None;
        Ok(index)
    }
}

impl Runtime {
    fn new(client: Client, number: usize) -> Self {
        Self { id: None, last_request: None, client, number }
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(34);

    fn built() -> Connections {
        Connections::built(Box::new(|| Ok(Client::new())), LIFETIME).unwrap()
    }

    fn shared() -> Connections {
        Connections::of(Client::new(), LIFETIME)
    }

    fn runtime() -> runtime::Runtime {
        Builder::new_current_thread().build().unwrap()
    }

    /// The number of the connections that a request of this runtime uses.
    fn number(connections: &Connections, runtime: &runtime::Runtime, now: Instant) -> usize {
        let _inside = runtime.enter();
        connections.checkout(now).unwrap().number
    }

    fn count(connections: &Connections) -> usize {
        connections.runtimes.lock().unwrap().len()
    }

    #[test]
    fn promise_5_a_runtime_is_quiet_ten_milliseconds_after_its_last_request() {
        let (connections, start) = (built(), Instant::now());
        let is_quiet = |connections: &Connections, runtime: &runtime::Runtime, micros| {
            let _inside = runtime.enter();
            connections.checkout(start + Duration::from_micros(micros)).unwrap().is_quiet
        };
        let (one, other) = (runtime(), runtime());
        let requests = [(0, false), (10_001, true), (20_001, false), (30_002, true), (30_003, false), (99_000, true)];
        for (micros, expected) in requests {
            assert_eq!(is_quiet(&connections, &one, micros), expected, "{micros}");
        }
        assert!(!is_quiet(&built(), &one, 99_000), "no connection exists before the first request");
        assert!(!is_quiet(&connections, &other, 99_999), "another runtime has no connection");
    }

    #[test]
    fn promise_24_runtimes_share_no_connection_and_a_number_is_used_again_when_its_connections_are_closed() {
        let (connections, start) = (shared(), Instant::now());
        let runtimes = [runtime(), runtime(), runtime(), runtime()];
        let number = |index: usize, secs| number(&connections, &runtimes[index], start + Duration::from_secs(secs));
        assert_eq!((number(0, 0), number(1, 1), number(0, 2), number(2, 2)), (0, 1, 0, 2));
        assert_eq!(number(3, 35), 3, "34 seconds after its last request a runtime may still have a connection");
        let late = runtime();
        assert_eq!(super::tests::number(&connections, &late, start + Duration::from_secs(36)), 1);
        assert_eq!(count(&connections), 4);
    }

    #[test]
    fn promise_24_what_runtimes_leave_behind_is_bounded() {
        let (connections, start) = (built(), Instant::now());
        let runtimes: Vec<_> = (0..MOST + 10).map(|_| runtime()).collect();
        for (runtime, millis) in runtimes.iter().zip(0..) {
            number(&connections, runtime, start + Duration::from_millis(millis));
        }
        assert_eq!(count(&connections), MOST);
        let ids: Vec<_> = connections.runtimes.lock().unwrap().iter().map(|runtime| runtime.id).collect();
        assert!(runtimes[10..].iter().all(|runtime| ids.contains(&Some(runtime.handle().id()))), "the oldest went");
        number(&connections, &runtime(), start + Duration::from_secs(60));
        assert_eq!(count(&connections), 1, "the others have no connection left");
    }
}
