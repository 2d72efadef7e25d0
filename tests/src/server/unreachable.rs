//! Addresses at which nobody answers.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A port that refuses every connection, and that no one else gets while this lives.
#[derive(Debug)]
pub struct Refusing {
    socket: TcpSocket,
}

impl Refusing {
    /// Takes a port.
    ///
    /// # Panics
    ///
    /// If the system gives none.
    #[must_use]
    pub fn new() -> Self {
        Self { socket: bound() }
    }

    /// Address and port.
    ///
    /// # Panics
    ///
    /// Never: the socket is bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket has an address")
    }
}

impl Default for Refusing {
    fn default() -> Self {
        Self::new()
    }
}

/// A port at which connecting takes forever: its queue of connections is full and nobody takes one.
#[derive(Debug)]
pub struct Unanswering {
    listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Unanswering {
    /// Takes a port and fills its queue.
    ///
    /// # Panics
    ///
    /// If the system gives no port, or its queue cannot be filled.
    pub async fn new() -> Self {
        let listener = bound().listen(0).expect("a bound socket listens");
        let address = listener.local_addr().expect("a bound socket has an address");
        let first = TcpStream::connect(address).await.expect("the queue takes one connection");
        Self { listener, _queue: vec![first] }
    }

    /// Address and port.
    ///
    /// # Panics
    ///
    /// Never: the socket is bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound socket has an address")
    }
}

fn bound() -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("the system gives a socket");
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a loopback port is free");
    socket
}
