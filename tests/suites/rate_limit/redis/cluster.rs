//! A Redis Cluster.

use std::{thread, time::Instant};

use meetbit_client::{Client, RedisLimit};
use meetbit_tests::{
    client::create,
    server::{ledger::marker, raw_server::RawServer, redis::RedisServer},
};
use tokio::task::JoinSet;

use super::{
    client, free_port,
    tls::{Certificate, HOST},
};
use crate::processes::{Process, SECOND, server};

/// Three nodes.
struct Cluster {
    nodes: Vec<RedisServer>,
    /// The port of each node.
    ports: Vec<u16>,
}

/// The first node, which clients are told of, has few slots, so it redirects nearly every question.
const SLOTS: [(&str, &str); 3] = [("0", "9"), ("10", "8191"), ("8192", "16383")];

impl Cluster {
    /// Clients connect at a port that this setting names.
    fn start(port_setting: &str, settings: &[String]) -> Self {
        let ports: Vec<u16> = SLOTS.iter().map(|_| free_port()).collect();
        let node = |port: &u16| {
            let port = port.to_string();
            let of_cluster = [port_setting, &port, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
            let arguments: Vec<&str> =
                of_cluster.into_iter().chain(settings.iter().map(|setting| &**setting)).collect();
            RedisServer::start_with(&arguments)
        };
        let cluster = Self { nodes: ports.iter().map(node).collect(), ports };
        for (node, (first, last)) in cluster.nodes.iter().zip(SLOTS) {
            assert_eq!(node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]), "OK");
        }
        for port in &cluster.ports {
            cluster.nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port.to_string()]);
        }
        let started = Instant::now();
        let is_formed = |node: &RedisServer| {
            let state = node.command(&["CLUSTER", "INFO"]);
            state.contains("cluster_state:ok") && state.contains("cluster_known_nodes:3")
        };
        while !cluster.nodes.iter().all(is_formed) {
            assert!(started.elapsed() < 20 * SECOND, "the cluster does not form");
            thread::sleep(SECOND / 10); // it says nothing when it has formed
        }
        cluster
    }

    /// The keys that each node has.
    fn keys(&self) -> Vec<Vec<String>> {
        let keys = |node: &RedisServer| node.command(&["KEYS", "*"]).lines().map(str::to_owned).collect();
        self.nodes.iter().map(keys).collect()
    }
}

#[tokio::test]
async fn promise_27_a_cluster_is_asked_at_the_node_that_has_the_state() {
    let cluster = Cluster::start("--port", &[]);
    let limit = RedisLimit::connect(format!("redis://127.0.0.1:{}", cluster.ports[0])).await.unwrap();
    // The slot depends on the server's address.
    let servers: Vec<RawServer> = (0..24).map(|_| server()).collect();
    let clients: Vec<Client> = servers.iter().map(|server| client(server, limit.clone(), 60 * SECOND)).collect();
    create_with_each(&clients).await;
    let keys = cluster.keys();
    assert_eq!(keys.iter().flatten().count(), 24, "{keys:?}");
    assert!(!keys[1].is_empty() && !keys[2].is_empty(), "a chance of 1 in 8 million: {keys:?}");
    // A slot moves to the first node while the client knows the second.
    let [first, second, _] = &cluster.nodes[..] else { unreachable!() };
    let key = &keys[1][0];
    let slot = second.command(&["CLUSTER", "KEYSLOT", key]);
    let [id, from] = [first, second].map(|node| node.command(&["CLUSTER", "MYID"]));
    second.command(&["DEL", key]);
    // A node that imports a slot takes it with a new epoch. Otherwise a late message of the second node would give it back, and each
    // of the two would redirect to the other for ever.
    assert_eq!(first.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from]), "OK");
    for node in &cluster.nodes {
        assert_eq!(node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]), "OK");
    }
    create_with_each(&clients).await;
    assert!(cluster.keys()[0].contains(key));
}

async fn create_with_each(clients: &[Client]) {
    let mut calls = JoinSet::new();
    for client in clients {
        let client = client.clone();
        calls.spawn(async move { create(&client, &marker(0)).await.map(drop) });
    }
    for created in calls.join_all().await {
        created.unwrap();
    }
}

#[test]
fn promise_27_a_cluster_is_used_over_tls() {
    let certificate = Certificate::new(HOST);
    let mut settings = certificate.arguments();
    settings.extend(["--tls-cluster", "yes"].map(str::to_owned));
    let cluster = Cluster::start("--tls-port", &settings);
    let (server, url) = (server(), format!("rediss://{HOST}:{}", cluster.ports[0]));
    let roots = certificate.roots();
    let mut process = Process::start_with(&server, "one", &url, 1, 8 * SECOND, &[("SSL_CERT_FILE", &roots)]);
    process.wait_for(1);
    let keys = cluster.keys();
    assert!(keys[1].len() + keys[2].len() == 1, "a chance of 1 in 1,638: {keys:?}");
}
