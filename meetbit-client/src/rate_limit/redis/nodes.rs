//! The connections to Redis: one, or in a cluster one to each node that has the state of a tenant.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ConnectionAddr, ErrorKind, RedisError, ServerErrorKind};

/// Redis must answer within this time on a connection that exists.
const ANSWER: Duration = Duration::from_millis(400);
/// A connection must be made within this time. Questions that wait for it have their own time limit.
const CONNECT: Duration = Duration::from_secs(2);

pub(super) struct Nodes {
    /// The server that the user named.
    client: Client,
    connections: Mutex<Connections>,
}

struct Connections {
    first: ConnectionManager,
    /// The nodes of a cluster that have the states of tenants, by the key of the state.
    of_state: BTreeMap<String, Node>,
}

#[derive(Clone)]
struct Node {
    address: (String, u16),
    connection: ConnectionManager,
}

impl Nodes {
    pub(super) async fn connect(client: Client) -> Result<Self, RedisError> {
        let first = ConnectionManager::new_with_config(client.clone(), config()).await?;
        let connections = Mutex::new(Connections { first, of_state: BTreeMap::new() });
        Ok(Self { client, connections })
    }

    /// The connection to the node that has this state, as far as is known.
    pub(super) fn of(&self, state_key: &str) -> ConnectionManager {
        let connections = self.lock();
        connections.of_state.get(state_key).map_or(&connections.first, |node| &node.connection).clone()
    }

    /// Learns from an error. True if another node has the state, so the script has not run.
    pub(super) fn learn(&self, state_key: &str, error: &RedisError) -> bool {
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved) => self.follow(state_key, error).is_some(),
            ErrorKind::Io => {
                self.reconnect(state_key, error.is_timeout());
                false
            }
            // The server has become a replica. The name that the user gave may lead to another one now.
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => {
                self.reconnect(state_key, true);
                false
            }
            _ => false,
        }
    }

    fn follow(&self, state_key: &str, error: &RedisError) -> Option<()> {
        let (node, _) = error.redirect_node()?;
        let (host, port) = node.rsplit_once(':')?;
        let client = self.client_of(host, port.parse().ok()?)?;
        let mut connections = self.lock();
        let address = (host.to_owned(), port.parse().ok()?);
        let known = connections.of_state.values().find(|node| node.address == address).cloned();
        let lazy = || ConnectionManager::new_lazy_with_config(client, config()).ok();
        let node = match known {
            Some(node) => node,
            None => Node { address, connection: lazy()? },
        };
        connections.of_state.insert(state_key.to_owned(), node);
        Some(())
    }

    /// A client for a node, with the user's settings. A node that does not know its host states none.
    fn client_of(&self, host: &str, port: u16) -> Option<Client> {
        let info = self.client.get_connection_info();
        let address = match info.addr().clone() {
            ConnectionAddr::Tcp(first, _) => {
                ConnectionAddr::Tcp(if host.is_empty() { first } else { host.into() }, port)
            }
            ConnectionAddr::TcpTls { host: first, insecure, tls_params, .. } => {
                let host = if host.is_empty() { first } else { host.into() };
                ConnectionAddr::TcpTls { host, port, insecure, tls_params }
            }
            _ => ConnectionAddr::Tcp(host.into(), port),
        };
        Client::open(info.clone().set_addr(address)).ok()
    }

    /// The first server knows which node has the state now. The connection to it is replaced if it still exists, because only an
    /// error of the socket makes the manager do so.
    fn reconnect(&self, state_key: &str, still_exists: bool) {
        let mut connections = self.lock();
        if let Some(failed) = connections.of_state.remove(state_key) {
            connections.of_state.retain(|_, node| node.address != failed.address);
        } else if still_exists {
            if let Ok(connection) = ConnectionManager::new_lazy_with_config(self.client.clone(), config()) {
                connections.first = connection;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A failed attempt to connect is not repeated before the next question, so that the question learns the reason.
fn config() -> ConnectionManagerConfig {
    let config = ConnectionManagerConfig::new().set_number_of_retries(0);
    config.set_response_timeout(Some(ANSWER)).set_connection_timeout(Some(CONNECT))
}
