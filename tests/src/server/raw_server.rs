//! A TCP or TLS server on a loopback port that does what its scripts say.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime,
    sync::{mpsc, oneshot, watch},
    task::{self, JoinError, JoinSet},
    time,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use crate::server::{
    connection::{Connection, Refusal, Stream},
    record::{self, Record},
    script::{Plan, Script},
};

/// A server that plays a [`Plan`] and keeps a [`Record`].
///
/// It runs on a thread of its own, so that what the client does neither delays it nor its timestamps, and ends when it
/// is dropped.
#[derive(Debug)]
#[must_use = "a server ends when it is dropped"]
pub struct RawServer {
    address: SocketAddr,
    scheme: &'static str,
    record: Arc<watch::Sender<Record>>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    _port: TcpSocket,
}

impl RawServer {
    /// Starts a server; when this returns it listens.
    ///
    /// # Panics
    ///
    /// If the system gives no port or thread.
    pub fn start(plan: Plan) -> Self {
        Self::serve(plan, None)
    }

    /// Starts a server behind TLS, see [`Authority`](crate::server::tls::Authority).
    ///
    /// # Panics
    ///
    /// If the system gives no port or thread.
    pub fn start_tls(plan: Plan, config: Arc<ServerConfig>) -> Self {
        Self::serve(plan, Some(config.into()))
    }

    fn serve(plan: Plan, tls: Option<TlsAcceptor>) -> Self {
        let port = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = port.local_addr().expect("a bound socket has an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let record = Arc::new(watch::Sender::new(Record::default()));
        let stop = watch::Sender::new(false);

        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let listener = {
            let _inside = runtime.enter();
            listen(address)
        };
        let accepting = Accepting {
            address,
            plan,
            tls,
            record: record.clone(),
            stop: stop.subscribe(),
            refusals: mpsc::unbounded_channel(),
            connections: JoinSet::new(),
        };
        let serve = move || runtime.block_on(accepting.run(listener));
        let thread = thread::Builder::new().name("raw-server".into()).spawn(serve);
        Self { address, scheme, record, stop, thread: Some(thread.expect("a thread starts")), _port: port }
    }

    /// Address and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Origin without a final slash, `http://127.0.0.1:4711`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// What the server has seen so far.
    #[must_use]
    pub fn record(&self) -> Record {
        self.record.borrow().clone()
    }

    /// Waits until the record fulfils the condition; put a time limit around it.
    ///
    /// # Panics
    ///
    /// Never: the server outlives the borrow.
    pub async fn until(&self, condition: impl Fn(&Record) -> bool) -> Record {
        let mut record = self.record.subscribe();
        record.wait_for(|record| condition(record)).await.expect("the sender is ours").clone()
    }

    /// Stops the server and returns what it has seen, including all that was sent before this call.
    ///
    /// # Panics
    ///
    /// If it has seen something that its scripts did not expect. Dropping the server checks the same.
    #[must_use = "drop the server instead"]
    pub fn finish(mut self) -> Record {
        self.end();
        self.record()
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        let Some(thread) = self.thread.take() else { return };
        let ended = thread.join();
        if !thread::panicking() {
            assert!(ended.is_ok(), "the server's thread panicked");
            let violations = self.record().violations;
            assert!(violations.is_empty(), "the server saw what it did not expect: {violations:#?}");
        }
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// The server's side that runs on its thread.
struct Accepting {
    address: SocketAddr,
    plan: Plan,
    tls: Option<TlsAcceptor>,
    record: Arc<watch::Sender<Record>>,
    stop: watch::Receiver<bool>,
    refusals: (mpsc::UnboundedSender<Refusal>, mpsc::UnboundedReceiver<Refusal>),
    connections: JoinSet<()>,
}

impl Accepting {
    async fn run(mut self, mut listener: TcpListener) {
        loop {
            tokio::select! {
                biased;
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.accept(stream),
                    Err(error) => self.violate(format!("accepting failed: {error}")),
                },
                Some((time, begun)) = self.refusals.1.recv() => {
                    drop(listener);
                    self.refuse(time, begun).await;
                    listener = listen(self.address);
                }
                Some(ended) = self.connections.join_next() => self.note(ended),
                () = stopped(self.stop.clone()) => break,
            }
        }
        while let Some(ended) = self.connections.join_next().await {
            self.note(ended);
        }
    }

    fn accept(&mut self, stream: TcpStream) {
        let connection = record::Connection {
            accepted: Instant::now(),
            handshake: None,
            closed_by_client: None,
            closed_by_server: None,
        };
        let index = self.record.borrow().connections.len();
        self.record.send_modify(|record| record.connections.push(connection));
        let Some(script) = self.plan.script(index) else {
            return self.violate(format!("connection {index} has no script"));
        };
        let (tls, record, refusals) = (self.tls.clone(), self.record.clone(), self.refusals.0.clone());
        let stopped = stopped(self.stop.clone());
        self.connections.spawn(async move {
            tokio::select! {
                biased;
                () = play(stream, tls, index, script, record, refusals) => {}
                () = stopped => {}
            }
        });
    }

    async fn refuse(&self, time: Duration, begun: oneshot::Sender<()>) {
        let _ = begun.send(()); // fails only if that connection has ended meanwhile
        tokio::select! {
            () = time::sleep(time) => {}
            () = stopped(self.stop.clone()) => {}
        }
    }

    fn note(&self, ended: Result<(), JoinError>) {
        if let Err(error) = ended {
            self.violate(format!("a connection's script panicked: {error}"));
        }
    }

    fn violate(&self, violation: String) {
        self.record.send_modify(|record| record.violations.push(violation));
    }
}

async fn play(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    index: usize,
    script: Script,
    record: Arc<watch::Sender<Record>>,
    refusals: mpsc::UnboundedSender<Refusal>,
) {
    let _ = stream.set_nodelay(true); // a client that is gone already is seen by the first step
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(tls) => {
            let (handshake, stream) = match tls.accept(stream).await {
                Ok(stream) => (Ok(()), Some(stream)),
                Err(error) => (Err(error.to_string()), None),
            };
            record.send_modify(|record| record.connections[index].handshake = Some(handshake));
            let Some(stream) = stream else { return };
            Stream::Tls(Box::new(stream))
        }
    };
    Connection::new(stream, index, record, refusals).play(script).await;
}

/// Ends when the server is told to stop and what had arrived by then has been polled.
async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await; // fails only if the server is gone, which also means stop
    for _ in 0..2 {
        task::yield_now().await; // lets the runtime look at the sockets once more
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    bind(address).listen(1024).expect("a bound socket listens")
}

/// Binds a socket that shares its port with the server's others: one that does not listen keeps the number for us
/// while the port refuses connections.
fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("the system gives a socket");
    socket.set_reuseport(true).expect("a new socket takes SO_REUSEPORT");
    socket.bind(address).expect("a loopback port is free");
    socket
}
