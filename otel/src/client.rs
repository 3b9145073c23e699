//! One call to a collector at a time, over a connection that is kept between calls.

use crate::message::Signal;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Largest answer that is read.
const MAX_ANSWER: usize = 64 << 10;
/// Bytes before a message: whether it is compressed, and its length.
const GRPC_PREFIX: usize = 5;

/// The protocol of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/HTTP with protobuf bodies, over HTTP/1.1.
    Http,
    /// OTLP/gRPC, over HTTP/2.
    Grpc,
}

/// TLS towards a collector: the name it must have, and what offers the protocol's HTTP version.
#[derive(Clone)]
pub struct Tls {
    /// The name it must have.
    pub name: ServerName<'static>,
    /// The credentials of the proof.
    pub config: Arc<ClientConfig>,
}

/// The address of a collector, and the way to it.
#[derive(Clone)]
pub struct Endpoint {
    /// Its protocol.
    pub protocol: Protocol,
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The path before `/v1/traces`: empty, or a path without a slash at its end.
    pub path: String,
    /// Fields sent with every call; their values are secrets.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Speaks TLS.
    pub tls: Option<Tls>,
}

impl fmt::Debug for Endpoint {
    /// Never the headers: they hold keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.authority())
    }
}

impl Endpoint {
    /// Host and port as they stand in a URL.
    pub(crate) fn authority(&self) -> String {
        let v6 = self.host.contains(':');
        if v6 {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The error of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It would fail again.
    Refused(String),
    /// It may be worth another try, after this time if the collector named one.
    Again(String, Option<Duration>),
}

impl Failure {
    fn again(what: &str, error: &dyn fmt::Display) -> Self {
        Self::Again(format!("{what}: {error}"), None)
    }
}

enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// Calls a collector.
pub struct Client {
    endpoint: Endpoint,
    authority: String,
    timeout: Duration,
    user_agent: String,
    connection: Option<Connection>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.authority)
    }
}

impl Client {
    /// Connects with the first call.
    #[must_use]
    pub fn new(endpoint: Endpoint, timeout: Duration, version: &str) -> Self {
        let authority = endpoint.authority();
        let user_agent = format!("stagegate/{version}");
        Self { endpoint, authority, timeout, user_agent, connection: None }
    }

    /// Passes an export on as it came, over OTLP/HTTP, and gives the collector's answer. `path` is the
    /// signal's, `fields` are those that say what the body is.
    ///
    /// # Errors
    /// When there is no answer, with the reason.
    pub async fn pass_on(
        &mut self,
        path: &str,
        fields: &[(HeaderName, HeaderValue)],
        body: &Bytes,
    ) -> Result<Response<Bytes>, String> {
        let called = tokio::time::timeout(self.timeout, self.passed_on(path, fields, body)).await;
        let called = called.unwrap_or_else(|_| {
            Err(Failure::Again(format!("no answer within {:?}", self.timeout), None))
        });
        called.map_err(|failure| {
            self.connection = None;
            match failure {
                Failure::Refused(why) | Failure::Again(why, _) => why,
            }
        })
    }

    async fn passed_on(
        &mut self,
        path: &str,
        fields: &[(HeaderName, HeaderValue)],
        body: &Bytes,
    ) -> Result<Response<Bytes>, Failure> {
        let mut kept = self.connection.is_some();
        let answer = loop {
            let uri = format!("{}{path}", self.endpoint.path);
            let mut request = Request::post(uri)
                .header(USER_AGENT, &self.user_agent)
                .header(HOST, &self.authority);
            for (name, value) in fields.iter().chain(&self.endpoint.headers) {
                request = request.header(name, value);
            }
            let wrong = |error: http::Error| Failure::Refused(format!("no request: {error}"));
            let request = request.body(Full::new(body.clone())).map_err(wrong)?;
            if let Some(answer) = self.once(request, &mut kept).await? {
                break answer;
            }
        };
        let (head, body) = answer.into_parts();
        let read = Limited::new(body, MAX_ANSWER).collect().await;
        let read = read.map_err(|error| Failure::again("the answer broke off", &error))?;
        Ok(Response::from_parts(head, read.to_bytes()))
    }

    /// Sends one message. Gives how much of it the collector did not take, and why.
    pub(crate) async fn send(
        &mut self,
        signal: Signal,
        message: &Bytes,
    ) -> Result<(u64, String), Failure> {
        let called = tokio::time::timeout(self.timeout, self.call(signal, message)).await;
        let called = called.unwrap_or_else(|_| {
            Err(Failure::Again(format!("no answer within {:?}", self.timeout), None))
        });
        if matches!(called, Err(Failure::Again(..))) {
            self.connection = None;
        }
        called
    }

    async fn call(&mut self, signal: Signal, message: &Bytes) -> Result<(u64, String), Failure> {
        let mut kept = self.connection.is_some();
        loop {
            let request = self.request(signal, message)?;
            if let Some(answer) = self.once(request, &mut kept).await? {
                return self.answer(signal, answer).await;
            }
        }
    }

