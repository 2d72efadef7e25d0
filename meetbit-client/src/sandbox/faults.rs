//! Faults done to a socket.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::fault::{Damage, Part};
use super::reply::Written;

/// Sends a reply damaged; says whether it went out whole.
pub(super) async fn send_damaged(stream: &mut TcpStream, reply: &Written, damage: Damage) -> io::Result<bool> {
    match damage {
        Damage::CutHead(after) => {
            stream.write_all(start(&reply.head, after)).await?;
            Ok(false)
        }
        Damage::CutBody(after) => {
            stream.write_all(&reply.head).await?;
            stream.write_all(start(&reply.body, after)).await?;
            Ok(false)
        }
        Damage::Drip { part, bytes, interval } => {
            match part {
                Part::Whole => drip(stream, &reply.head, bytes, interval).await?,
                Part::Body => stream.write_all(&reply.head).await?,
            }
            drip(stream, &reply.body, bytes, interval).await?;
            Ok(true)
        }
    }
}

fn start(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or(bytes)
}

async fn drip(stream: &mut TcpStream, text: &[u8], bytes: usize, interval: Duration) -> io::Result<()> {
    for piece in text.chunks(bytes.max(1)) {
        stream.write_all(piece).await?;
        sleep(interval).await;
    }
    Ok(())
}

pub(super) async fn flood_informational(stream: &mut TcpStream) -> io::Result<()> {
    const ENDLESS: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </>; rel=preload\r\n\r\n";
    loop {
        stream.write_all(ENDLESS).await?;
    }
}

pub(super) async fn flood_body(stream: &mut TcpStream, head: &[u8], total: u64) -> io::Result<()> {
    static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
    stream.write_all(head).await?;
    let mut left = total;
    while left > 0 {
        let piece = start(&PIECE, usize::try_from(left).unwrap_or(usize::MAX));
        stream.write_all(piece).await?;
        left -= piece.len() as u64;
    }
    Ok(())
}

pub(super) async fn send_raw(stream: &mut TcpStream, bytes: &Bytes) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await
}

/// Says nothing until the client goes.
pub(super) async fn wait_for_the_end(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// Reads nothing until the client goes, as far as that can be seen without reading.
pub(super) async fn read_nothing(stream: &TcpStream) -> io::Result<()> {
    while !stream.ready(Interest::READABLE).await?.is_read_closed() {
        sleep(Duration::from_millis(20)).await; // bytes that stay unread keep the socket readable
    }
    Ok(())
}
