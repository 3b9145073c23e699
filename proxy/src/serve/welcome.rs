//! The first bytes of a connection: who the client is and what is spoken, before any request.

use super::conn_context::ConnContext;
use crate::http1::Forwarding;
use crate::tls::{H2, Names};
use crate::transport::{Arrival, Door, Peer, Plain, Wire, proxy_header};
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

/// A client that may begin to ask.
pub(super) struct Welcomed {
    pub(super) wire: Wire,
    pub(super) context: ConnContext,
    pub(super) http2: Http2,
}

/// Whether the connection is an HTTP/2 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Http2 {
    /// It was agreed on in the handshake.
    Agreed,
    /// It is if it begins with HTTP/2's preface.
    Allowed,
    /// It never is.
    Off,
}

/// Lets a connection in, within the time a request head may take. A connection that is not let in
/// is closed; the reason it is counted under is given.
pub(super) async fn welcome(
    worker: &Worker,
    arrival: Arrival,
    watch: &Watched,
) -> Result<Welcomed, Option<&'static str>> {
    let Arrival { socket, peer, door, begun } = arrival;
    let mut plain = socket.into_plain().map_err(|error| {
        tracing::warn!(%error, "connection cannot be served");
        None
    })?;
    plain.put_back(begun.read);
    watch.set(worker.shared.settings.load().limits.header_timeout);
    let mut client = peer;
    if door.proxy_protocol {
        if !is_trusted(worker, peer) {
            return Err(Some("proxy_protocol"));
        }
        let named = in_time(watch, read_proxy_header(&mut plain)).await;
        client = named.ok_or(Some("proxy_protocol"))?.unwrap_or(peer);
    }
    let wire = match &door.tls {
        None => Wire::Plain(plain),
        Some(tls) => {
            let config = Arc::clone(&tls.load().config);
            let handshake = TlsAcceptor::from(config).accept(plain);
            let stream = in_time(watch, handshake).await.ok_or(Some("tls_handshake"))?;
            Wire::Tls(Box::new(TlsStream::Server(stream)))
        }
    };
    let http2 = spoken(&door, &wire);
    let names = match &wire {
        Wire::Plain(_) => None,
        Wire::Tls(tls) => {
            tls.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(Names::of)
        }
    };
    let forwarding = forwarding(worker, client, door.tls.is_some());
    Ok(Welcomed { wire, context: ConnContext { forwarding, names }, http2 })
}

fn spoken(door: &Door, wire: &Wire) -> Http2 {
    match wire {
        Wire::Tls(_) if wire.alpn() == Some(H2) => Http2::Agreed,
        Wire::Plain(_) if door.http2 => Http2::Allowed,
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

/// Whether a peer's word for its clients counts. Who reaches a Unix socket was let in by the file's
/// permissions.
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
        trusted: is_trusted(worker, client),
    }
}