    /// Sends a request over the connection, which is made if there is none. Gives nothing when the
    /// connection that was kept had been closed while nobody looked: then it is to be sent again.
    async fn once(
        &mut self,
        request: Request<Full<Bytes>>,
        kept: &mut bool,
    ) -> Result<Option<Response<Incoming>>, Failure> {
        if self.connection.is_none() {
            self.connection = Some(self.connect().await?);
        }
        let answer = match &mut self.connection {
            Some(Connection::Http1(to)) => to.send_request(request).await,
            Some(Connection::Http2(to)) => to.send_request(request).await,
            None => return Ok(None),
        };
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(_) if *kept => {
                *kept = false;
                self.connection = None;
                Ok(None)
            }
            Err(error) => Err(Failure::again("the call broke off", &error)),
        }
    }

    fn request(&self, signal: Signal, message: &Bytes) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::post("/").header(USER_AGENT, &self.user_agent);
        let mut body = message.clone();
        request = match self.endpoint.protocol {
            Protocol::Http => request
                .uri(format!("{}{}", self.endpoint.path, signal.path()))
                .header(HOST, &self.authority)
                .header(CONTENT_TYPE, "application/x-protobuf"),
            Protocol::Grpc => {
                body = framed(message);
                let scheme = if self.endpoint.tls.is_some() { "https" } else { "http" };
                request
                    .uri(format!("{scheme}://{}{}", self.authority, signal.call()))
                    .header(CONTENT_TYPE, "application/grpc")
                    .header("te", "trailers")
                    .header(
                        "grpc-timeout",
                        format!("{}m", self.timeout.as_millis().min(99_999_999)),
                    )
            }
        };
        for (name, value) in &self.endpoint.headers {
            request = request.header(name, value);
        }
        let wrong = |error: http::Error| Failure::Refused(format!("no request: {error}"));
        request.body(Full::new(body)).map_err(wrong)
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let to = (self.endpoint.host.as_str(), self.endpoint.port);
        let socket = TcpStream::connect(to).await;
        let socket = socket.map_err(|error| Failure::again("no connection", &error))?;
        // One message is one write: waiting for more would gain nothing.
        let _ = socket.set_nodelay(true);
        match &self.endpoint.tls {
            None => self.handshake(socket).await,
            Some(tls) => {
                let connector = TlsConnector::from(Arc::clone(&tls.config));
                let stream = connector.connect(tls.name.clone(), socket).await;
                let stream = stream.map_err(|error| Failure::again("no TLS", &error))?;
                self.handshake(stream).await
            }
        }
    }

    async fn handshake(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Connection, Failure> {
        let failed = |error: hyper::Error| Failure::again("no HTTP", &error);
        let stream = TokioIo::new(stream);
        // How a connection ends is learned from the calls on it.
        Ok(match self.endpoint.protocol {
            Protocol::Http => {
                let (to, driver) = http1::handshake(stream).await.map_err(failed)?;
                tokio::spawn(async move { drop(driver.await) });
                Connection::Http1(to)
            }
            Protocol::Grpc => {
                let shaken = http2::handshake(TokioExecutor::new(), stream).await;
                let (to, driver) = shaken.map_err(failed)?;
                tokio::spawn(async move { drop(driver.await) });
                Connection::Http2(to)
            }
        })
    }

    async fn answer(
        &self,
        signal: Signal,
        answer: Response<Incoming>,
    ) -> Result<(u64, String), Failure> {
        let (head, body) = answer.into_parts();
        let read = Limited::new(body, MAX_ANSWER).collect().await;
        let read = read.map_err(|error| Failure::again("the answer broke off", &error))?;
        let trailers = read.trailers().cloned().unwrap_or_default();
        let body = read.to_bytes();
        match self.endpoint.protocol {
            Protocol::Http => http_verdict(head.status, &head.headers)?,
            Protocol::Grpc => grpc_verdict(head.status, &head.headers, &trailers)?,
        }
        let prefix = if self.endpoint.protocol == Protocol::Grpc { GRPC_PREFIX } else { 0 };
        Ok(signal.rejected(body.get(prefix..).unwrap_or_default()))
    }
}

/// A message as gRPC frames it, not compressed.
fn framed(message: &Bytes) -> Bytes {
    let mut framed = BytesMut::with_capacity(GRPC_PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// The meaning of a status, by OTLP/HTTP's list of those that are worth another try.
fn http_verdict(status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
    let after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    match status.as_u16() {
        200..=299 => Ok(()),
        429 | 502 | 503 | 504 => {
            Err(Failure::Again(format!("answered {status}"), after.map(Duration::from_secs)))
        }
        _ => Err(Failure::Refused(format!("answered {status}"))),
    }
}

/// The meaning of a gRPC status, by OTLP's list. It is in the trailers, or in the head of a
/// response without trailers. The collector's own message is left out, because it may repeat the
/// sent data.
fn grpc_verdict(
    status: StatusCode,
    headers: &HeaderMap,
    trailers: &HeaderMap,
) -> Result<(), Failure> {
    let told = trailers.get("grpc-status").or_else(|| headers.get("grpc-status"));
    let Some(code) = told.and_then(|code| code.to_str().ok()?.parse::<u8>().ok()) else {
        // Something on the way that speaks no gRPC.
        http_verdict(status, headers)?;
        return Err(Failure::Refused("answered without a gRPC status".to_owned()));
    };
    match code {
        0 => Ok(()),
        // Cancelled, deadline exceeded, resource exhausted, aborted, out of range, unavailable,
        // data loss.
        1 | 4 | 8 | 10 | 11 | 14 | 15 => {
            Err(Failure::Again(format!("answered gRPC status {code}"), None))
        }
        _ => Err(Failure::Refused(format!("answered gRPC status {code}"))),
    }
}

#[cfg(test)]
mod tests;
