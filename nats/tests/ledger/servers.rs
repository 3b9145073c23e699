//! Three nats-servers on this machine, for tests. They end with the value.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A cluster of nats-servers with JetStream, on loopback ports.
pub(crate) struct Servers {
    nodes: Vec<Node>,
    _dir: TempDir,
}

struct Node {
    port: u16,
    process: Child,
    args: Vec<String>,
}

/// The program: `STAGEGATE_NATS_SERVER`, or the one that `cargo xtask test` installs, or the one in
/// PATH.
fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("STAGEGATE_NATS_SERVER") {
        return path.into();
    }
    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target");
    let installed = ["tools", "venv"].map(|place| target.join(place).join("bin/nats-server"));
    let found = installed.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| "nats-server".into())
}

fn free_ports(count: usize) -> Vec<u16> {
    // All held at once, so that no two are the same.
    let held: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|it| it.local_addr().unwrap().port()).collect()
}

impl Servers {
    /// Starts `count` servers and waits until they have a leader.
    pub(crate) async fn start(count: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ports = free_ports(count * 2);
        let (clients, routes) = ports.split_at(count);
        let all: Vec<String> =
            routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let mut nodes = Vec::new();
        for number in 0..count {
            let config = dir.path().join(format!("n{number}.conf"));
            let store = dir.path().join(format!("n{number}"));
            let cluster = if count == 1 {
                String::new()
            } else {
                format!(
                    "cluster {{ name: test, listen: \"127.0.0.1:{}\", routes: [{}] }}\n",
                    routes[number],
                    all.join(", ")
                )
            };
            let text = format!(
                "server_name: n{number}\nlisten: \"127.0.0.1:{}\"\njetstream {{ store_dir: {:?}, sync_interval: always }}\n{cluster}",
                clients[number],
                store.display().to_string()
            );
            std::fs::write(&config, text).unwrap();
            let args = vec!["-c".to_owned(), config.display().to_string()];
            nodes.push(Node { port: clients[number], process: run(&args), args });
        }
        let servers = Self { nodes, _dir: dir };
        servers.await_ports().await;
        servers
    }

    async fn await_ports(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        for node in &self.nodes {
            while std::net::TcpStream::connect(("127.0.0.1", node.port)).is_err() {
                assert!(Instant::now() < deadline, "a nats-server did not start");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// The number of servers.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Addresses for clients.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect()
    }

    /// Kills a server at once.
    pub(crate) fn kill(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        let _ = node.process.kill();
        let _ = node.process.wait();
    }

    /// Starts a server that was killed, with its files.
    pub(crate) fn revive(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        node.process = run(&node.args);
    }
}

fn run(args: &[String]) -> Child {
    Command::new(program())
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program().display()))
}

impl Drop for Servers {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.process.kill();
            let _ = node.process.wait();
        }
    }
}
