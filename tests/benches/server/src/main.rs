//! The least server that can answer Create Customer: reads each request whole and answers with the same bytes.
//!
//! It frames requests by itself, which takes 12 lines, because a library's server would take CPU time from the client that
//! is measured: both run on the same two cores.
//!
//! `server [LIMIT]` prints its port. With a limit it answers `429` to a request with which more than that many arrived within
//! one second. It ends when its standard input does.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

fn main() -> io::Result<()> {
    let limit = std::env::args().nth(1).and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    std::thread::spawn(|| {
        let _ended = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let window = Arc::new(Window { limit, arrivals: Mutex::default() });
    for stream in listener.incoming() {
        let (stream, window) = (stream?, window.clone());
        std::thread::spawn(move || serve(stream, &window));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, window: &Window) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let ok = format!(
        "HTTP/1.1 200 OK\r\nDate: Thu, 22 Aug 2024 01:04:05 GMT\r\nContent-Type: application/json\r\n\
         RateLimit-Limit: 1000000\r\nRateLimit-Remaining: 999999\r\nRateLimit-Reset: 1\r\nContent-Length: {}\r\n\r\n{}",
        workload::REPLY.len(),
        workload::REPLY
    );
    let refusal = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    let mut received = Vec::with_capacity(4096);
    let mut chunk = [0; 4096];
    loop {
        while let Some(length) = whole_request(&received) {
            received.drain(..length);
            stream.write_all(if window.admits() { ok.as_bytes() } else { refusal.as_bytes() })?;
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            n => received.extend_from_slice(&chunk[..n]),
        }
    }
}

/// The length of the first request, once all of it is there.
fn whole_request(received: &[u8]) -> Option<usize> {
    let head = received.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&received[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = head + length.unwrap_or(0);
    (received.len() >= length).then_some(length)
}

struct Window {
    limit: usize,
    arrivals: Mutex<VecDeque<Instant>>,
}

impl Window {
    /// Counts an arrival in every window of one second.
    fn admits(&self) -> bool {
        if self.limit == usize::MAX {
            return true;
        }
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while arrivals.front().is_some_and(|first| now - *first >= Duration::from_secs(1)) {
            arrivals.pop_front();
        }
        arrivals.push_back(now);
        arrivals.len() <= self.limit
    }
}
