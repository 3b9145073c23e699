//! WebSockets over HTTP/2: what its handshake says otherwise than HTTP/1.1's (RFC 8441).

use super::head::{Malformed, put_field};
use crate::http1::Known;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Response;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// The text that a key is hashed with (RFC 6455 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A key for a handshake over HTTP/1.1: sixteen bytes in base64, from `random` numbers.
pub(crate) fn websocket_key(mut random: impl FnMut() -> u64) -> String {
    BASE64_STANDARD.encode([random().to_be_bytes(), random().to_be_bytes()].concat())
}

/// The `Sec-WebSocket-Accept` for a client that sent `key` over HTTP/1.1; HTTP/2 has neither (RFC
/// 8441 5).
pub(super) fn accept(key: &[u8]) -> String {
    BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID].concat()))
}

/// An endpoint's agreement (2xx) as HTTP/1.1's 101.
pub(super) fn opened_text(response: &Response<()>, accept: &str) -> Result<Vec<u8>, Malformed> {
    let mut text = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n".to_vec();
    put_field(&mut text, b"Upgrade", b"websocket")?;
    put_field(&mut text, b"Sec-WebSocket-Accept", accept.as_bytes())?;
    for (name, value) in response.headers() {
        let known = Known::of(name.as_str().as_bytes());
        let framing = matches!(known, Known::ContentLength | Known::TransferEncoding);
        if !framing && !known.is_hop_by_hop() && name.as_str() != "sec-websocket-accept" {
            put_field(&mut text, name.as_str().as_bytes(), value.as_bytes())?;
        }
    }
    text.extend_from_slice(b"\r\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{accept, opened_text, websocket_key};
    use crate::http1::{HeadLimits, RequestHead, ResponseHead, Status};
    use crate::http2::head::request;
    use http::{Method, Response};

    const LIMITS: HeadLimits = HeadLimits { bytes: 8192, fields: 50 };

    #[test]
    fn a_key_is_sixteen_bytes() {
        let key = websocket_key(|| 0x0123_4567_89ab_cdef);
        assert_eq!(key, "ASNFZ4mrze8BI0VniavN7w==");
    }

    #[test]
    fn the_answer_to_a_key_is_that_of_the_standard() {
        // The example of RFC 6455 1.3.
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_websockets_handshake_is_an_extended_connect() {
        let parsed = |line: &str, fields: &str| {
            let text = format!("{line} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n");
            let mut head = RequestHead::default();
            assert!(matches!(head.parse(text.as_bytes(), LIMITS), Ok(Status::Complete(()))));
            request(text.as_bytes(), &head, false).expect("fine")
        };
        let wish = "Connection: Upgrade\r\nUpgrade: WebSocket\r\n";
        let whole = format!("{wish}Sec-WebSocket-Key: AA==\r\nSec-WebSocket-Version: 13\r\n");
        let connect = parsed("GET /chat", &whole);
        assert_eq!((connect.method(), connect.uri().path()), (&Method::CONNECT, "/chat"));
        let protocol = connect.extensions().get::<h2::ext::Protocol>();
        assert_eq!(protocol.map(h2::ext::Protocol::as_str), Some("websocket"));
        let names: Vec<&str> = connect.headers().keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, ["sec-websocket-version"]);
        // What is no handshake is a request like any other.
        assert_eq!(parsed("GET /chat", wish).method(), Method::GET);
        assert_eq!(parsed("POST /chat", &whole).method(), Method::POST);
        let other = whole.replace("WebSocket\r", "shout\r");
        assert_eq!(parsed("GET /chat", &other).method(), Method::GET);
    }

    #[test]
    fn an_agreement_switches_protocols_and_frames_nothing() {
        let answer = Response::builder()
            .header("sec-websocket-protocol", "agent.v1")
            .header("sec-websocket-accept", "of another key")
            .header("content-length", "5")
            .body(())
            .expect("an answer");
        let text = opened_text(&answer, "a-key").expect("fine");
        let Ok(Status::Complete(head)) = ResponseHead::parse(&text, false, LIMITS, Vec::new())
        else {
            panic!("not accepted")
        };
        assert_eq!((head.status, head.len), (101, text.len()));
        assert_eq!(head.field(&text, "sec-websocket-accept"), Some(&b"a-key"[..]));
        assert_eq!(head.field(&text, "sec-websocket-protocol"), Some(&b"agent.v1"[..]));
        assert_eq!(head.field(&text, "content-length"), None);
    }
}
