//! The old process' side of a handover: it is asked and gives its sockets.

use super::channel::{Channel, MOST_SOCKETS, Received};
use super::{COMING_UP, Note, VERSION, path};
use anyhow::{Context as _, bail};
use socket2::{Domain, SockAddr, Socket, Type};
use stagegate_proxy::IdleConnection;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;

/// How long a peer may take to state its request after connecting.
const SAYING_SO: Duration = Duration::from_secs(2);

/// The Unix socket on which a new process asks for this one's place. The file is removed on drop,
/// unless the new process has put its own there.
#[derive(Debug)]
pub(crate) struct HandoverSocket {
    /// It keeps messages apart, which makes no difference for accepting.
    socket: UnixListener,
    path: PathBuf,
    given: bool,
}

impl HandoverSocket {
    /// Opens the socket of this data directory, which only this process uses.
    ///
    /// # Errors
    /// When the socket cannot be opened, for example because the path is longer than the system
    /// allows.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let path = path(data_dir);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
        socket.bind(&SockAddr::unix(&path)?)?;
        // Nobody can connect before it listens.
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        socket.set_nonblocking(true)?;
        socket.listen(4)?;
        let socket = UnixListener::from_std(StdListener::from(OwnedFd::from(socket)))?;
        Ok(Self { socket, path, given: false })
    }

    /// Waits until a process of the same user asks.
    pub(crate) async fn asked(&self) -> Asked {
        loop {
            let accepted = self.socket.accept().await;
            let accepted = accepted.and_then(|(socket, _)| socket.into_std());
            let channel = accepted.and_then(|it| Channel::new(OwnedFd::from(it).into()));
            let asked = match channel {
                Ok(channel) => {
                    let hear = move || hear(channel);
                    tokio::task::spawn_blocking(hear).await.map_err(anyhow::Error::from).flatten()
                }
                Err(error) => {
                    // Out of descriptors, most likely: trying again at once would spin.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Err(error.into())
                }
            };
            match asked {
                Ok(asked) => return asked,
                Err(error) => tracing::warn!("the handover to a new process failed: {error:#}"),
            }
        }
    }

    /// Leaves the file to the new process.
    pub(crate) fn give(mut self) {
        self.given = true;
    }
}

impl Drop for HandoverSocket {
    fn drop(&mut self) {
        if !self.given {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn hear(channel: Channel) -> anyhow::Result<Asked> {
    if !channel.is_ours()? {
        bail!("a process of another user asked");
    }
    channel.wait_for(Some(SAYING_SO))?;
    let asked = channel.receive().context("it does not say what it wants")?;
    match asked.map(|received| received.note) {
        Some(Note::Ask { version: VERSION }) => Ok(Asked(Arc::new(channel))),
        Some(Note::Ask { version }) => {
            let why = format!("the running process speaks version {VERSION}, not {version}");
            let _ = channel.send(&Note::Failed { why: why.clone() }, &[], &[]);
            bail!(why)
        }
        other => bail!("it said {other:?} instead of asking"),
    }
}

/// A new process that asked for this one's place.
#[derive(Clone, Debug)]
pub(crate) struct Asked(Arc<Channel>);

impl Asked {
    /// Refuses the handover.
    pub(crate) fn refuse(&self, why: &str) {
        // If it is gone it need not know.
        let _ = self.0.send(&Note::Failed { why: why.to_owned() }, &[], &[]);
    }

    /// Sends the listening sockets and waits until the new process can begin.
    ///
    /// # Errors
    /// When it fails, dies, or takes too long.
    pub(crate) async fn give_sockets(&self, sockets: Vec<(String, OwnedFd)>) -> anyhow::Result<()> {
        let channel = Arc::clone(&self.0);
        let give = move || {
            send_sockets(&channel, &sockets).context("its sockets cannot be sent")?;
            channel.wait_for(Some(COMING_UP))?;
            let answer = channel.receive().context("the new process did not come up in time")?;
            match answer.map(|Received { note, .. }| note) {
                Some(Note::Ready) => Ok(()),
                Some(Note::Failed { why }) => bail!("the new process failed: {why}"),
                Some(other) => bail!("the new process said {other:?} instead of ready"),
                None => bail!("the new process ended before it was ready"),
            }
        };
        tokio::task::spawn_blocking(give).await?
    }

    /// Lets the new process begin.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn begin(&self) -> io::Result<()> {
        self.0.send(&Note::Yours, &[], &[])
    }

    /// Sends a client connection; blocks while the new process is busy.
    ///
    /// # Errors
    /// When the new process is gone; the connection is closed then.
    pub(crate) fn pass(&self, listener: &str, leaving: &IdleConnection) -> io::Result<()> {
        let note = Note::Connection { listener: listener.to_owned(), used: leaving.used };
        self.0.send(&note, &leaving.read, &[leaving.socket.as_fd()])
    }
}

fn send_sockets(channel: &Channel, sockets: &[(String, OwnedFd)]) -> io::Result<()> {
    let mut batches = sockets.chunks(MOST_SOCKETS).peekable();
    while let Some(batch) = batches.next() {
        let names = batch.iter().map(|(name, _)| name.clone()).collect();
        let given: Vec<_> = batch.iter().map(|(_, socket)| socket.as_fd()).collect();
        let more = batches.peek().is_some();
        channel.send(&Note::Sockets { names, more }, &[], &given)?;
    }
    Ok(())
}
