//! MeetBit's endpoints and models, declared as a user declares them. They import from the crate root only.

pub(crate) mod customers;
pub(crate) mod events;
mod model;
pub(crate) mod online_conferences;
pub(crate) mod users;
pub(crate) mod work_hours;
pub(crate) mod zone_name;
