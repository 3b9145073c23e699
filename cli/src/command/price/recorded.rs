//! A recorded response: a body, or a head and a body.

use crate::client::Failure;
use stagegate_signals::{Answer, End, Protocol, Scanner, Signals, parse_usd};

/// What is known of a response beside its bytes.
pub(super) struct Known<'a> {
    pub(super) protocol: Protocol,
    /// Path of the request.
    pub(super) path: &'a str,
    pub(super) content_type: Option<&'a str>,
    pub(super) content_encoding: Option<&'a str>,
}

/// What a recorded response says.
pub(super) struct Recorded {
    pub(super) signals: Signals,
    /// The backend's own word on the cost, in nano-dollars.
    pub(super) stated: Option<u64>,
    /// Bytes of the body.
    pub(super) bytes: u64,
}

/// What a head says of its body.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    content_type: Option<String>,
    content_encoding: Option<String>,
    stated: Option<u64>,
}

impl Recorded {
    /// Reads it.
    ///
    /// # Errors
    /// When its body is of a type that states no usage.
    pub(super) fn of(bytes: &[u8], known: &Known<'_>) -> Result<Self, Failure> {
        let (head, body) = split(bytes);
        let content_type = known.content_type.or(head.content_type.as_deref());
        let content_type = content_type.unwrap_or_else(|| kind_of(body));
        let coding = known.content_encoding.or(head.content_encoding.as_deref());
        let coding = coding.unwrap_or_else(|| coding_of(body));
        let answer = Answer {
            protocol: known.protocol,
            method: b"POST",
            path: known.path,
            resumes: false,
            status: 200,
            content_type: content_type.as_bytes(),
            content_encoding: coding.as_bytes(),
        };
        let mut scanner = Scanner::new(&answer).ok_or_else(|| {
            Failure::Usage(format!(
                "a body of type `{content_type}` states no usage; JSON, server-sent events and \
                 Amazon's event streams do: name the right one with `--content-type`"
            ))
        })?;
        scanner.feed(body);
        let signals = scanner.finish(End::Complete);
        Ok(Self { signals, stated: head.stated, bytes: body.len() as u64 })
    }
}

/// The last head before the body, if there is one: `curl -i` writes those of interim answers too.
fn split(bytes: &[u8]) -> (Head, &[u8]) {
    let (mut head, mut rest) = (Head::default(), bytes);
    while rest.starts_with(b"HTTP/") {
        let crlf = memchr_of(rest, b"\r\n\r\n").map(|at| (at, at + 4));
        let Some((end, body)) = crlf.or(memchr_of(rest, b"\n\n").map(|at| (at, at + 2))) else {
            break;
        };
        head = Head::read(&rest[..end]);
        rest = &rest[body..];
    }
    (head, rest)
}

fn memchr_of(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

impl Head {
    fn read(bytes: &[u8]) -> Self {
        let mut head = Self::default();
        for line in String::from_utf8_lossy(bytes).lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "content-type" => head.content_type = Some(value.to_owned()),
                "content-encoding" => head.content_encoding = Some(value.to_owned()),
                "agent-cost-usd" => head.stated = parse_usd(value.as_bytes()),
                _ => {}
            }
        }
        head
    }
}

/// The type of a body, by its first bytes.
fn kind_of(body: &[u8]) -> &'static str {
    match body.trim_ascii_start().first() {
        Some(b'{' | b'[') => "application/json",
        Some(0) => "application/vnd.amazon.eventstream",
        // What is compressed is most often JSON.
        Some(0x1f | 0x28) if !coding_of(body).is_empty() => "application/json",
        _ => "text/event-stream",
    }
}

/// The coding of a body, by its first bytes (RFC 1952, RFC 8878).
fn coding_of(body: &[u8]) -> &'static str {
    match body {
        [0x1f, 0x8b, ..] => "gzip",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{coding_of, kind_of, split};

    #[test]
    fn bodies_are_told_by_their_first_bytes() {
        assert_eq!(kind_of(b" {\"a\":1}"), "application/json");
        assert_eq!(kind_of(b": ping\n\ndata: {}"), "text/event-stream");
        assert_eq!(kind_of(&[0, 0, 0, 9]), "application/vnd.amazon.eventstream");
        assert_eq!(
            (kind_of(&[0x1f, 0x8b, 8]), coding_of(&[0x1f, 0x8b, 8])),
            ("application/json", "gzip")
        );
        assert_eq!(coding_of(b""), "");
    }

    #[test]
    fn the_last_head_counts_and_a_body_without_one_is_a_body() {
        let whole = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/2 200\r\ncontent-type: application/json\r\nContent-Encoding: br\r\n\r\n{}";
        let (head, body) = split(whole);
        assert_eq!((body, head.content_encoding.as_deref()), (&b"{}"[..], Some("br")));
        assert_eq!(split(b"HTTP/1.1 200 OK").1, b"HTTP/1.1 200 OK");
        assert_eq!(split(b"{}").1, b"{}");
    }
}
