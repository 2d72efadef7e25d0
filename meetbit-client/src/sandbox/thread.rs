//! The thread of a sandbox.
//!
//! A sandbox has its own thread and runtime, because a sandbox on its user's runtime cannot answer while that runtime is
//! busy, blocked or gone.

use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

use super::connection;
use super::server::Server;

/// Stops the thread when dropped. The drop does not wait for it.
#[derive(Debug)]
pub(super) struct Running {
    _stop: oneshot::Sender<()>,
}

/// Starts a thread that accepts connections, and waits until it does.
pub(super) async fn start(listener: StdListener, server: Arc<Server>) -> io::Result<Running> {
    let (stop, stopped) = oneshot::channel();
    let (report, started) = oneshot::channel();
    thread::Builder::new().name("meetbit-sandbox".into()).spawn(move || {
        let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(report.send(Err(error))),
        };
        runtime.block_on(async {
            let listener = match adopt(listener) {
                Ok(listener) => listener,
                Err(error) => return drop(report.send(Err(error))),
            };
            let _ = report.send(Ok(()));
            tokio::select! {
                _ = stopped => {}
                () = listen(listener, server) => {}
            }
        });
    })?;
    started.await.map_err(io::Error::other)??;
    Ok(Running { _stop: stop })
}

fn adopt(listener: StdListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Accepts connections. Their tasks end with the runtime.
async fn listen(listener: TcpListener, server: Arc<Server>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true); // each piece of a drip must go out at once
                tokio::spawn(connection::serve(stream, Arc::clone(&server)));
            }
            // Probably out of file descriptors: wait until connections end.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
