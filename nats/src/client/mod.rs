//! A client of NATS for one purpose: few subjects, requests that fail at once when the connection is
//! lost, and nothing that is kept to be sent later.
//!
//! A write that is sent late may contradict what its author did meanwhile, so the client has no
//! queue for times without a connection. `docs/decisions/0005-fleet-ledger.md` says why it is our
//! own.

mod command;
mod connection;
mod protocol;
mod tls;

pub(crate) use command::{ClientError, Outgoing};
pub(crate) use protocol::Message;

use bytes::Bytes;
use command::Command;
use connection::Keeper;
use protocol::Info;
use stagegate_settings::Fleet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Commands that wait for the connection.
const WAITING: usize = 1024;
/// Messages that wait for a subscriber. More are dropped: nothing rests on news.
const UNREAD: usize = 4096;

/// A client; cheap to clone. Its connection ends with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    commands: mpsc::Sender<Command>,
    info: Arc<Mutex<Option<Info>>>,
    refused: Arc<Mutex<Option<String>>>,
    inboxes: Arc<AtomicU64>,
    inbox: Arc<str>,
}

impl Client {
    /// A client that connects in the background, and again whenever the connection is lost.
    ///
    /// # Errors
    /// When the settings cannot be used, in words.
    pub(crate) fn start(settings: &Fleet, name: &str) -> Result<Self, String> {
        let (commands, queue) = mpsc::channel(WAITING);
        let info = Arc::new(Mutex::new(None));
        let mut random = [0; 12];
        getrandom::fill(&mut random).map_err(|error| error.to_string())?;
        let inbox: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let inbox: Arc<str> = format!("_INBOX.{inbox}").into();
        let refused = Arc::default();
        let shared = (Arc::clone(&info), Arc::clone(&refused));
        let keeper = Keeper::new(settings, name, Arc::clone(&inbox), shared)?;
        tokio::spawn(keeper.run(queue));
        Ok(Self { commands, info, refused, inboxes: Arc::default(), inbox })
    }

    /// The server of the present connection; none without one.
    pub(crate) fn server(&self) -> Option<Info> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last error that a server reported, a refused permission for example.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fits(&self, payload: &Bytes) -> Result<(), ClientError> {
        // Headers are small.
        const HEADERS: usize = 1024;
        let most = self.server().map_or(0, |info| info.max_payload);
        let size = payload.len() + HEADERS;
        if most > 0 && size > most { Err(ClientError::TooLarge { size, most }) } else { Ok(()) }
    }

    /// Publishes without waiting for anything but room.
    ///
    /// # Errors
    /// When the message is too large or the client has ended.
    pub(crate) async fn publish(&self, message: Outgoing) -> Result<(), ClientError> {
        self.fits(&message.payload)?;
        let sent = self.commands.send(Command::Publish(message)).await;
        sent.map_err(|_| ClientError::Disconnected(String::new()))
    }

    /// Asks, and waits for one answer.
    ///
    /// # Errors
    /// A [`ClientError`]. What was asked may be done all the same.
    pub(crate) async fn request(
        &self,
        mut message: Outgoing,
        patience: Duration,
    ) -> Result<Message, ClientError> {
        self.fits(&message.payload)?;
        message.reply = Some(self.new_inbox());
        let (answered, answer) = oneshot::channel();
        let asked = async {
            let sent = self.commands.send(Command::Request(message, answered)).await;
            sent.map_err(|_| ClientError::Disconnected(String::new()))?;
            answer.await.map_err(|_| ClientError::Disconnected(String::new()))?
        };
        let answer = tokio::time::timeout(patience, asked).await;
        let message = answer.map_err(|_| ClientError::Late(patience))??;
        if message.is_unheard() { Err(ClientError::Unheard) } else { Ok(message) }
    }

    /// A subject for answers to this client.
    pub(crate) fn new_inbox(&self) -> String {
        format!("{}.{}", self.inbox, self.inboxes.fetch_add(1, Ordering::Relaxed))
    }

    /// Messages of a subject, for as long as the receiver lives and over new connections.
    ///
    /// # Errors
    /// When the client has ended.
    pub(crate) async fn subscribe(
        &self,
        subject: String,
    ) -> Result<mpsc::Receiver<Message>, ClientError> {
        let (sink, messages) = mpsc::channel(UNREAD);
        let sent = self.commands.send(Command::Subscribe(subject, sink)).await;
        sent.map_err(|_| ClientError::Disconnected(String::new()))?;
        Ok(messages)
    }
}
