//! The start of a connection, before any request: PROXY header, TLS, the client's identity and the
//! HTTP version.

use super::conn_context::ConnContext;
use crate::http1::Forwarding;
use crate::tls::{H2, Names};
use crate::transport::{Arrival, Conn, ListenerState, Peer, Plain, Resends, proxy_header};
use crate::watch::Watched;
use crate::worker::Worker;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::io::AsyncReadExt as _;
use tokio_rustls::{TlsAcceptor, TlsStream};

/// A connection that is ready for its first request.
pub(super) struct Welcomed {
    pub(super) conn: Conn,
    pub(super) context: ConnContext,
    pub(super) http2: Http2,
}

/// The HTTP version of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Http2 {
    /// It was agreed on in the handshake.
    Agreed,
    /// It is if it begins with HTTP/2's preface.
    Allowed,
    /// It never is.
    Off,
}

/// Reads the PROXY header and does the TLS handshake, within the time limit of a request head. On
/// failure returns the reason to count; the connection is closed.
pub(super) async fn welcome(
    worker: &Worker,
    arrival: Arrival,
    watch: &Watched,
) -> Result<Welcomed, Option<&'static str>> {
    let Arrival { socket, peer, listener, begun } = arrival;
    let mut plain = socket.into_plain().map_err(|error| {
        tracing::warn!(%error, "cannot serve a connection");
        None
    })?;
    plain.put_back(begun.read);
    watch.set(worker.shared.settings.load().limits.header_timeout);
    let mut client = peer;
    if listener.proxy_protocol {
        if !is_trusted(worker, peer) {
            return Err(Some("proxy_protocol"));
        }
        let named = in_time(watch, read_proxy_header(&mut plain)).await;
        client = named.ok_or(Some("proxy_protocol"))?.unwrap_or(peer);
    }
    let conn = match &listener.tls {
        None => Conn::Plain(plain),
        Some(tls) => {
            let config = Arc::clone(&tls.load().config);
            let handshake = TlsAcceptor::from(config).accept(plain);
            let stream = in_time(watch, handshake).await.ok_or(Some("tls_handshake"))?;
            Conn::Tls(Box::new(TlsStream::Server(stream)))
        }
    };
    let http2 = spoken(&listener, &conn);
    let names = match &conn {
        Conn::Plain(_) => None,
        Conn::Tls(tls) => {
            tls.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(Names::of)
        }
    };
    let secure = listener.tls.is_some() || listener.resends == Some(Resends::Secure);
    let mut forwarding = forwarding(worker, client, secure);
    forwarding.resent = listener.resends.is_some();
    Ok(Welcomed { conn, context: ConnContext { forwarding, names }, http2 })
}

fn spoken(listener: &ListenerState, conn: &Conn) -> Http2 {
    match conn {
        Conn::Tls(_) if conn.alpn() == Some(H2) => Http2::Agreed,
        Conn::Plain(_) if listener.http2 => Http2::Allowed,
        _ => Http2::Off,
    }
}

/// The outcome of `what`, or nothing when it fails or takes too long.
pub(super) async fn in_time<T>(
    watch: &Watched,
    what: impl Future<Output = io::Result<T>>,
) -> Option<T> {
    let mut what = std::pin::pin!(what);
    poll_fn(|cx| match what.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(done.ok()),
        Poll::Pending if watch.poll_due(cx) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Reads a PROXY header; bytes behind it are put back.
async fn read_proxy_header(plain: &mut Plain) -> io::Result<Option<Peer>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(header) = proxy_header(&bytes).map_err(io::Error::other)? {
            plain.put_back(bytes.split_off(header.len));
            return Ok(header.source.map(Peer::from));
        }
        let mut pinned = Pin::new(&mut *plain);
        if pinned.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Returns whether a peer's word for its clients counts. Who reaches a Unix socket was let in by
/// the file's permissions.
fn is_trusted(worker: &Worker, peer: Peer) -> bool {
    match peer {
        Peer::Ip(ip) => worker.shared.settings.load().trusts(ip),
        Peer::Local => true,
    }
}

pub(super) fn forwarding(worker: &Worker, client: Peer, secure: bool) -> Forwarding {
    let settings = worker.shared.settings.load();
    let (peer, peer_node, keep_client_values) = match client {
        Peer::Ip(ip) => {
            let node = match ip {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("\"[{ip}]\""),
            };
            (ip.to_string(), node, settings.keeps_forwarded(Some(ip)))
        }
        // RFC 7239 6.2.
        Peer::Local => ("unknown".into(), "unknown".into(), settings.keeps_forwarded(None)),
    };
    Forwarding {
        peer,
        peer_node,
        keep_client_values,
        via: Arc::clone(&worker.shared.via),
        proto: if secure { "https" } else { "http" },
        http2: false,
        resent: false,
        trusted: is_trusted(worker, client),
        has_trusted: !settings.trusted_proxies.is_empty(),
    }
}
