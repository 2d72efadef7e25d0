//! A path to a server that delays what is sent there.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime,
    sync::oneshot,
    task::JoinSet,
    time,
};

/// A port that passes connections on to a server. Each request is delayed by a random time, replies are not, as on a
/// path with jitter.
///
/// It runs on a thread of its own and ends when it is dropped.
#[derive(Debug)]
#[must_use = "the path ends when it is dropped"]
pub struct SlowPath {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SlowPath {
    /// Opens a path to a server that delays each request by up to this time.
    ///
    /// # Panics
    ///
    /// If the system gives no port or thread.
    pub fn to(server: SocketAddr, longest: Duration) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
        listener.set_nonblocking(true).expect("a socket can be told not to block");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("the runtime takes a socket");
                tokio::select! {
                    () = pass_on(listener, server, longest) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Origin without a final slash, `http://127.0.0.1:4711`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for SlowPath {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join); // a path that panicked has failed its test already
    }
}

async fn pass_on(listener: TcpListener, server: SocketAddr, longest: Duration) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        connections.spawn(async move {
            let far = TcpStream::connect(server).await?;
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            let ((near_read, mut near_write), (mut far_read, far_write)) = (near.into_split(), far.into_split());
            let back = async {
                tokio::io::copy(&mut far_read, &mut near_write).await?;
                near_write.shutdown().await
            };
            tokio::try_join!(delay(near_read, far_write, longest), back).map(drop)
        });
    }
}

/// Passes on what arrives, each piece after a random time.
async fn delay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, longest: Duration) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut piece).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        time::sleep(longest.mul_f64(fastrand::f64())).await;
        to.write_all(&piece[..count]).await?;
    }
}
