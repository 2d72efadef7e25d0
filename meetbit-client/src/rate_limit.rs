//! Decides who may send to a tenant, and when. With the feature `shared-limit`, several processes can share one limit:
//! [`ClientBuilder::shared_limit`](crate::ClientBuilder::shared_limit) takes a [`SharedLimit`], such as
//! [`FileLimit`](crate::FileLimit). The page [`processes`](crate::processes) compares the stores.
//!
//! To write a store of your own, implement [`SharedLimit`] with the functions [`ask()`] and [`tell()`], which decide, and
//! [`State`], which is plain data.

// The decisions are pure functions on plain data: `state` with `window`, `queue` and `gate`. `registry` keeps one state for
// each tenant, behind a lock. Only `limiter` waits. With a store that several processes share, `store_limiter`, `store`,
// `redis` and `file` wait too; while the store fails, a `share` decides. The room may import `response` and `error`.

pub(crate) mod config;
#[cfg(all(feature = "sandbox", feature = "shared-limit"))]
pub(crate) mod conformance;
#[cfg(feature = "shared-limit")]
pub(crate) mod file;
pub(crate) mod gate;
#[cfg(feature = "redis")]
mod heard;
mod key_handle;
pub(crate) mod limiter;
pub(crate) mod moment;
pub(crate) mod permit;
pub(crate) mod queue;
#[cfg(feature = "redis")]
pub(crate) mod redis;
mod registry;
#[cfg(feature = "shared-limit")]
pub(crate) mod share;
#[cfg(feature = "shared-limit")]
pub(crate) mod shared;
pub(crate) mod state;
#[cfg(feature = "shared-limit")]
pub(crate) mod store;
#[cfg(feature = "shared-limit")]
pub(crate) mod store_limiter;
pub(crate) mod window;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

#[cfg(all(feature = "sandbox", feature = "shared-limit"))]
pub use conformance::conformance;
#[cfg(feature = "shared-limit")]
pub use shared::{
    Ask, BoxFuture, Event, Feedback, HOLD, Named, Rate, Report, SharedLimit, State, Verdict, WaitReason, ask, tell,
};
