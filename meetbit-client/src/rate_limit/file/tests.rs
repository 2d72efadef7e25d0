//! The decisions over a file, with a clock that the test sets.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;

use super::*;
use crate::rate_limit::file::limit_file::FileFailure;
use crate::rate_limit::moment::span;
use crate::rate_limit::shared::{Event, Feedback, State, ask, tell};

const SECOND: Duration = Duration::from_secs(1);

/// A file with a clock that the test sets. The file is removed with it.
struct Clocked {
    file: LimitFile,
    clock: Arc<AtomicU64>,
    directory: PathBuf,
    last_id: u64,
}

impl Clocked {
    fn new(test: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("{test}-{:016x}", fastrand::u64(..)));
        fs::create_dir(&directory).unwrap();
        let clock = Arc::new(AtomicU64::new(1_000_000_000));
        let file = open(&directory.join("limit.json"), &clock).unwrap();
        Self { file, clock, directory, last_id: 0 }
    }

    /// Uses the file under this name, as another process does.
    fn use_as(&mut self, name: &str) {
        self.file = open(&self.directory.join(name), &self.clock).unwrap();
    }

    fn now(&self) -> Duration {
        (self.file.clock)()
    }

    fn advance(&self, by: Duration) {
        self.clock.fetch_add(span(by), Ordering::Relaxed);
    }

    fn set_back(&self, by: Duration) {
        self.clock.fetch_sub(span(by), Ordering::Relaxed);
    }

    fn question(&mut self) -> Ask {
        self.last_id += 1;
        let (tenant, key) = ("tenant".to_owned(), "key".to_owned());
        let (id, rate) = (self.last_id, RateLimit::default().into());
        Ask { tenant, key, id, again: false, ticket: None, rate, within: Duration::MAX }
    }

    fn ask(&mut self) -> Verdict {
        let question = self.question();
        self.file.ask(&question).unwrap()
    }

    #[track_caller]
    fn go(&mut self) -> u64 {
        assert!(matches!(self.ask(), Verdict::Go { .. }));
        self.last_id
    }

    fn answered(&mut self, id: u64, feedback: Feedback) {
        let Ask { tenant, key, rate, .. } = self.question();
        let event = Event::Answered { id, departed: Duration::ZERO, feedback };
        let told_at = Instant::now() + SECOND; // so that no time has passed since
        self.file.tell(&Report { tenant, key, rate, event }, told_at).unwrap();
    }

    /// The report has waited for the lock for so long.
    fn answered_before(&mut self, id: u64, waited: Duration) {
        let Ask { tenant, key, rate, .. } = self.question();
        let event = Event::Answered { id, departed: Duration::ZERO, feedback: Feedback::default() };
        self.file.tell(&Report { tenant, key, rate, event }, Instant::now().checked_sub(waited).unwrap()).unwrap();
    }

    fn is_closed(&mut self) -> bool {
        matches!(self.ask(), Verdict::Closed { .. })
    }
}

fn open(path: &Path, clock: &Arc<AtomicU64>) -> Result<LimitFile, FileFailure> {
    let clock = clock.clone();
    let now = move || Duration::from_micros(clock.load(Ordering::Relaxed));
    LimitFile::open(path.to_owned(), Box::new(now))
}

