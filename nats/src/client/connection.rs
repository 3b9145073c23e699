//! One connection at a time: made, kept, and made again elsewhere when it is lost.

use super::command::{Answered, ClientError, Command};
use super::protocol::{self, Info, Message, Said};
use super::tls;
use bytes::BytesMut;
use rustls::pki_types::ServerName;
use serde_json::json;
use stagegate_settings::Fleet;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

/// How long a server is given to accept a client.
const CONNECTING: Duration = Duration::from_secs(2);
/// Pause before the next server is tried, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Pause between two pings. A server that has answered none of two is left.
const PING: Duration = Duration::from_secs(1);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What clients see of the connection: the server, and the last error that it reported.
pub(super) type Told = (Arc<Mutex<Option<Info>>>, Arc<Mutex<Option<String>>>);

/// Keeps a connection.
pub(super) struct Keeper {
    servers: Vec<String>,
    hello: serde_json::Value,
    tls: Option<TlsConnector>,
    inbox: Arc<str>,
    info: Arc<Mutex<Option<Info>>>,
    /// The last error that a server reported.
    refused: Arc<Mutex<Option<String>>>,
    subscriptions: HashMap<u64, (String, mpsc::Sender<Message>)>,
    last_sid: u64,
}

/// Number of the subscription of all answers.
const ANSWERS: u64 = 1;

impl Keeper {
    pub(super) fn new(
        settings: &Fleet,
        name: &str,
        inbox: Arc<str>,
        (info, refused): Told,
    ) -> Result<Self, String> {
        let mut hello = json!({
            "verbose": false, "pedantic": false, "headers": true, "no_responders": true,
            "lang": "stagegate", "version": env!("CARGO_PKG_VERSION"), "protocol": 1,
            "name": name, "tls_required": settings.tls.is_some(),
        });
        if let Some(login) = &settings.login {
            hello["user"] = json!(login.user);
            hello["pass"] = json!(login.password.expose());
        }
        if let Some(token) = &settings.token {
            hello["auth_token"] = json!(token.expose());
        }
        let tls = settings.tls.as_ref().map(tls::connector).transpose()?;
        let servers = settings.servers.clone();
        if servers.is_empty() {
            return Err("fleet.servers is empty".to_owned());
        }
        let subscriptions = HashMap::new();
        let last_sid = ANSWERS;
        Ok(Self { servers, hello, tls, inbox, info, refused, subscriptions, last_sid })
    }

