//! Heads in both notations, without any IO.
//!
//! Malformed fields that HTTP/1.1 cannot express (a line end inside a value) are refused here. The
//! HTTP/1.1 parser that reads the result checks all else (RFC 9113 8.2, 8.3).

use crate::http1::{BodyLength, Known, RequestHead, ResponseHead};
use h2::ext::Protocol;
use http::header::{
    CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, TE, TRAILER,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, uri};

/// The framing of a body in HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// No body.
    None,
    /// As it is; its length is in the head.
    Counted,
    /// Chunked.
    Chunked,
    /// As it is, until the end: bytes of another protocol.
    Tunnel,
}

/// A head that has no counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(super) &'static str);

/// A client's request as HTTP/1.1. `ends`: it has no body. `key` makes one for a WebSocket's
/// handshake, which has a key in HTTP/1.1 and none in HTTP/2 (RFC 8441 5).
pub(super) fn request_text(
    request: &Request<()>,
    ends: bool,
    key: impl FnOnce() -> String,
) -> Result<(Vec<u8>, Framing), Malformed> {
    let (uri, fields) = (request.uri(), request.headers());
    let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
    let websocket = request.method() == Method::CONNECT && protocol == Some("websocket");
    let method = if websocket { "GET" } else { request.method().as_str() };
    let plain_connect = request.method() == Method::CONNECT && !websocket;
    let target = match (plain_connect, uri.path_and_query()) {
        // Whatever it is, it is not served; the HTTP/1.1 parser says so.
        (true, _) => uri.authority().map_or("*", uri::Authority::as_str),
        (false, Some(target)) => target.as_str(),
        (false, None) => return Err(Malformed("no :path")),
    };
    if !target.bytes().all(|b| b > b' ' && b != 0x7f) {
        return Err(Malformed("invalid :path"));
    }
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    if uri.authority().is_some() && !plain_connect && !is_web {
        return Err(Malformed("a :scheme that is not the web's"));
    }
    let mut text = Vec::with_capacity(256);
    put(&mut text, &[method.as_bytes(), b" ", target.as_bytes(), b" HTTP/1.1\r\n"]);
    let authority = uri.authority().map(uri::Authority::as_str);
    if let Some(authority) = authority {
        put_field(&mut text, b"Host", authority.as_bytes())?;
    }
    let chunked = !ends && (!fields.contains_key(CONTENT_LENGTH) || fields.contains_key(TRAILER));
    let mut cookies = Vec::new();
    for (name, value) in fields {
        let same = |it: &str| value.as_bytes().eq_ignore_ascii_case(it.as_bytes());
        match Known::of(name.as_str().as_bytes()) {
            Known::Connection
            | Known::KeepAlive
            | Known::ProxyConnection
            | Known::TransferEncoding
            | Known::Upgrade => return Err(Malformed("a field about one connection")),
            Known::Te if !same("trailers") => return Err(Malformed("te is not trailers")),
            // A second one that differs is for the parser to refuse.
            Known::Host if authority.is_some_and(same) => {}
            Known::ContentLength if chunked || websocket => {}
            Known::Other if *name == COOKIE => {
                // RFC 9113 8.2.3: crumbs are one field in HTTP/1.1.
                let joint: &[u8] = if cookies.is_empty() { b"" } else { b"; " };
                put(&mut cookies, &[joint, value.as_bytes()]);
            }
            Known::Other if websocket && *name == SEC_WEBSOCKET_KEY => {}
            _ => put_field(&mut text, name.as_str().as_bytes(), value.as_bytes())?,
        }
    }
    if !cookies.is_empty() {
        put_field(&mut text, b"cookie", &cookies)?;
    }
    let framing = match (websocket, ends, chunked) {
        (true, _, _) => {
            let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ";
            put(&mut text, &[handshake.as_bytes(), key().as_bytes(), b"\r\n"]);
            Framing::Tunnel
        }
        (false, true, _) => Framing::None,
        (false, false, true) => {
            text.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            Framing::Chunked
        }
        (false, false, false) => Framing::Counted,
    };
    text.extend_from_slice(b"\r\n");
    Ok((text, framing))
}