impl Drop for Clocked {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

/// One process after the other asks and reports at random, over a file and over a state in memory.
#[test]
fn promise_27_the_file_decides_as_the_state_in_memory_does() {
    let mut clocked = Clocked::new("differential");
    let mut rng = Rng::with_seed(7);
    let mut memory: BTreeMap<String, State> = BTreeMap::new();
    let (mut asked, mut granted): (Vec<Ask>, Vec<Ask>) = (Vec::new(), Vec::new());
    for step in 0..3_000 {
        clocked.advance(Duration::from_millis(rng.u64(0..120)));
        let now = clocked.now();
        if rng.u8(..) < 160 {
            let fresh = Ask { key: ["a", "b", "c"][rng.usize(0..3)].to_owned(), ..clocked.question() };
            let fresh = Ask { tenant: ["x", "y"][rng.usize(0..2)].to_owned(), ..fresh };
            let question = if rng.bool() { asked.pop().unwrap_or(fresh) } else { fresh };
            let state = memory.entry(question.tenant.clone()).or_default();
            let expected = ask(state, now, &question);
            assert_eq!(clocked.file.ask(&question).unwrap(), expected, "step {step}: {question:?}");
            match expected {
                Verdict::Go { .. } => granted.push(question),
                Verdict::Wait { ticket, .. } | Verdict::Closed { ticket, .. } => {
                    asked.insert(0, Ask { ticket: Some(ticket), again: rng.bool(), ..question });
                }
                Verdict::Full => {}
            }
        } else if let Some(Ask { tenant, key, id, rate, .. }) = granted.pop() {
            let is_429 = rng.u8(..) < 8;
            let retry_after = rng.bool().then_some(SECOND * 2);
            let feedback = Feedback { is_429, retry_after, remaining: Some(rng.u32(0..5)), ..Feedback::default() };
            let event = match rng.u8(0..4) {
                0 => Event::Released { id },
                _ => Event::Answered { id, departed: Duration::from_millis(rng.u64(0..300)), feedback },
            };
            let report = Report { tenant, key, rate, event };
            tell(memory.entry(report.tenant.clone()).or_default(), now, &report);
            clocked.file.tell(&report, Instant::now() + SECOND).unwrap();
        } else {
            continue;
        }
        memory.retain(|_, state| !state.drop_idle(now));
        assert_eq!(clocked.file.read().unwrap().unwrap().contents.tenants, memory, "step {step}");
    }
    assert!(clocked.last_id > 1_000);
}

#[test]
fn promise_27_a_permit_without_a_report_counts_until_its_request_has_arrived() {
    let mut clocked = Clocked::new("unreported");
    for _ in 0..5 {
        clocked.go();
    }
    clocked.advance(Duration::from_millis(2_999)); // held, on its way, and one period
    assert!(matches!(clocked.ask(), Verdict::Wait { .. }));
    clocked.advance(Duration::from_millis(1));
    clocked.go();
}

#[test]
fn promise_27_a_report_that_waits_for_the_lock_does_not_extend_its_request() {
    let mut clocked = Clocked::new("waited");
    let ids: Vec<u64> = (0..5).map(|_| clocked.go()).collect();
    clocked.advance(SECOND / 2);
    clocked.answered_before(ids[0], SECOND / 4);
    clocked.advance(SECOND / 4); // the test itself may take a part of the rest
    assert!(matches!(clocked.ask(), Verdict::Wait { .. }));
    clocked.advance(SECOND / 2 + Duration::from_millis(5)); // with the margin
    clocked.go();
}

#[test]
fn promise_27_a_clock_that_is_set_back_opens_no_gate_early_and_holds_no_place_longer() {
    let mut clocked = Clocked::new("clock");
    let id = clocked.go();
    let retry_after = Some(60 * SECOND);
    clocked.answered(id, Feedback { is_429: true, retry_after, ..Feedback::default() });
    clocked.set_back(500 * SECOND);
    assert!(clocked.is_closed());
    clocked.advance(59 * SECOND);
    assert!(clocked.is_closed());
    clocked.advance(2 * SECOND);
    for _ in 0..5 {
        clocked.go();
    }
    clocked.set_back(300 * SECOND);
    assert!(matches!(clocked.ask(), Verdict::Wait { .. }));
    clocked.advance(3 * SECOND + SECOND / 100);
    clocked.go();
}

#[test]
fn promise_27_a_file_that_is_deleted_pauses_until_earlier_requests_no_longer_count() {
    let mut clocked = Clocked::new("deleted");
    for _ in 0..5 {
        clocked.go();
    }
    fs::remove_file(&clocked.file.path).unwrap();
    let question = clocked.question();
    assert!(clocked.file.ask(&question).unwrap_err().to_string().contains("deleted"));
    clocked.advance(Duration::from_millis(2_999));
    assert!(clocked.file.ask(&question).is_err());
    clocked.advance(Duration::from_millis(1));
    clocked.go();
}

#[test]
fn promise_27_what_no_longer_matters_leaves_the_file() {
    let mut clocked = Clocked::new("bounded");
    for n in 0..50 {
        let question = Ask { tenant: format!("tenant {n}"), ..clocked.question() };
        clocked.file.ask(&question).unwrap();
    }
    clocked.advance(4 * SECOND);
    clocked.go();
    assert_eq!(clocked.file.read().unwrap().unwrap().contents.tenants.len(), 1);
}

#[test]
fn promise_27_a_lock_that_another_process_holds_is_an_error_and_not_a_hang() {
    let mut clocked = Clocked::new("locked");
    let lock = clocked.file.lock().unwrap();
    let question = clocked.question();
    assert!(clocked.file.ask(&question).unwrap_err().to_string().contains("locked"));
    drop(lock);
    clocked.file.ask(&question).unwrap();
}

/// As when a hundred programs start at once on a busy machine.
#[test]
fn a_file_that_others_use_can_be_opened() {
    let clocked = Clocked::new("opened");
    let lock = clocked.file.lock().unwrap();
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| open(&clocked.file.path, &clocked.clock));
        std::thread::sleep(SECOND); // it waits in this span
        drop(lock);
        opening.join().unwrap().unwrap();
    });
}

