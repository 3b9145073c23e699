//! A nats-server with JetStream on this machine. It ends with the value.

use super::{eventually, free_address};
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The program: `STAGEGATE_NATS_SERVER`, or the one that the tools' requirements installed, or the one
/// in PATH.
fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("STAGEGATE_NATS_SERVER") {
        return path.into();
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let installed = ["tools", "venv"].map(|place| target.join(place).join("bin/nats-server"));
    let found = installed.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| "nats-server".into())
}

fn spawn(config: &Path) -> Child {
    Command::new(program())
        .arg("-c")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program().display()))
}

/// A running nats-server.
pub(crate) struct Nats {
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    process: Child,
    dir: TempDir,
}

impl Nats {
    /// Starts one server and waits until it accepts.
    pub(crate) async fn start() -> Self {
        let dir = TempDir::new().expect("a directory");
        let address = free_address();
        let config = dir.path().join("nats.conf");
        let text = format!(
            "listen: \"{address}\"\njetstream {{ store_dir: {:?}, sync_interval: always }}\n",
            dir.path().join("store").display().to_string()
        );
        std::fs::write(&config, text).expect("write the configuration");
        let nats = Self { address, process: spawn(&config), dir };
        nats.accepts().await;
        nats
    }

    async fn accepts(&self) {
        let accepts = || std::net::TcpStream::connect(self.address).is_ok();
        eventually("the nats-server to accept", accepts).await;
    }

    /// Ends it for good; its files stay.
    pub(crate) fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it again after its end, with the files that are in its store now.
    pub(crate) async fn again(&mut self) {
        self.process = spawn(&self.dir.path().join("nats.conf"));
        self.accepts().await;
    }

    /// The directory with its streams.
    pub(crate) fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// Stops it where it is: connections stay open and nobody answers.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id().cast_signed()).expect("a process id");
        kill_process(pid, signal).expect("signal the process");
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