/// An answer in HTTP/1.1 as one in HTTP/2. `websocket`: 101 means that the tunnel is open.
pub(super) fn response(
    head: &[u8],
    parsed: &ResponseHead,
    websocket: bool,
) -> Result<Response<()>, Malformed> {
    let invalid = Malformed("a response that HTTP/2 cannot express");
    let status = if websocket && parsed.status == 101 { 200 } else { parsed.status };
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).map_err(|_| invalid)?;
    for field in &parsed.fields {
        if field.known.is_hop_by_hop() || field.known == Known::TransferEncoding {
            continue;
        }
        let name = HeaderName::from_bytes(field.name(head)).map_err(|_| invalid)?;
        if websocket && name == "sec-websocket-accept" {
            continue;
        }
        let mut value = HeaderValue::from_bytes(field.value(head)).map_err(|_| invalid)?;
        // No two are the same: each would push another field out of the connection's table
        // (RFC 7541 7.1.3: never indexed).
        value.set_sensitive(field.known == Known::RequestId);
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

/// A request in HTTP/1.1 as one in HTTP/2; a WebSocket's handshake as an extended CONNECT (RFC 8441 4).
pub(super) fn request(
    head: &[u8],
    parsed: &RequestHead,
    secure: bool,
) -> Result<Request<()>, Malformed> {
    let invalid = Malformed("a request that HTTP/2 cannot express");
    let mut parts = uri::Parts::default();
    parts.scheme = Some(if secure { uri::Scheme::HTTPS } else { uri::Scheme::HTTP });
    parts.authority = Some(parsed.host(head).parse().map_err(|_| invalid)?);
    parts.path_and_query = Some(parsed.target(head).parse().map_err(|_| invalid)?);
    let mut request = Request::new(());
    let websocket = parsed.wants_websocket(head);
    if websocket {
        *request.method_mut() = Method::CONNECT;
        request.extensions_mut().insert(Protocol::from_static("websocket"));
    } else {
        *request.method_mut() = parsed.method(head).parse().map_err(|_| invalid)?;
    }
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| invalid)?;
    *request.version_mut() = http::Version::HTTP_2;
    for field in &parsed.fields {
        let about_the_connection = field.known.is_hop_by_hop() || field.nominated;
        if about_the_connection || matches!(field.known, Known::Host | Known::TransferEncoding) {
            continue;
        }
        let name = HeaderName::from_bytes(field.name(head)).map_err(|_| invalid)?;
        if websocket && name == SEC_WEBSOCKET_KEY {
            continue;
        }
        let value = HeaderValue::from_bytes(field.value(head)).map_err(|_| invalid)?;
        request.headers_mut().append(name, value);
    }
    if parsed.accepts_trailers {
        request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    }
    Ok(request)
}

/// An endpoint's answer as HTTP/1.1. `ends`: it has no body; `to_head`: it answers a `HEAD`.
pub(super) fn response_text(
    response: &Response<()>,
    ends: bool,
    to_head: bool,
) -> Result<(Vec<u8>, Framing), Malformed> {
    let (status, fields) = (response.status(), response.headers());
    if status == StatusCode::SWITCHING_PROTOCOLS {
        // RFC 9113 8.6: it would open a tunnel that nobody asked for.
        return Err(Malformed("101 over HTTP/2"));
    }
    let bodiless = to_head || status.is_informational() || matches!(status.as_u16(), 204 | 304);
    let counted = fields.contains_key(CONTENT_LENGTH) && !fields.contains_key(TRAILER);
    let mut text = Vec::with_capacity(256);
    let reason = status.canonical_reason().unwrap_or("");
    put(&mut text, &[b"HTTP/1.1 ", status.as_str().as_bytes(), b" ", reason.as_bytes(), b"\r\n"]);
    for (name, value) in fields {
        let known = Known::of(name.as_str().as_bytes());
        let about_the_connection = known.is_hop_by_hop() || known == Known::TransferEncoding;
        let uncounted = known == Known::ContentLength && !counted && !bodiless;
        if about_the_connection || uncounted || *name == HOST {
            continue;
        }
        put_field(&mut text, name.as_str().as_bytes(), value.as_bytes())?;
    }
    let framing = match (bodiless, counted) {
        (true, _) => Framing::None,
        (false, true) if ends => Framing::None,
        (false, true) => Framing::Counted,
        // Also without a body: an end that is said, not one that is guessed.
        (false, false) => Framing::Chunked,
    };
    if framing == Framing::Chunked {
        text.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    text.extend_from_slice(b"\r\n");
    Ok((text, framing))
}

/// Trailers as the end of a chunked body.
pub(super) fn trailers_text(trailers: Option<&HeaderMap>) -> Result<Vec<u8>, Malformed> {
    let mut text = b"0\r\n".to_vec();
    for (name, value) in trailers.into_iter().flatten() {
        put_field(&mut text, name.as_str().as_bytes(), value.as_bytes())?;
    }
    text.extend_from_slice(b"\r\n");
    Ok(text)
}

/// A checked trailer section as HTTP/2 fields.
pub(super) fn trailers(section: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in section.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            map.append(name, value);
        }
    }
    map
}

