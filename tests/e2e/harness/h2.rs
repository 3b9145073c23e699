//! An HTTP/2 client, one step at a time.

use super::within;
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A connection with prior knowledge.
pub(crate) struct H2 {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Response<()>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status().as_u16()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.head.headers().get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl H2 {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connect");
        stream.set_nodelay(true).expect("set TCP_NODELAY");
        let mut builder = Builder::new();
        // One stream that is not read must not use up what belongs to all.
        builder.initial_connection_window_size(1 << 20);
        let handshake = builder.handshake(stream);
        let (requests, connection) = within("a handshake", handshake).await.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        let requests = within("settings", requests.ready()).await.expect("a connection");
        Self { requests, connection }
    }

    /// Begins a request; the answer is awaited apart from its body.
    pub(crate) async fn begin(
        &mut self,
        request: Request<()>,
        ends: bool,
    ) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let ready = self.requests.clone().ready();
        let mut requests = within("room for a request", ready).await.expect("a connection");
        requests.send_request(request, ends).expect("a request")
    }

    /// Sends a request with a body and reads the whole answer.
    pub(crate) async fn ask(
        &mut self,
        request: Request<()>,
        body: &[u8],
    ) -> Result<Answer, h2::Error> {
        let (answer, mut stream) = self.begin(request, body.is_empty()).await;
        if !body.is_empty() {
            stream.send_data(Bytes::copy_from_slice(body), true)?;
        }
        finish(within("an answer", answer).await?).await
    }

    /// Whether the peer allows WebSockets; its settings have arrived.
    pub(crate) fn takes_websockets(&self) -> bool {
        self.requests.is_extended_connect_protocol_enabled()
    }

    /// Waits until the peer has ended the connection, cleanly.
    pub(crate) async fn closed(&mut self) {
        (&mut self.connection).await.expect("the task").expect("a goodbye, not an error");
    }

    /// How the connection ended.
    pub(crate) async fn ended(self) -> Result<(), h2::Error> {
        drop(self.requests);
        within("the end", self.connection).await.expect("the task")
    }
}

/// A request to the usual host.
pub(crate) fn h2_request(line: &str, fields: &[(&str, &str)]) -> Request<()> {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let mut request = Request::builder().method(method).uri(format!("http://agents.test{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

/// A WebSocket's handshake (RFC 8441 4).
pub(crate) fn h2_websocket(path: &str) -> Request<()> {
    let fields = [("sec-websocket-version", "13")];
    let mut request = h2_request(&format!("CONNECT {path}"), &fields);
    request.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    request
}

/// Reads an answer to its end.
pub(crate) async fn finish(answer: Response<RecvStream>) -> Result<Answer, h2::Error> {
    let (parts, mut stream) = answer.into_parts();
    let mut body = Vec::new();
    while let Some(data) = within("more of the body", stream.data()).await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    Ok(Answer { head: Response::from_parts(parts, ()), body })
}

/// The next piece of a body, its window given back.
pub(crate) async fn piece(stream: &mut RecvStream) -> Vec<u8> {
    let data = within("a piece", stream.data()).await.expect("not the end").expect("data");
    stream.flow_control().release_capacity(data.len()).expect("its window");
    data.to_vec()
}

/// Waits for the clean end of a body; a last frame may carry it and nothing else.
pub(crate) async fn ended(stream: &mut RecvStream) {
    while let Some(rest) = within("a clean end", stream.data()).await {
        assert!(rest.expect("a clean end").is_empty());
    }
}

/// One frame as bytes (RFC 9113 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The preface and empty settings.
pub(crate) fn hello() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[])].concat()
}

/// A header block: `GET /` (or `POST /`) of the usual host, and literal fields.
pub(crate) fn block(method: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![if method == "POST" { 0x83 } else { 0x82 }, 0x86, 0x84];
    let mut literal = |name: &str, value: &str| {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "one length byte");
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    };
    literal(":authority", "agents.test");
    fields.iter().for_each(|(name, value)| literal(name, value));
    block
}
