//! The thread that a sandbox lives on.
//!
//! With a runtime of its own a sandbox answers whatever its user's threads do: a test may block, and its runtime may be busy
//! or gone.

use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

use super::connection;
use super::server::Server;

/// Ends the thread when it is dropped, without waiting for it.
#[derive(Debug)]
pub(super) struct Running {
    _stop: oneshot::Sender<()>,
}

/// Starts a thread that takes in connections, and waits until it does.
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

/// Takes connections in. They end with the runtime.
async fn listen(listener: TcpListener, server: Arc<Server>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true); // a drip is to arrive as it is sent
                tokio::spawn(connection::serve(stream, Arc::clone(&server)));
            }
            // Out of descriptors: let some connections end first.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
