//! The forwarded head: the received fields, without those of the connection, plus the proxy's own.
//! Runs of untouched fields are copied unchanged, order and case included.

use super::field::{Field, Known};
use super::forwarded::append_elements;
use super::head::BodyLength;
use super::request::RequestHead;
use super::response::ResponseHead;
use crate::spelling;
use crate::trace::{Onward, write_baggage};
use stagegate_flags::FlagsSent;
use stagegate_settings::RequestChanges;

/// The forwarding facts that hold for all requests of one client connection.
#[derive(Debug)]
pub(crate) struct Forwarding {
    /// The client's address as text.
    pub(crate) peer: String,
    /// `for=` value of `Forwarded`: quoted and bracketed for IPv6 (RFC 7239 6).
    pub(crate) peer_node: String,
    /// Keep the client's own forwarding fields and append to them.
    pub(crate) keep_client_values: bool,
    /// This proxy's `Via` pseudonym.
    pub(crate) via: std::sync::Arc<str>,
    /// `http`, or `https` where the client speaks TLS.
    pub(crate) proto: &'static str,
    /// The client speaks HTTP/2.
    pub(crate) http2: bool,
    /// The client is one of the trusted proxies.
    pub(crate) trusted: bool,
    /// The queue of a killed workload sends the request: it goes to stable, under its own id.
    pub(crate) resent: bool,
    /// There are trusted proxies, so that the word of others counts for nothing.
    pub(crate) has_trusted: bool,
}

/// The proxy's own facts about one forwarded request.
pub(crate) struct ForwardTo<'a> {
    pub(crate) request_id: &'a str,
    /// The client's own id of the request, where it is not the request's.
    pub(crate) client_request_id: Option<&'a str>,
    pub(crate) arm: &'a str,
    pub(crate) release: &'a str,
    pub(crate) epoch: u64,
    /// Value of `Host`.
    pub(crate) host: &'a str,
    /// Still wait for `100 Continue` upstream; false once the proxy said it itself.
    pub(crate) expect: bool,
    /// What makes the request one of its release.
    pub(crate) changes: Option<&'a RequestChanges>,
    /// A member of the body is changed, so that its length is not known.
    pub(crate) edits: bool,
    /// The request's place in a trace; without it the client's own fields are forwarded unchanged.
    pub(crate) trace: Option<Onward>,
    /// Flags for the backend.
    pub(crate) flags: Option<&'a FlagsSent>,
    /// The proof that the backend got this request.
    pub(crate) proof: Option<&'a str>,
}

/// Writes the head of the request to the endpoint.
pub(crate) fn upstream_head(
    out: &mut Vec<u8>,
    head: &[u8],
    request: &RequestHead,
    from: &Forwarding,
    to: &ForwardTo<'_>,
) {
    let (method, target) = request.line(head);
    match to.changes {
        None => request_line(out, method, target, to.host),
        Some(changes) => {
            let target = release_target(changes, request.target(head));
            request_line(out, method, target.as_bytes(), to.host);
        }
    }
    passed_fields(out, head, request, from, to);
    own_fields(out, to);
    if let Some(trace) = to.trace {
        out.extend_from_slice(b"traceparent: ");
        trace.context.write(out);
        out.extend_from_slice(b"\r\n");
    }
    if to.trace.is_some() || to.flags.is_some() {
        let flags = to.flags.map_or(("", 0), |flags| (flags.baggage.as_str(), flags.members));
        write_baggage(out, request.known(head, Known::Baggage), (to.arm, to.release), flags);
    }
    out.extend_from_slice(b"\r\n");
}

/// The path and query that the endpoints of a release see.
pub(crate) fn release_target(changes: &RequestChanges, target: &str) -> String {
    let path = target.split('?').next().unwrap_or(target);
    changes.target(target, &spelling::path(path))
}

