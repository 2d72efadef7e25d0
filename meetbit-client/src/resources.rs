//! MeetBit's endpoints and models, declared as a user declares them.
//!
//! Files of this room import from the crate root, as a user does; from the room itself they import only `ids` and `model`.
//! The room is also the SDK's own test of the macros: it uses nothing that a user cannot use.

pub(crate) mod customers;
pub(crate) mod events;
pub(crate) mod ids;
mod model;
pub(crate) mod online_conferences;
pub(crate) mod users;
pub(crate) mod work_hours;
pub(crate) mod zone_name;
