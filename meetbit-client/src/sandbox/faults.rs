//! Faults on the bare socket.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// What to do with a stream that was taken back from hyper.
#[derive(Debug)]
pub(super) enum Takeover {
    StopReading,
    Silence,
    Reset,
    Close,
    FloodInformational,
    FloodBody { head: Vec<u8>, total: u64 },
    Bytes(Bytes),
}

impl Takeover {
    /// Writes the bytes of this fault, if it has any.
    pub(super) async fn perform(self, stream: &mut TcpStream) -> io::Result<()> {
        match self {
            Self::StopReading | Self::Reset | Self::Close => Ok(()),
            Self::Silence => wait_for_the_end(stream).await,
            Self::FloodInformational => flood_informational(stream).await,
            Self::FloodBody { head, total } => flood_body(stream, &head, total).await,
            Self::Bytes(bytes) => stream.write_all(&bytes).await,
        }
    }
}

async fn flood_informational(stream: &mut TcpStream) -> io::Result<()> {
    const ENDLESS: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </>; rel=preload\r\n\r\n";
    loop {
        stream.write_all(ENDLESS).await?;
    }
}

async fn flood_body(stream: &mut TcpStream, head: &[u8], total: u64) -> io::Result<()> {
    static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
    stream.write_all(head).await?;
    let mut left = total;
    while left > 0 {
        let piece = PIECE.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        stream.write_all(&PIECE[..piece]).await?;
        left -= piece as u64;
    }
    Ok(())
}

/// Writes nothing until the client closes.
pub(super) async fn wait_for_the_end(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// Reads nothing until the client closes, as far as that shows without reading.
pub(super) async fn read_nothing(stream: &TcpStream) -> io::Result<()> {
    while !stream.ready(Interest::READABLE).await?.is_read_closed() {
        sleep(Duration::from_millis(20)).await; // unread bytes keep the socket readable
    }
    Ok(())
}
