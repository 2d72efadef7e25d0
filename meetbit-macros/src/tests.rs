//! What holds for the crate as a whole: expansions as snapshots, and that no input makes a macro panic.

mod expansions;
mod mutations;
