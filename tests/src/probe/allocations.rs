//! Counts what the heap is asked for.
//!
//! A test binary that measures declares the counting allocator:
//!
//! ```
//! use meetbit_tests::probe::allocations::{self, Allocator};
//!
//! #[global_allocator]
//! static ALLOCATOR: Allocator = meetbit_tests::probe::allocations::ALLOCATOR;
//!
//! let (text, used) = allocations::measure(|| String::with_capacity(100));
//! assert_eq!((used.count, used.peak_bytes), (1, 100));
//! # drop(text);
//! ```

use std::sync::{Mutex, PoisonError};

pub use dhat::Alloc as Allocator;

/// The allocator to declare.
pub const ALLOCATOR: Allocator = Allocator;

/// What was allocated, by every thread of the process, while something ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocations {
    /// How many blocks were allocated in all.
    pub count: u64,
    /// How many bytes were allocated in all.
    pub total_bytes: u64,
    /// The largest number of bytes that were held at one time, above what was held at the start.
    pub peak_bytes: usize,
}

/// Runs this and counts. Measurements wait for each other; other threads are counted too, so an exact count needs a test
/// binary in which nothing else runs.
///
/// # Panics
///
/// If the test binary does not declare the [`ALLOCATOR`].
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Allocations) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);

    let _profiler = dhat::Profiler::builder().testing().build();
    drop(std::hint::black_box(Box::new(1_u8)));
    let before = dhat::HeapStats::get();
    assert!(before.total_blocks > 0, "nothing is counted; declare `#[global_allocator]` as the module's docs show");
    let value = work();
    let after = dhat::HeapStats::get();
    let used = Allocations {
        count: after.total_blocks - before.total_blocks,
        total_bytes: after.total_bytes - before.total_bytes,
        peak_bytes: after.max_bytes - before.curr_bytes,
    };
    (value, used)
}
