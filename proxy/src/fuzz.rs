//! Properties of what the data plane reads from strangers, for fuzzing. Each takes any bytes and
//! panics when the property does not hold.

use crate::http1::{
    BodyLength, BodyReader, ForwardTo, Forwarding, HeadLimits, Piece, RequestHead, ResponseHead,
    Status, upstream_head,
};
use crate::identity::{Jwt, JwtCache, Moment, string_at};
use crate::trace::{Onward, given};

const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 100 };

/// A request that is accepted is forwarded as exactly one request that the same strict rules
/// accept, with the same method, target and framing, and nothing of the connection's own.
///
/// # Panics
/// When that does not hold.
pub fn request(bytes: &[u8]) {
    let mut head = RequestHead::default();
    let Ok(Status::Complete(())) = head.parse(bytes, LIMITS) else { return };
    let from = Forwarding {
        peer: "192.0.2.9".to_owned(),
        peer_node: "192.0.2.9".to_owned(),
        keep_client_values: true,
        via: "stagegate-1".into(),
        http2: false,
        resent: false,
        trusted: false,
        has_trusted: false,
        proto: "http",
    };
    let to = ForwardTo {
        request_id: "r-1",
        client_request_id: None,
        arm: "stable",
        release: "v1",
        epoch: 1,
        host: "backend:80",
        expect: head.expects_continue,
        changes: None,
        edits: false,
        flags: None,
        proof: None,
        trace: given(bytes, &head).map(|context| Onward { context, state: true }),
    };
    let mut out = Vec::new();
    upstream_head(&mut out, bytes, &head, &from, &to);

    let mut again = RequestHead::default();
    let wide = HeadLimits { bytes: out.len() + 1, fields: 200 };
    let parsed = again.parse(&out, wide);
    assert!(matches!(parsed, Ok(Status::Complete(()))), "forwarded head is refused: {parsed:?}");
    assert_eq!(again.len, out.len(), "bytes after the forwarded head: a second request");
    assert_eq!(again.method(&out), head.method(bytes));
    assert_eq!(again.target(&out), head.target(bytes));
    assert_eq!(again.host(&out), "backend:80");
    assert_eq!(again.body, head.body, "the backend would end the body elsewhere");
    assert_eq!(again.upgrade.is_some(), head.upgrade.is_some());
    assert!(again.field(&out, "keep-alive").is_none());
    assert!(again.field(&out, "proxy-connection").is_none());
    if let Some(length) = head.body {
        body(length, &bytes[head.len..]);
    }
}

/// An answer's framing is the same however its head arrives, and its body's however it is cut.
///
/// # Panics
/// When that does not hold.
pub fn response(bytes: &[u8]) {
    for to_head in [false, true] {
        let Ok(Status::Complete(head)) = ResponseHead::parse(bytes, to_head, LIMITS, Vec::new())
        else {
            continue;
        };
        assert!((100..=599).contains(&head.status));
        assert!(!to_head || head.body == BodyLength::None);
        let early = ResponseHead::parse(&bytes[..head.len - 1], to_head, LIMITS, Vec::new());
        assert!(!matches!(early, Ok(Status::Complete(_))), "complete before its last byte");
        body(head.body, &bytes[head.len..]);
    }
}

/// A chunked body decodes to the same bytes wherever the network cuts it.
///
/// # Panics
/// When that does not hold.
pub fn chunked(bytes: &[u8]) {
    body(BodyLength::Chunked, bytes);
}

/// A JSON pointer finds what a full parse finds.
///
/// # Panics
/// When that does not hold.
pub fn json_pointer(bytes: &[u8]) {
    const POINTERS: [&str; 4] = ["/metadata/user_id", "/a/0/b", "/x~1y", "/id"];
    let document: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    for pointer in POINTERS {
        let found = string_at(bytes, pointer);
        let Some(document) = &document else { continue };
        let expected = match document.pointer(pointer) {
            Some(serde_json::Value::String(text)) => Some(text.clone()),
            Some(serde_json::Value::Number(number)) => number
                .as_u64()
                .map(|n| n.to_string())
                .or_else(|| number.as_i64().map(|n| n.to_string())),
            _ => None,
        };
        // Neither an empty text is an id, nor a long one, nor one with control characters.
        let expected = expected
            .filter(|id| (1..=256).contains(&id.len()) && !id.chars().any(char::is_control));
        assert_eq!(found, expected, "{pointer} in {document}");
    }
}

/// An unsigned token has no claims.
///
/// # Panics
/// When that does not hold.
pub fn bearer_token(jwt: &Jwt, header: &[u8]) {
    let now = Moment { unix_s: 1_700_000_000, monotonic_ms: 0 };
    let claims = JwtCache::default().claims(jwt, header, now);
    assert!(claims.is_none(), "an unsigned token was believed");
}

/// A decoded body, and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    data: Vec<u8>,
    trailers: Vec<u8>,
    end: Result<bool, String>,
    rest: usize,
}

fn decode<'a>(length: BodyLength, pieces: impl Iterator<Item = &'a [u8]>) -> Decoded {
    let mut reader = BodyReader::new(length);
    let mut decoded = Decoded { data: Vec::new(), trailers: Vec::new(), end: Ok(false), rest: 0 };
    for mut piece in pieces {
        while decoded.end == Ok(false) {
            match reader.read(&mut piece) {
                Ok(Piece::Data(data)) => decoded.data.extend_from_slice(data),
                Ok(Piece::ChunkStart(_) | Piece::ChunkEnd) => {}
                Ok(Piece::Trailers) => decoded.trailers = reader.trailers().to_vec(),
                Ok(Piece::End) => decoded.end = Ok(true),
                Ok(Piece::More) => break,
                Err(error) => decoded.end = Err(error.to_string()),
            }
        }
        decoded.rest += piece.len();
    }
    decoded
}

fn body(length: BodyLength, bytes: &[u8]) {
    let whole = decode(length, std::iter::once(bytes));
    for size in [1, 2, 7] {
        let mut cut = decode(length, bytes.chunks(size).chain(std::iter::once(&b""[..])));
        if whole.end.is_err() {
            // How far the input was looked at before the error was seen is nobody's business.
            cut.rest = whole.rest;
        }
        assert_eq!(cut, whole, "cut every {size} bytes");
    }
    if whole.end == Ok(true) && length == BodyLength::Chunked {
        assert!(!whole.trailers.windows(4).any(|w| w == b"\r\n\r\n"));
    }
}