    /// Runs until all clients are gone.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let (mut number, mut pause, mut why) = (0, PAUSES.0, String::new());
        loop {
            let server = self.servers[number % self.servers.len()].clone();
            number += 1;
            let connected = self.connect(&server);
            match self.refusing(&mut commands, connected, &why).await {
                None => return,
                Some(Ok((stream, info, read))) => {
                    tracing::info!(server, name = info.server_name, "connected to NATS");
                    let (known, max) = (Arc::clone(&self.info), PAUSES.0);
                    *known.lock().unwrap_or_else(PoisonError::into_inner) = Some(info);
                    let ended = self.serve(stream, read, &mut commands).await;
                    *known.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    pause = max;
                    match ended {
                        None => return,
                        Some(lost) => {
                            tracing::warn!(server, lost, "the connection to NATS is lost");
                            why = lost;
                        }
                    }
                }
                Some(Err(refused)) => {
                    tracing::debug!(server, refused, "NATS cannot be reached");
                    why = refused;
                }
            }
            let wait = tokio::time::sleep(pause);
            pause = (pause * 2).min(PAUSES.1);
            if self.refusing(&mut commands, wait, &why).await.is_none() {
                return;
            }
        }
    }

    /// Awaits `done`; meanwhile everything that is asked fails. None when all clients are gone.
    async fn refusing<T>(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        done: impl Future<Output = T>,
        why: &str,
    ) -> Option<T> {
        let mut done = std::pin::pin!(done);
        let mut new = Vec::new();
        let result = loop {
            tokio::select! {
                result = &mut done => break result,
                command = commands.recv() => match command? {
                    Command::Publish(_) => {}
                    Command::Request(_, answered) => {
                        let _ = answered.send(Err(ClientError::Disconnected(why.to_owned())));
                    }
                    Command::Subscribe(subject, sink) => new.push((subject, sink)),
                },
            }
        };
        for (subject, sink) in new {
            self.subscribe(subject, sink);
        }
        Some(result)
    }

    fn subscribe(&mut self, subject: String, sink: mpsc::Sender<Message>) -> u64 {
        self.last_sid += 1;
        self.subscriptions.insert(self.last_sid, (subject, sink));
        self.last_sid
    }

    /// Connects to a server; the error is in words.
    fn connect(
        &self,
        server: &str,
    ) -> impl Future<Output = Result<(Box<dyn Stream>, Info, BytesMut), String>> + use<> {
        let (server, hello, tls) = (server.to_owned(), self.hello.clone(), self.tls.clone());
        async move {
            let connected = timeout(CONNECTING, welcome(&server, &hello, tls));
            connected.await.map_err(|_| format!("{server} does not answer"))?
        }
    }

    /// Serves clients until the connection is lost. None when all clients are gone.
    async fn serve(
        &mut self,
        mut stream: Box<dyn Stream>,
        mut read: BytesMut,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Option<String> {
        let mut waiting: HashMap<String, Answered> = HashMap::new();
        let mut out = BytesMut::new();
        self.subscriptions.retain(|_, (_, sink)| !sink.is_closed());
        out.extend_from_slice(format!("SUB {}.* {ANSWERS}\r\n", self.inbox).as_bytes());
        for (sid, (subject, _)) in &self.subscriptions {
            out.extend_from_slice(format!("SUB {subject} {sid}\r\n").as_bytes());
        }
        let (mut unanswered, mut ping) = (0, Instant::now() + PING);
        let lost = loop {
            if !out.is_empty() {
                // A server that does not read is as good as none.
                match timeout(PING * 2, stream.write_all_buf(&mut out)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => break error.to_string(),
                    Err(_) => break "the server does not read".to_owned(),
                }
            }
            tokio::select! {
                command = commands.recv() => {
                    self.obey(command?, &mut out, &mut waiting);
                    while out.len() < 64 << 10 && let Ok(command) = commands.try_recv() {
                        self.obey(command, &mut out, &mut waiting);
                    }
                }
                got = stream.read_buf(&mut read) => match got {
                    Ok(0) => break "the server has closed it".to_owned(),
                    Err(error) => break error.to_string(),
                    Ok(_) => {
                        match self.hear(&mut read, &mut out, &mut waiting) {
                            Ok(pongs) => if pongs { unanswered = 0 },
                            Err(wrong) => break wrong,
                        }
                    }
                },
                () = tokio::time::sleep_until(ping) => {
                    if unanswered >= 2 {
                        break "the server does not answer pings".to_owned();
                    }
                    unanswered += 1;
                    ping = Instant::now() + PING;
                    out.extend_from_slice(b"PING\r\n");
                    waiting.retain(|_, answered| !answered.is_closed());
                }
            }
        };
        for answered in waiting.into_values() {
            let _ = answered.send(Err(ClientError::Disconnected(lost.clone())));
        }
        Some(lost)
    }

    fn obey(
        &mut self,
        command: Command,
        out: &mut BytesMut,
        waiting: &mut HashMap<String, Answered>,
    ) {
        match command {
            Command::Publish(it) => {
                protocol::publish(out, &it.subject, it.reply.as_deref(), &it.headers, &it.payload);
            }
            Command::Request(it, answered) => {
                protocol::publish(out, &it.subject, it.reply.as_deref(), &it.headers, &it.payload);
                waiting.insert(it.reply.unwrap_or_default(), answered);
            }
            Command::Subscribe(subject, sink) => {
                let line = format!("SUB {subject} {}\r\n", self.subscribe(subject.clone(), sink));
                out.extend_from_slice(line.as_bytes());
            }
        }
    }

    /// Takes in what was read. True if a pong was among it.
    fn hear(
        &mut self,
        read: &mut BytesMut,
        out: &mut BytesMut,
        waiting: &mut HashMap<String, Answered>,
    ) -> Result<bool, String> {
        let mut pongs = false;
        while let Some(said) = protocol::next(read)? {
            match said {
                Said::Ping => out.extend_from_slice(b"PONG\r\n"),
                Said::Pong => pongs = true,
                Said::Ok | Said::Info(_) => {}
                // The server closes the connection after most errors. Of a refused permission it does
                // not.
                Said::Error(error) => {
                    tracing::warn!(error, "NATS reports an error");
                    *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
                Said::Message(message) if message.sid == ANSWERS => {
                    match waiting.remove(&message.subject) {
                        Some(answered) => {
                            let _ = answered.send(Ok(message));
                        }
                        None => self.deliver(message),
                    }
                }
                Said::Message(message) => self.deliver(message),
            }
        }
        Ok(pongs)
    }

    fn deliver(&mut self, message: Message) {
        let sid = if message.sid == ANSWERS {
            // An inbox with a subscription of its own gets its messages twice: once is enough.
            return;
        } else {
            message.sid
        };
        if let Some((_, sink)) = self.subscriptions.get(&sid)
            && sink.try_send(message).is_err()
        {
            tracing::debug!(sid, "a message of the fleet was dropped");
        }
    }
}

/// The beginning of a connection, up to the server's first answer.
async fn welcome(
    server: &str,
    hello: &serde_json::Value,
    tls: Option<TlsConnector>,
) -> Result<(Box<dyn Stream>, Info, BytesMut), String> {
    let named = |error: &dyn std::fmt::Display| format!("{server}: {error}");
    let mut tcp = TcpStream::connect(server).await.map_err(|error| named(&error))?;
    tcp.set_nodelay(true).map_err(|error| named(&error))?;
    let mut read = BytesMut::with_capacity(16 << 10);
    let info = loop {
        match protocol::next(&mut read).map_err(|error| named(&error))? {
            Some(Said::Info(info)) => break *info,
            Some(other) => return Err(named(&format!("it is no NATS server: {other:?}"))),
            None => {}
        }
        let got = tcp.read_buf(&mut read).await.map_err(|error| named(&error))?;
        if got == 0 {
            return Err(named(&"it closes the connection at once"));
        }
    };
    let mut stream: Box<dyn Stream> = match tls {
        Some(tls) => {
            let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
            let host = host.trim_matches(['[', ']']).to_owned();
            let host = ServerName::try_from(host).map_err(|error| named(&error))?;
            Box::new(tls.connect(host, tcp).await.map_err(|error| named(&error))?)
        }
        None if info.tls_required => return Err(named(&"it wants TLS: configure `fleet.tls`")),
        None => Box::new(tcp),
    };
    let begin = format!("CONNECT {hello}\r\nPING\r\n");
    stream.write_all(begin.as_bytes()).await.map_err(|error| named(&error))?;
    stream.flush().await.map_err(|error| named(&error))?;
    loop {
        match protocol::next(&mut read).map_err(|error| named(&error))? {
            Some(Said::Pong) => return Ok((stream, info, read)),
            Some(Said::Error(error)) => return Err(named(&error)),
            Some(_) => continue,
            None => {}
        }
        let got = stream.read_buf(&mut read).await.map_err(|error| named(&error))?;
        if got == 0 {
            return Err(named(&"it closes the connection"));
        }
    }
}
