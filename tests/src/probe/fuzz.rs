//! Feeds mutated texts to whatever reads foreign text.
//!
//! Each target has a folder `data/fuzz/<target>` of inputs: good ones to start from, and every input that once failed, which is
//! how a regression is saved. All of them are tried as they stand, then mutants of them for a short time:
//! `MEETBIT_FUZZ_MILLIS` for each target, 500 by default, from the seed `MEETBIT_SEED`, random by default.

use std::{
    env, fs,
    panic::{self, AssertUnwindSafe},
    path::Path,
    time::{Duration, Instant},
};

use fastrand::Rng;

/// Tries a target, which panics where an input shows it wrong.
///
/// # Panics
///
/// Where the target does; the message gives the input, to be saved in the target's folder. Also if that cannot be read.
pub fn run(target: &str, mut holds: impl FnMut(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/fuzz").join(target);
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let corpus: Vec<_> = files.iter().map(|file| fs::read(file).expect("an input")).collect();
    for input in &corpus {
        attempt(&mut holds, input);
    }

    let number = |name: &str| env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let mut rng = number("MEETBIT_SEED").map_or_else(Rng::new, Rng::with_seed);
    let end = Instant::now() + Duration::from_millis(number("MEETBIT_FUZZ_MILLIS").unwrap_or(500));
    while Instant::now() < end {
        let mut input = corpus[rng.usize(..corpus.len())].clone();
        (0..=rng.usize(..6)).for_each(|_| mutate(&mut rng, &mut input, &corpus));
        attempt(&mut holds, &input);
    }
}

fn attempt(holds: &mut impl FnMut(&[u8]), input: &[u8]) {
    let held = panic::catch_unwind(AssertUnwindSafe(|| holds(input)));
    assert!(held.is_ok(), "this input fails, save it: {}", input.escape_ascii());
}

/// What parsers stumble over.
const WORDS: [&[u8]; 30] = [
    b"\0",
    b"\r\n",
    b"\n\n",
    b"%",
    b"%2e",
    b"%00",
    b"..",
    b"/",
    b"\\",
    b"@",
    b":",
    b"#",
    b"?",
    b",",
    b";",
    b"-1",
    b"0x7f",
    b"1e999",
    b"99999999999999999999",
    b"\"",
    b"{",
    b"[[[[[[[[",
    b"null",
    b"\xff",
    b"\xed\xa0\x80",
    "\u{202e}".as_bytes(),
    "。".as_bytes(),
    b"GMT",
    b"\\u0000",
    b"\x1b[31m",
];

fn mutate(rng: &mut Rng, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let at = rng.usize(..=input.len());
    let end = (at + rng.usize(..20)).min(input.len());
    match rng.u8(..7) {
        0 => input.insert(at, rng.u8(..)),
        1 if at < input.len() => input[at] ^= 1 << rng.u8(..8),
        2 => drop(input.drain(at..end)),
        3 => {
            let part = input[at..end].repeat(rng.usize(1..4));
            input.splice(at..at, part);
        }
        4 => {
            let other = &corpus[rng.usize(..corpus.len())];
            let from = rng.usize(..=other.len());
            input.splice(at..end, other[from..].iter().copied().take(40));
        }
        5 => input.truncate(at),
        _ => {
            let word = WORDS[rng.usize(..WORDS.len())];
            input.splice(at..at, word.iter().copied());
        }
    }
}