/// Returns whether a request in HTTP/1.1 has a body.
pub(super) fn has_body(parsed: &RequestHead) -> bool {
    !matches!(parsed.body, None | Some(BodyLength::None))
}

/// Appends a field line. RFC 9113 8.2.1: no line end or NUL anywhere, no space at either end.
pub(super) fn put_field(text: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
    let is_edge = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    if value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0))
        || is_edge(value.first())
        || is_edge(value.last())
    {
        return Err(Malformed("invalid field value"));
    }
    put(text, &[name, b": ", value, b"\r\n"]);
    Ok(())
}

fn put(text: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| text.extend_from_slice(part));
}

#[cfg(test)]
mod tests {
    use super::trailers_text;
    use super::{Framing, Malformed, request, request_text, response, response_text, trailers};
    use crate::http1::{HeadLimits, RequestHead, ResponseHead, Status};
    use http::{Method, Request, Response};

    const LIMITS: HeadLimits = HeadLimits { bytes: 8192, fields: 50 };

    fn of(method: &str, uri: &str, fields: &[(&str, &str)]) -> Request<()> {
        let mut builder = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        builder.body(()).expect("a request")
    }

    fn text(request: &Request<()>, ends: bool) -> Result<(String, Framing), Malformed> {
        let (text, framing) = request_text(request, ends, || "KEY==".to_owned())?;
        Ok((String::from_utf8(text).expect("ascii"), framing))
    }

    /// Returns whether the strict parser takes what the translation says.
    fn accepted(request: &Request<()>, ends: bool) -> bool {
        let Ok((text, _)) = request_text(request, ends, || "KEY==".to_owned()) else {
            return false;
        };
        matches!(RequestHead::default().parse(&text, LIMITS), Ok(Status::Complete(())))
    }

    #[test]
    fn a_request_says_the_same_in_both_notations() {
        let cookies = [("cookie", "a=1"), ("x-a", "1"), ("cookie", "b=2"), ("te", "trailers")];
        assert_eq!(
            text(&of("GET", "https://a.test/p?q=1", &cookies), true),
            Ok((
                "GET /p?q=1 HTTP/1.1\r\nHost: a.test\r\nx-a: 1\r\nte: trailers\r\ncookie: a=1; b=2\r\n\r\n"
                    .into(),
                Framing::None
            ))
        );
        let sized = of("POST", "https://a.test/", &[("content-length", "3")]);
        let (head, framing) = text(&sized, false).expect("fine");
        assert!(head.contains("content-length: 3") && framing == Framing::Counted, "{head}");
        let open = of("POST", "https://a.test/", &[]);
        let (head, framing) = text(&open, false).expect("fine");
        assert!(head.contains("Transfer-Encoding: chunked") && framing == Framing::Chunked);
    }

