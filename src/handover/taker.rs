//! The new process' side of a handover: it asks, starts, and adopts the connections it is sent.

use super::channel::{Channel, Received};
use super::{LETTING_GO, Note, VERSION, path};
use anyhow::{Context as _, bail};
use stagegate_proxy::IdleConnection;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How long the old process may take from *ready* to *yours*.
const STEPPING_BACK: std::time::Duration = std::time::Duration::from_secs(30);

/// The sockets that the old process gave.
#[derive(Debug)]
pub(crate) struct Inherited {
    sockets: HashMap<String, OwnedFd>,
    channel: Arc<Channel>,
    path: PathBuf,
}

/// Asks the process that has `data_dir` for its place; none when there is no such process.
///
/// # Errors
/// When there is one and it does not give it.
pub(crate) fn ask(data_dir: &Path) -> anyhow::Result<Option<Inherited>> {
    let path = path(data_dir);
    let channel = match Channel::connect(&path) {
        Ok(channel) => channel,
        Err(error) if is_nobody(&error) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot ask {}", path.display())),
    };
    if !channel.is_ours()? {
        bail!("{} belongs to a process of another user", path.display());
    }
    channel.wait_for(Some(LETTING_GO))?;
    let asking = "the running process does not hand over";
    channel.send(&Note::Ask { version: VERSION }, &[], &[]).context(asking)?;
    let mut inherited = HashMap::new();
    loop {
        let Received { note, sockets, .. } = channel
            .receive()
            .context(asking)?
            .context("the running process ended, or hands over to another one")?;
        match note {
            Note::Sockets { names, more } => {
                inherited.extend(names.into_iter().zip(sockets));
                if !more {
                    break;
                }
            }
            Note::Failed { why } => bail!("{asking}: {why}"),
            other => bail!("{asking}: it said {other:?}"),
        }
    }
    tracing::info!(sockets = inherited.len(), "taking over from the running process");
    Ok(Some(Inherited { sockets: inherited, channel: Arc::new(channel), path }))
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

impl Inherited {
    /// The socket of this name, if the old process had it and it is not taken yet.
    pub(crate) fn take(&mut self, name: &str) -> Option<OwnedFd> {
        self.sockets.remove(name)
    }

    /// Reports that this process cannot start; the old one continues.
    pub(crate) fn give_up(&self, why: &str) {
        let _ = self.channel.send(&Note::Failed { why: why.to_owned() }, &[], &[]);
    }

    /// Says that this process can begin, and waits until the old one has stepped back. What it had
    /// and this one does not want is closed.
    ///
    /// # Errors
    /// When the old process decided to continue instead.
    pub(crate) async fn begin(&mut self) -> anyhow::Result<()> {
        self.sockets.clear();
        let (channel, path) = (Arc::clone(&self.channel), self.path.clone());
        let begin = move || {
            channel.wait_for(Some(STEPPING_BACK))?;
            let sent = channel.send(&Note::Ready, &[], &[]);
            let answer = match sent {
                Ok(()) => channel.receive().context("the running process does not step back")?,
                Err(_) => None,
            };
            match answer.map(|Received { note, .. }| note) {
                Some(Note::Yours) => Ok(()),
                // It died: nobody else is there to serve.
                None if Channel::connect(&path).is_err_and(|error| is_nobody(&error)) => Ok(()),
                None => bail!("the running process went on: this one took too long"),
                Some(other) => bail!("the running process said {other:?} instead of stepping back"),
            }
        };
        tokio::task::spawn_blocking(begin).await?
    }

    /// Goes on with every client connection that the old process sends, until it has ended.
    /// `place` finds a listener by the name of its socket. Blocks.
    pub(crate) fn receive(
        &self,
        place: impl Fn(&str) -> Option<usize>,
        adopt: impl Fn(IdleConnection) -> io::Result<()>,
    ) {
        let mut taken = 0_u64;
        let _ = self.channel.wait_for(None);
        loop {
            let Received { note, bytes, sockets } = match self.channel.receive() {
                Ok(Some(received)) => received,
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "cannot receive connections of the former process");
                    break;
                }
            };
            let Note::Connection { listener, used } = note else { continue };
            let (Some(listener), Some(socket)) = (place(&listener), sockets.into_iter().next())
            else {
                continue;
            };
            if let Err(error) = adopt(IdleConnection { listener, socket, used, read: bytes }) {
                // The client has left on the way, mostly.
                tracing::debug!(%error, "cannot use a connection of the former process");
                continue;
            }
            taken += 1;
        }
        tracing::info!(connections = taken, "the former process has ended");
    }
}
