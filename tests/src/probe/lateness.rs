//! Measures how late this machine serves a thread, as a control for verdicts on time.
//!
//! A test that says "within 50 ms" fails on a busy machine although the code is right. The control runs in the same
//! process at the same time. It is late by the longer of two delays: that of a thread that does nothing but wait for a
//! timer and for a byte on a socket; and, on Linux, the time that any thread of the process was ready to run and had no
//! CPU. The second is needed because the system serves a thread that sleeps before one that works. By twice as much as
//! the control is late, the code under test may be late too:
//!
//! ```
//! use meetbit_tests::probe::lateness::Lateness;
//! use std::{thread, time::{Duration, Instant}};
//!
//! let control = Lateness::watch();
//! let started = Instant::now();
//! thread::sleep(Duration::from_millis(30));
//! control.assert_within(started.elapsed(), Duration::from_millis(80));
//! ```

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long the control waits before each round trip.
const TICK: Duration = Duration::from_millis(1);

/// How many times as late as the control the code under test may be, because a call waits for the client's thread and
/// for the server's, one after the other.
const FACTOR: u32 = 2;

/// A control that runs from [`watch`](Lateness::watch) until it is dropped.
#[derive(Debug)]
#[must_use = "the control ends when it is dropped"]
pub struct Lateness {
    ticks: Arc<Ticks>,
    /// The [`run_delays`] when the control started.
    before: HashMap<OsString, Duration>,
}

#[derive(Debug)]
struct Ticks {
    start: Instant,
    /// When the round trip that is under way began, in microseconds after `start`.
    begun: AtomicU64,
    /// How late the latest round trip was, in microseconds.
    worst: AtomicU64,
}

impl Lateness {
    /// Starts the control: every millisecond a thread sends a byte through a socket to another, which sends it back.
    ///
    /// # Panics
    ///
    /// If the system gives no port.
    pub fn watch() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
        let near = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
        let (far, _) = listener.accept().expect("the connection is there");
        let ticks = Arc::new(Ticks { start: Instant::now(), begun: AtomicU64::new(0), worst: AtomicU64::new(0) });
        let weak = Arc::downgrade(&ticks);
        thread::spawn(move || echo(far));
        thread::spawn(move || tick(near, &weak));
        Self { ticks, before: run_delays() }
    }

    /// How late the control was at most so far, a round trip that has not ended included.
    #[must_use]
    pub fn worst(&self) -> Duration {
        let ticks = Duration::from_micros(self.ticks.worst.load(Ordering::SeqCst)).max(self.ticks.late());
        let before = |thread: &OsString| self.before.get(thread).copied().unwrap_or_default();
        let delays = run_delays().into_iter().map(|(thread, delay)| delay.saturating_sub(before(&thread)));
        delays.max().unwrap_or_default().max(ticks)
    }

    /// Asserts that something took no longer than this, or by no more than the control's lateness allows.
    ///
    /// # Panics
    ///
    /// If it took longer.
    #[track_caller]
    pub fn assert_within(&self, took: Duration, bound: Duration) {
        let late = self.worst();
        assert!(took <= bound + FACTOR * late, "{took:?}, not {bound:?}, while the control was {late:?} late");
    }
}

impl Ticks {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn late(&self) -> Duration {
        let took = self.now().saturating_sub(self.begun.load(Ordering::SeqCst));
        Duration::from_micros(took).saturating_sub(TICK)
    }
}

/// Makes round trips until the control is dropped.
fn tick(mut near: TcpStream, ticks: &Weak<Ticks>) {
    while let Some(begin) = ticks.upgrade() {
        begin.begun.store(begin.now(), Ordering::SeqCst);
        drop(begin);
        thread::sleep(TICK);
        if near.write_all(b"x").is_err() || near.read_exact(&mut [0]).is_err() {
            return;
        }
        let Some(end) = ticks.upgrade() else { return };
        let late = u64::try_from(end.late().as_micros()).unwrap_or(u64::MAX);
        end.worst.fetch_max(late, Ordering::SeqCst);
    }
}

/// Sends every byte back until the other side closes.
fn echo(mut far: TcpStream) {
    let mut byte = [0];
    while far.read_exact(&mut byte).is_ok() && far.write_all(&byte).is_ok() {}
}

/// For how long each thread of this process was ready to run and had no CPU, since it started; empty where the system
/// does not say.
fn run_delays() -> HashMap<OsString, Duration> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return HashMap::new() };
    let delay = |thread: fs::DirEntry| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?; // the thread may have ended
        let nanos = text.split(' ').nth(1)?.parse().ok()?;
        Some((thread.file_name(), Duration::from_nanos(nanos)))
    };
    threads.flatten().filter_map(delay).collect()
}