    #[test]
    fn what_would_smuggle_is_refused_here_or_by_the_parser() {
        let url = "https://a.test/";
        for fields in [
            &[("connection", "close")][..],
            &[("transfer-encoding", "chunked")],
            &[("upgrade", "h2c")],
            &[("keep-alive", "1")],
            &[("proxy-connection", "close")],
            &[("te", "gzip")],
            &[("host", "b.test")],
            &[("content-length", "1"), ("content-length", "2")],
            &[("content-length", "+1")],
            &[("content-length", "1, 1")],
            &[("x-a", " 1")],
            &[("x-a", "1\t")],
        ] {
            assert!(!accepted(&of("POST", url, fields), false), "{fields:?}");
        }
        assert!(accepted(&of("POST", url, &[("host", "A.test")]), false));
        assert!(!accepted(&of("CONNECT", "a.test:443", &[]), false));
        assert!(!accepted(&of("TRACE", url, &[]), true));
        assert!(!accepted(&of("GET", "/no-authority", &[]), true));
        assert!(!accepted(&of("GET", "https://user@a.test/", &[]), true));
    }

    #[test]
    fn an_extended_connect_is_an_upgrade() {
        let mut connect = of("GET", "https://a.test/chat", &[("sec-websocket-version", "13")]);
        *connect.method_mut() = Method::CONNECT;
        connect.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
        let (head, framing) = text(&connect, false).expect("fine");
        assert_eq!(framing, Framing::Tunnel);
        let mut parsed = RequestHead::default();
        assert!(matches!(parsed.parse(head.as_bytes(), LIMITS), Ok(Status::Complete(()))));
        assert!(parsed.upgrade.is_some() && head.starts_with("GET /chat "), "{head}");
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\nsec-websocket-protocol: y\r\n\r\n";
        let Ok(Status::Complete(parsed)) = ResponseHead::parse(answer, false, LIMITS, Vec::new())
        else {
            panic!("not accepted")
        };
        let answer = response(answer, &parsed, true).expect("fine");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers().len(), 1, "{:?}", answer.headers());
    }

    #[test]
    fn an_answer_keeps_its_fields_and_gets_a_framing() {
        let of = |status: u16, fields: &[(&str, &str)]| {
            let mut builder = Response::builder().status(status);
            for (name, value) in fields {
                builder = builder.header(*name, *value);
            }
            builder.body(()).expect("an answer")
        };
        let framing = |response: &Response<()>, ends, to_head| {
            response_text(response, ends, to_head).map(|(_, framing)| framing)
        };
        let sized = of(200, &[("content-length", "3")]);
        assert_eq!(framing(&sized, false, false), Ok(Framing::Counted));
        assert_eq!(framing(&sized, true, true), Ok(Framing::None));
        assert_eq!(framing(&of(200, &[]), true, false), Ok(Framing::Chunked));
        assert_eq!(framing(&of(204, &[]), true, false), Ok(Framing::None));
        assert!(framing(&of(101, &[("upgrade", "websocket")]), true, false).is_err());
        let (text, _) =
            response_text(&of(200, &[("grpc-status", "0")]), true, false).expect("fine");
        assert_eq!(
            String::from_utf8(text).expect("ascii"),
            "HTTP/1.1 200 OK\r\ngrpc-status: 0\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
    }

    #[test]
    fn requests_and_trailers_survive_the_way_there_and_back() {
        let head = b"POST /p HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\nConnection: X-B\r\nX-B: 2\r\nTE: trailers\r\n\r\n";
        let mut parsed = RequestHead::default();
        assert!(matches!(parsed.parse(head, LIMITS), Ok(Status::Complete(()))));
        let made = request(head, &parsed, true).expect("fine");
        assert_eq!(made.uri(), "https://a.test/p");
        let names: Vec<&str> = made.headers().keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, ["x-a", "te"]);
        let section = b"grpc-status: 0\r\ngrpc-message: fine\r\n";
        let map = trailers(section);
        let expected = [&b"0\r\n"[..], section, b"\r\n"].concat();
        assert_eq!(trailers_text(Some(&map)), Ok(expected));
    }
}