/// Returns whether a field says something of the bytes of a body: digests (RFC 9530 and the older forms). After a
/// change of the body it would be wrong.
fn is_of_bytes(name: &[u8]) -> bool {
    ["content-digest", "repr-digest", "digest", "content-md5"]
        .iter()
        .any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
}

/// The line that says what is asked for, and `Host`.
pub(crate) fn request_line(out: &mut Vec<u8>, method: &[u8], target: &[u8], host: &str) {
    put(out, &[method, b" ", target, b" HTTP/1.1\r\nHost: ", host.as_bytes(), b"\r\n"]);
}

/// The client's fields, and who it is.
pub(crate) fn passed_fields(
    out: &mut Vec<u8>,
    head: &[u8],
    request: &RequestHead,
    from: &Forwarding,
    to: &ForwardTo<'_>,
) {
    let drops = |field: &Field| to.changes.is_some_and(|it| it.drops(field.name(head)));
    let keep = |field: &Field| match field.known {
        _ if field.withheld => false,
        Known::ContentLength => !field.nominated && !to.edits,
        Known::Other if to.edits && is_of_bytes(field.name(head)) => false,
        Known::Other | Known::Trailer => !field.nominated && !drops(field),
        Known::ClientClaim => from.keep_client_values && !field.nominated && !drops(field),
        Known::Expect => to.expect,
        Known::Traceparent => to.trace.is_none() && !field.nominated,
        Known::Baggage => to.trace.is_none() && to.flags.is_none() && !field.nominated,
        Known::Tracestate => to.trace.is_none_or(|trace| trace.state) && !field.nominated,
        _ => false,
    };
    copy_fields(out, head, &request.fields, request.len, keep);
    if request.body == Some(BodyLength::Chunked) || to.edits {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    if let Some(at) = request.upgrade {
        put(out, &[b"Connection: Upgrade\r\nUpgrade: ", request.fields[at].value(head), b"\r\n"]);
    }
    if request.accepts_trailers {
        out.extend_from_slice(b"TE: trailers\r\n");
    }
    forwarding_fields(out, head, request, from);
}

/// Writes the proxy's own fields. The head is not ended.
pub(crate) fn own_fields(out: &mut Vec<u8>, to: &ForwardTo<'_>) {
    put(
        out,
        &[
            b"x-request-id: ",
            to.request_id.as_bytes(),
            b"\r\nstagegate-arm: ",
            to.arm.as_bytes(),
            b"\r\nstagegate-release: ",
            to.release.as_bytes(),
        ],
    );
    out.extend_from_slice(b"\r\nstagegate-epoch: ");
    decimal(out, to.epoch);
    out.extend_from_slice(b"\r\n");
    if let Some(flags) = to.flags.filter(|flags| !flags.field.is_empty()) {
        put(out, &[b"stagegate-flags: ", flags.field.as_bytes(), b"\r\n"]);
    }
    if let Some(proof) = to.proof {
        put(out, &[b"stagegate-request-proof: ", proof.as_bytes(), b"\r\n"]);
    }
    if let Some(id) = to.client_request_id {
        put(out, &[b"x-client-request-id: ", id.as_bytes(), b"\r\n"]);
    }
    for (name, value) in to.changes.iter().flat_map(|changes| &changes.set_headers) {
        put(out, &[name.as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
}

fn forwarding_fields(out: &mut Vec<u8>, head: &[u8], request: &RequestHead, from: &Forwarding) {
    let host = request.host_bytes(head);
    let inherited = |known| request.known(head, known).filter(|_| from.keep_client_values);
    list_field(out, b"X-Forwarded-For: ", inherited(Known::XForwardedFor), &[from.peer.as_bytes()]);
    match inherited(Known::XForwardedProto).next() {
        Some(value) => put(out, &[b"X-Forwarded-Proto: ", value, b"\r\n"]),
        None => put(out, &[b"X-Forwarded-Proto: ", from.proto.as_bytes(), b"\r\n"]),
    }
    match inherited(Known::XForwardedHost).next() {
        Some(value) => put(out, &[b"X-Forwarded-Host: ", value, b"\r\n"]),
        None if host.is_empty() => {}
        None => put(out, &[b"X-Forwarded-Host: ", host, b"\r\n"]),
    }
    let (node, proto) = (from.peer_node.as_bytes(), from.proto.as_bytes());
    out.extend_from_slice(b"Forwarded: ");
    inherited(Known::Forwarded).for_each(|value| append_elements(out, value));
    if host.is_empty() {
        put(out, &[b"for=", node, b";proto=", proto, b"\r\n"]);
    } else {
        put(out, &[b"for=", node, b";host=\"", host, b"\";proto=", proto, b"\r\n"]);
    }
    let version: &[u8] = match (from.http2, request.http_11) {
        (true, _) => b"2.0 ",
        (false, true) => b"1.1 ",
        (false, false) => b"1.0 ",
    };
    list_field(out, b"Via: ", request.known(head, Known::Via), &[version, from.via.as_bytes()]);
}

/// Writes one list field: the earlier members, then our own.
fn list_field<'a>(
    out: &mut Vec<u8>,
    name: &[u8],
    earlier: impl Iterator<Item = &'a [u8]>,
    own: &[&[u8]],
) {
    out.extend_from_slice(name);
    for value in earlier.filter(|value| !value.is_empty()) {
        put(out, &[value, b", "]);
    }
    put(out, own);
    out.extend_from_slice(b"\r\n");
}

/// The framing of the response to the client.
pub(crate) struct ResponseFraming<'a> {
    pub(crate) request_id: &'a str,
    /// The body is sent chunked.
    pub(crate) chunked: bool,
    /// The connection is closed after the answer.
    pub(crate) close: bool,
    /// The client speaks HTTP/1.1.
    pub(crate) http_11: bool,
    /// The answer switches protocols.
    pub(crate) upgrade: bool,
}

/// Writes the head of the answer to the client; `answer` is `None` for interim (1xx) answers.
pub(crate) fn client_head(
    out: &mut Vec<u8>,
    head: &[u8],
    response: &ResponseHead,
    answer: Option<&ResponseFraming<'_>>,
) {
    // A status has three digits, or it was refused.
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, response.status.into());
    put(out, &[b" ", response.reason(head), b"\r\n"]);
    let no_length = response.status < 200 || response.status == 204;
    let keep = |field: &Field| match field.known {
        Known::ContentLength => !no_length && !field.nominated,
        Known::TransferEncoding | Known::RequestId | Known::Stagegate | Known::StagegateForce => {
            false
        }
        known => !known.is_hop_by_hop() && !field.nominated,
    };
    copy_fields(out, head, &response.fields, response.len, keep);
    let Some(answer) = answer else {
        out.extend_from_slice(b"\r\n");
        return;
    };
    put(out, &[b"x-request-id: ", answer.request_id.as_bytes(), b"\r\n"]);
    if answer.upgrade {
        let protocol = response.fields.iter().find(|field| field.known == Known::Upgrade);
        let protocol = protocol.map_or(&b"websocket"[..], |field| field.value(head));
        put(out, &[b"Connection: Upgrade\r\nUpgrade: ", protocol, b"\r\n"]);
    } else if answer.close {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if !answer.http_11 {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    if answer.chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Copies the lines of the fields that `keep` wants, neighbours in one piece.
fn copy_fields(
    out: &mut Vec<u8>,
    head: &[u8],
    fields: &[Field],
    len: usize,
    keep: impl Fn(&Field) -> bool,
) {
    let mut run: Option<usize> = None;
    for field in fields {
        match (keep(field), run) {
            (true, None) => run = Some(field.start()),
            (false, Some(start)) => {
                out.extend_from_slice(&head[start..field.start()]);
                run = None;
            }
            _ => {}
        }
    }
    if let Some(start) = run {
        out.extend_from_slice(&head[start..len - 2]);
    }
}

fn decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests;
