//! One HTTP/1.1 connection byte by byte, for either side of it.
//!
//! It is deliberately simple and strict: what a test compares are the bytes on the wire, not what
//! a forgiving library makes of them.

use super::within;
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection and the bytes that were read from it but not yet used.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The head of a request or a response.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Request line or status line.
    pub start: String,
    /// Fields in wire order, names as written.
    pub fields: Vec<(String, String)>,
    /// The bytes, with the empty line.
    pub raw: Vec<u8>,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By its own framing.
    Complete,
    /// The connection was closed before the message was complete.
    Closed,
    /// The connection was reset before the message was complete.
    Reset,
    /// Its framing is broken.
    Broken,
}

/// The body of a message.
#[derive(Clone, Debug)]
pub struct Body {
    /// The content without framing.
    pub bytes: Vec<u8>,
    /// The chunks as framed by the peer; one element for other framings.
    pub chunks: Vec<Vec<u8>>,
    /// Trailer fields.
    pub trailers: Vec<(String, String)>,
    /// How it ended.
    pub end: End,
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct Response {
    /// Interim (1xx) heads before it.
    pub interim: Vec<Head>,
    /// The final head.
    pub head: Head,
    /// The body.
    pub body: Body,
}

/// One step of a chunked body.
pub enum Chunk {
    /// Content.
    Data(Vec<u8>),
    /// The last chunk with its trailers.
    Last(Vec<(String, String)>),
    /// The connection ended first.
    Cut(End),
}

impl Head {
    fn parse(raw: Vec<u8>) -> Self {
        let text = String::from_utf8_lossy(&raw).into_owned();
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines.take_while(|line| !line.is_empty()).map(field).collect();
        Self { start, fields, raw }
    }

    /// The status of a response.
    pub fn status(&self) -> u16 {
        let code = self.start.split(' ').nth(1).and_then(|code| code.parse().ok());
        code.unwrap_or_else(|| panic!("not a status line: {:?}", self.start))
    }

