//! One HTTP/1.1 connection byte by byte, for either side of it.
//!
//! It is deliberately simple and strict: what a test compares are the bytes on the wire, not what
//! a forgiving library makes of them.

use super::message::{Body, End, Head, Response, field};
use super::within;
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection and the bytes that were read from it but not yet used.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// One step of a chunked body.
pub(crate) enum Chunk {
    /// Content.
    Data(Vec<u8>),
    /// The last chunk with its trailers.
    Last(Vec<(String, String)>),
    /// The connection ended first.
    Cut(End),
}

impl Wire {
    /// Connects to `address`.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await;
        Self::new(stream.unwrap_or_else(|e| panic!("connect to {address}: {e}")))
    }

    /// Takes over an accepted connection.
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("set TCP_NODELAY");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends `bytes`, which the peer must take.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("send to the peer");
    }

    /// Sends `bytes`; the peer may have gone.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        within("the peer to read", self.stream.write_all(bytes.as_ref())).await
    }

    /// Says that nothing more will be sent; reading goes on.
    pub(crate) async fn finish_sending(&mut self) {
        // A peer that has already reset the connection is no failure of this side.
        let _ = self.stream.shutdown().await;
    }

    /// Resets the connection (RST instead of FIN).
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("set SO_LINGER");
    }

    /// The other end's address.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.stream.peer_addr().expect("address of the peer")
    }

    /// Whether the connection is still open in both directions with nothing left to read.
    pub(crate) fn is_quiet(&mut self) -> bool {
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
    pub(crate) async fn readable(&mut self) -> bool {
        !self.buffer.is_empty()
            || matches!(self.stream.read_buf(&mut self.buffer).await, Ok(count) if count > 0)
    }

    /// The next head; `Err` says how the connection ended instead.
    pub(crate) async fn try_head(&mut self) -> Result<Head, End> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                return Ok(Head::parse(self.take(end + 4)));
            }
            self.fill().await?;
        }
    }

    /// The next head, which must come.
    pub(crate) async fn head(&mut self) -> Head {
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
    pub(crate) async fn bytes(&mut self, count: usize) -> Result<Vec<u8>, End> {
        while self.buffer.len() < count {
            self.fill().await?;
        }
        Ok(self.take(count))
    }

    /// The next chunk of a chunked body.
    pub(crate) async fn chunk(&mut self) -> Chunk {
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
    pub(crate) async fn request_body(&mut self, head: &Head) -> Body {
        if head.lists("transfer-encoding", "chunked") {
            return self.chunked_body().await;
        }
        match head.get("content-length").map_or(Ok(0), str::parse) {
            Ok(length) => self.sized_body(length).await,
            Err(_) => Body::ended(End::Broken),
        }
    }

    /// The body that belongs to the head of a response to `method`.
    pub(crate) async fn response_body(&mut self, head: &Head, method: &str) -> Body {
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
    pub(crate) async fn rest(&mut self) -> Body {
        let end = loop {
            if let Err(end) = self.fill().await {
                break if end == End::Closed { End::Complete } else { end };
            }
        };
        let bytes = std::mem::take(&mut self.buffer);
        Body { chunks: vec![bytes.clone()], bytes, trailers: Vec::new(), end }
    }

    /// The whole response to a request that was sent with `method`.
    pub(crate) async fn response(&mut self, method: &str) -> Response {
        self.try_response(method).await.unwrap_or_else(|end| panic!("no response but {end:?}"))
    }

    /// The whole response, or how the connection ended instead of a head.
    pub(crate) async fn try_response(&mut self, method: &str) -> Result<Response, End> {
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
    pub(crate) async fn ask(&mut self, request: &str) -> Response {
        self.send(request).await;
        self.response(request.split(' ').next().unwrap_or_default()).await
    }

    /// Waits until the peer ends the connection; says how, and what it still sent.
    pub(crate) async fn ended(&mut self) -> (End, Vec<u8>) {
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

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