#[test]
fn promise_27_a_write_that_was_not_finished_leaves_the_earlier_copy() {
    let mut clocked = Clocked::new("torn");
    let last = |file: &LimitFile| file.read().map(|copies| copies.unwrap().contents.last);
    for _ in 0..2 {
        clocked.advance(SECOND);
        clocked.go(); // both places are written in turn
        let before = fs::read(&clocked.file.path).unwrap();
        let earlier = last(&clocked.file).unwrap();
        clocked.advance(SECOND);
        clocked.go();
        let after = fs::read(&clocked.file.path).unwrap();
        let later = last(&clocked.file).unwrap();
        assert!(after.len() == before.len() && later == earlier + span(SECOND));
        let changed: Vec<usize> = (0..after.len()).filter(|at| before[*at] != after[*at]).collect();
        for end in changed.iter().copied() {
            // What was written ends there, or starts there.
            for torn in [[&after[..end], &before[end..]].concat(), [&before[..end], &after[end..]].concat()] {
                fs::write(&clocked.file.path, &torn).unwrap();
                let found = last(&clocked.file).unwrap();
                assert!(found == earlier || (torn == after && found == later), "{end}: {found}");
            }
        }
        // A block of zeros.
        let middle = changed[changed.len() / 2];
        fs::write(&clocked.file.path, [&after[..middle], &[0; 9], &after[middle + 9..]].concat()).unwrap();
        assert_eq!(last(&clocked.file).unwrap(), earlier);
        fs::write(&clocked.file.path, after).unwrap();
    }
}