    /// The method of a request.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The target of a request.
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of the first field named `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// The values of all fields named `name`, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a list field contains `token`.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        let values = self.all(name);
        values.iter().flat_map(|v| v.split(',')).any(|v| v.trim().eq_ignore_ascii_case(token))
    }
}

impl Body {
    fn ended(end: End) -> Self {
        Self { bytes: Vec::new(), chunks: Vec::new(), trailers: Vec::new(), end }
    }
}

impl Response {
    /// The status of the final head.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body.bytes).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body.bytes)
            .unwrap_or_else(|e| panic!("not JSON ({e}): {} {}", self.head.start, self.text()))
    }

    /// The arm whose backend answered.
    pub fn arm(&self) -> &str {
        let arm = self.head.get("x-arm");
        arm.unwrap_or_else(|| panic!("no backend answered: {} {}", self.head.start, self.text()))
    }

    /// Why the proxy itself answered, if it did.
    pub fn reason(&self) -> Option<&str> {
        self.head.get("stagegate-reason")
    }
}

impl Wire {
    /// Connects to `address`.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await;
        Self::new(stream.unwrap_or_else(|e| panic!("connect to {address}: {e}")))
    }

    /// Takes over an accepted connection.
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("set TCP_NODELAY");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends `bytes`, which the peer must take.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("send to the peer");
    }

    /// Sends `bytes`; the peer may have gone.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        within("the peer to read", self.stream.write_all(bytes.as_ref())).await
    }

    /// Says that nothing more will be sent; reading goes on.
    pub async fn finish_sending(&mut self) {
        // A peer that has already reset the connection is no failure of this side.
        let _ = self.stream.shutdown().await;
    }

    /// Resets the connection (RST instead of FIN).
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("set SO_LINGER");
    }

    /// The other end's address.
    pub fn peer(&self) -> SocketAddr {
        self.stream.peer_addr().expect("address of the peer")
    }

    /// Whether the connection is still open in both directions with nothing left to read.
    pub fn is_quiet(&mut self) -> bool {
        let mut bytes = [0; 1];
        let read = self.stream.try_read(&mut bytes);
        self.buffer.is_empty() && matches!(read, Err(e) if e.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads more bytes into the buffer; false at the end.
    async fn fill(&mut self) -> Result<(), End> {
        let read = within("more bytes", self.stream.read_buf(&mut self.buffer)).await;
        match read {
            Ok(0) => Err(End::Closed),
            Ok(_) => Ok(()),
            Err(_) => Err(End::Reset),
        }
    }

    /// Waits, for as long as it takes, until there is something to read; false at the end.
    pub async fn readable(&mut self) -> bool {
        !self.buffer.is_empty()
            || matches!(self.stream.read_buf(&mut self.buffer).await, Ok(count) if count > 0)
    }

    /// The next head; `Err` says how the connection ended instead.
    pub async fn try_head(&mut self) -> Result<Head, End> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                return Ok(Head::parse(self.take(end + 4)));
            }
            self.fill().await?;
        }
    }

    /// The next head, which must come.
    pub async fn head(&mut self) -> Head {
        match self.try_head().await {
            Ok(head) => head,
            Err(end) => panic!("no head but {end:?} after {:?}", lossy(&self.buffer)),
        }
    }

    /// The next line without its end.
    async fn line(&mut self) -> Result<String, End> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line = self.take(end + 2);
                return Ok(lossy(&line[..end]));
            }
            self.fill().await?;
        }
    }

    /// Exactly `count` bytes.
    pub async fn bytes(&mut self, count: usize) -> Result<Vec<u8>, End> {
        while self.buffer.len() < count {
            self.fill().await?;
        }
        Ok(self.take(count))
    }

    /// The next chunk of a chunked body.
    pub async fn chunk(&mut self) -> Chunk {
        match self.try_chunk().await {
            Ok(chunk) => chunk,
            Err(end) => Chunk::Cut(end),
        }
    }

    async fn try_chunk(&mut self) -> Result<Chunk, End> {
        let line = self.line().await?;
        let size = line.split(';').next().unwrap_or_default();
        let Ok(size) = usize::from_str_radix(size, 16) else { return Err(End::Broken) };
        if size > 0 {
            let mut data = self.bytes(size + 2).await?;
            let whole = data.split_off(size) == b"\r\n";
            return if whole { Ok(Chunk::Data(data)) } else { Err(End::Broken) };
        }
        let mut trailers = Vec::new();
        loop {
            match self.line().await? {
                line if line.is_empty() => return Ok(Chunk::Last(trailers)),
                line => trailers.push(field(&line)),
            }
        }
    }

    /// The body that belongs to the head of a request.
    pub async fn request_body(&mut self, head: &Head) -> Body {
        if head.lists("transfer-encoding", "chunked") {
            return self.chunked_body().await;
        }
        match head.get("content-length").map_or(Ok(0), str::parse) {
            Ok(length) => self.sized_body(length).await,
            Err(_) => Body::ended(End::Broken),
        }
    }

    /// The body that belongs to the head of a response to `method`.
    pub async fn response_body(&mut self, head: &Head, method: &str) -> Body {
        let status = head.status();
        if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) {
            return self.sized_body(0).await;
        }
        if head.lists("transfer-encoding", "chunked") {
            return self.chunked_body().await;
        }
        match head.get("content-length").map(str::parse) {
            Some(Ok(length)) => self.sized_body(length).await,
            Some(Err(_)) => Body::ended(End::Broken),
            None => self.rest().await,
        }
    }

    async fn sized_body(&mut self, length: usize) -> Body {
        let (bytes, end) = match self.bytes(length).await {
            Ok(bytes) => (bytes, End::Complete),
            Err(end) => (std::mem::take(&mut self.buffer), end),
        };
        Body { chunks: vec![bytes.clone()], bytes, trailers: Vec::new(), end }
    }

    async fn chunked_body(&mut self) -> Body {
        let (mut chunks, mut bytes) = (Vec::new(), Vec::new());
        loop {
            let (trailers, end) = match self.chunk().await {
                Chunk::Data(data) => {
                    bytes.extend_from_slice(&data);
                    chunks.push(data);
                    continue;
                }
                Chunk::Last(trailers) => (trailers, End::Complete),
                Chunk::Cut(end) => (Vec::new(), end),
            };
            return Body { bytes, chunks, trailers, end };
        }
    }

    /// Everything until the connection ends: the body of a response without length.
    pub async fn rest(&mut self) -> Body {
        let end = loop {
            if let Err(end) = self.fill().await {
                break if end == End::Closed { End::Complete } else { end };
            }
        };
        let bytes = std::mem::take(&mut self.buffer);
        Body { chunks: vec![bytes.clone()], bytes, trailers: Vec::new(), end }
    }

    /// The whole response to a request that was sent with `method`.
    pub async fn response(&mut self, method: &str) -> Response {
        self.try_response(method).await.unwrap_or_else(|end| panic!("no response but {end:?}"))
    }

    /// The whole response, or how the connection ended instead of a head.
    pub async fn try_response(&mut self, method: &str) -> Result<Response, End> {
        let mut interim = Vec::new();
        let head = loop {
            let head = self.try_head().await?;
            if !(100..=199).contains(&head.status()) || head.status() == 101 {
                break head;
            }
            interim.push(head);
        };
        let body = self.response_body(&head, method).await;
        Ok(Response { interim, head, body })
    }

    /// Sends a request and reads the whole response.
    pub async fn ask(&mut self, request: &str) -> Response {
        self.send(request).await;
        self.response(request.split(' ').next().unwrap_or_default()).await
    }

    /// Waits until the peer ends the connection; says how, and what it still sent.
    pub async fn ended(&mut self) -> (End, Vec<u8>) {
        let end = loop {
            if let Err(end) = self.fill().await {
                break end;
            }
        };
        (end, std::mem::take(&mut self.buffer))
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(count);
        std::mem::replace(&mut self.buffer, rest)
    }
}

/// A request without a body, as text: `GET` unless `line` names another method.
pub fn request(line: &str, fields: &[(&str, &str)]) -> String {
    let mut text = format!("{line} HTTP/1.1\r\nhost: agents.test\r\n");
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n"
}

/// A request with a body and its length.
pub fn request_with(line: &str, fields: &[(&str, &str)], body: &str) -> String {
    let length = body.len().to_string();
    let mut all = fields.to_vec();
    all.push(("content-length", &length));
    request(line, &all) + body
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("not a field: {line:?}"));
    (name.to_owned(), value.trim().to_owned())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
