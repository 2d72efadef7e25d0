//! What holds for the crate as a whole: its expansions, as snapshots; that no input makes a macro panic; and that files
//! import only what they may.

mod expansions;
mod mutations;
mod rooms;