#[test]
fn promise_27_a_file_without_a_whole_copy_is_an_error() {
    let mut clocked = Clocked::new("corrupt");
    for _ in 0..2 {
        clocked.go();
    }
    let good = fs::read_to_string(&clocked.file.path).unwrap();
    let texts = [
        (String::new(), "corrupt"),
        ("\n\n".to_owned(), "corrupt"),
        (good.replace("\"key\"", "\"kez\""), "its hash is wrong"),
        (good.replace("2 ", "1 "), "version 1 of the format"),
        (r#"3 {"moments":[]}"#.to_owned(), "version 3 of the format"),
        (r#"{"moments":[]}"#.to_owned(), "corrupt"),
    ];
    for (text, problem) in texts {
        fs::write(&clocked.file.path, &text).unwrap();
        let question = clocked.question();
        let failure = clocked.file.ask(&question).unwrap_err().to_string();
        assert!(failure.contains(problem) && failure.contains("limit.json"), "{failure}");
        assert_eq!(fs::read_to_string(&clocked.file.path).unwrap(), text, "it was changed");
    }
}

/// The file grows with the calls that wait, and shrinks afterwards.
#[test]
fn promise_27_the_file_has_the_size_that_it_needs() {
    let mut clocked = Clocked::new("size");
    let length = |file: &LimitFile| fs::metadata(&file.path).unwrap().len();
    let new = length(&clocked.file);
    for _ in 0..400 {
        clocked.ask();
    }
    let grown = length(&clocked.file);
    clocked.advance(60 * SECOND);
    for _ in 0..2 {
        clocked.go();
    }
    let shrunk = length(&clocked.file);
    assert!(new == 8192 && grown > 4 * new && shrunk == new, "{new}, {grown}, {shrunk}");
}

/// A disk without room for a second file, and a directory in which this user may make none, leave room for a line.
#[test]
fn promise_27_a_closed_gate_is_in_the_file_if_no_other_file_can_replace_it() {
    let mut clocked = Clocked::new("irreplaceable");
    fs::create_dir(clocked.directory.join("limit.json.new")).unwrap();
    for seconds in [60, 90] {
        let id = clocked.go();
        clocked.answered(id, Feedback { is_429: true, retry_after: Some(seconds * SECOND), ..Feedback::default() });
        clocked.advance((seconds - 1) * SECOND);
        assert!(clocked.is_closed());
        clocked.advance(SECOND);
    }
}

/// After a crash of the machine, the disk may have lost either copy.
#[test]
fn promise_27_a_closed_gate_is_in_both_copies() {
    let mut clocked = Clocked::new("lost-copy");
    let id = clocked.go();
    clocked.answered(id, Feedback { is_429: true, retry_after: Some(60 * SECOND), ..Feedback::default() });
    let on_disk = fs::read(&clocked.file.path).unwrap();
    let middle = on_disk.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for lost in [0..middle, middle..on_disk.len()] {
        let mut text = on_disk.clone();
        text[lost].fill(0);
        fs::write(&clocked.file.path, &text).unwrap();
        assert!(clocked.is_closed());
    }
}

#[test]
fn promise_27_a_process_that_starts_after_the_file_was_deleted_waits() {
    let mut clocked = Clocked::new("deleted-before");
    clocked.go();
    fs::remove_file(&clocked.file.path).unwrap();
    let file = open(&clocked.file.path, &clocked.clock).unwrap();
    assert!(file.ask(&clocked.question()).is_err());
    clocked.advance(3 * SECOND);
    assert!(matches!(file.ask(&clocked.question()).unwrap(), Verdict::Go { .. }));
}

/// The file need not exist when the link is made.
#[cfg(unix)]
#[test]
fn promise_27_a_link_to_the_file_is_the_file() {
    let mut clocked = Clocked::new("link");
    for [link, target] in [["link", "limit.json"], ["link-to-link", "link"], ["early", "later"]] {
        std::os::unix::fs::symlink(target, clocked.directory.join(link)).unwrap();
    }
    for names in [&["link", "link-to-link", "limit.json"][..], &["early", "later"]] {
        for name in names.iter().cycle().take(5) {
            clocked.use_as(name);
            clocked.go();
        }
        clocked.use_as(names[0]);
        assert!(matches!(clocked.ask(), Verdict::Wait { .. }));
        clocked.answered(clocked.last_id, Feedback { is_429: true, retry_after: Some(SECOND), ..Feedback::default() });
        for name in names {
            clocked.use_as(name);
            assert!(clocked.is_closed(), "{name}");
        }
        clocked.advance(60 * SECOND);
    }
}

/// Processes that use different hard links would have different locks, and the first `429` would make two files of one.
#[cfg(unix)]
#[test]
fn promise_27_a_file_with_two_names_is_an_error() {
    let clocked = Clocked::new("two-names");
    let other = clocked.directory.join("other.json");
    fs::hard_link(&clocked.file.path, &other).unwrap();
    for path in [&clocked.file.path, &other] {
        let error = open(path, &clocked.clock).unwrap_err();
        assert!(error.to_string().contains("has another name"), "{error}");
    }
    fs::remove_file(other).unwrap();
    open(&clocked.file.path, &clocked.clock).unwrap();
}
