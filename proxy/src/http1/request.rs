//! Request heads: their fields, and the length of the body.

use super::field::{Field, Known, joined, tokens};
use super::head::{
    Bad, BodyLength, HeadLimits, MAX_FIELDS, Status, check_line_ends, content_length, nominate,
    place, text, transfer_coding,
};
use crate::problem::Problem;
use std::borrow::Cow;

/// Longest request target.
const MAX_TARGET: usize = 16 * 1024;

/// A checked request head. The fields are places in the bytes it was parsed from.
#[derive(Debug, Default)]
pub(crate) struct RequestHead {
    /// Length of the head in bytes, blank line included.
    pub(crate) len: usize,
    pub(crate) fields: Vec<Field>,
    method: (u32, u32),
    /// Path and query, in origin form.
    target: (u32, u32),
    host: (u32, u32),
    pub(crate) http_11: bool,
    pub(crate) body: Option<BodyLength>,
    pub(crate) keep_alive: bool,
    pub(crate) expects_continue: bool,
    pub(crate) accepts_trailers: bool,
    /// The upgrade asked for, as a field's position.
    pub(crate) upgrade: Option<usize>,
    pub(crate) is_head: bool,
}

impl RequestHead {
    /// Parses into `self`, whose memory is used again.
    ///
    /// # Errors
    /// A [`Bad`] when the head breaks a rule; the connection must be closed after answering.
    pub(crate) fn parse(&mut self, bytes: &[u8], limits: HeadLimits) -> Result<Status<()>, Bad> {
        let mut table = [const { std::mem::MaybeUninit::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Request::new(&mut []);
        let config = httparse::ParserConfig::default();
        let most = limits.fields.min(MAX_FIELDS);
        let outcome =
            config.parse_request_with_uninit_headers(&mut parsed, bytes, &mut table[..most]);
        let len = match outcome {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) => {
                let (method, target) = (parsed.method.unwrap_or(""), parsed.path.unwrap_or(""));
                if target.len() > MAX_TARGET
                    || (!method.is_empty() && bytes.len() > limits.bytes && target.is_empty())
                {
                    return Err(Problem::UriTooLong);
                }
                return if bytes.len() > limits.bytes {
                    Err(Problem::HeaderTooLarge)
                } else {
                    check_line_ends(bytes).map(|()| Status::Partial)
                };
            }
            Err(httparse::Error::TooManyHeaders) => return Err(Problem::HeaderTooLarge),
            Err(httparse::Error::Version) => return Err(Problem::VersionNotSupported),
            Err(_) => return Err(Problem::BadRequest("head is not HTTP/1.1")),
        };
        if len > limits.bytes {
            return Err(Problem::HeaderTooLarge);
        }
        let head = &bytes[..len];
        check_line_ends(head)?;
        self.len = len;
        self.http_11 = parsed.version == Some(1);
        let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
            return Err(Problem::BadRequest("no request line"));
        };
        self.method = place(head, method.as_bytes());
        self.is_head = method == "HEAD";
        self.fields.clear();
        self.fields.extend(
            parsed.headers.iter().map(|field| Field::within(head, field.name, field.value)),
        );
        self.check_target(head, method, target)?;
        self.read_fields(head)?;
        Ok(Status::Complete(()))
    }

    /// Method, and path and query, as they came.
    pub(super) fn line<'a>(&self, head: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let at = |(from, to): (u32, u32)| &head[from as usize..to as usize];
        (at(self.method), at(self.target))
    }

    pub(crate) fn method<'a>(&self, head: &'a [u8]) -> &'a str {
        text(head, self.method)
    }

    /// Path and query.
    pub(crate) fn target<'a>(&self, head: &'a [u8]) -> &'a str {
        text(head, self.target)
    }

    /// The same as bytes.
    pub(crate) fn host_bytes<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        &head[self.host.0 as usize..self.host.1 as usize]
    }

    /// The host asked for, port included; empty for an HTTP/1.0 request without one.
    pub(crate) fn host<'a>(&self, head: &'a [u8]) -> &'a str {
        text(head, self.host)
    }

    /// The first field of this name, as the endpoint sees it: none that `Connection` names.
    pub(crate) fn field<'a>(&self, head: &'a [u8], name: &str) -> Option<&'a [u8]> {
        self.all(head, name).next()
    }

    /// The content codings of the body, in the order in which they were applied; empty if there are none.
    pub(crate) fn codings<'a>(&self, head: &'a [u8]) -> Cow<'a, [u8]> {
        joined(self.all(head, "content-encoding"))
    }

    fn all<'a>(&self, head: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
        let is = move |field: &&Field| {
            !field.nominated
                && !field.withheld
                && field.name(head).eq_ignore_ascii_case(name.as_bytes())
        };
        self.fields.iter().filter(is).map(move |field| field.value(head))
    }

    /// The values of every field of this kind.
    pub(crate) fn known<'a>(
        &'a self,
        head: &'a [u8],
        known: Known,
    ) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.known == known).map(|field| field.value(head))
    }

    /// Returns whether this is a WebSocket's handshake (RFC 6455 4.1), and no other upgrade.
    pub(crate) fn wants_websocket(&self, head: &[u8]) -> bool {
        let named = |at: usize| self.fields[at].value(head).eq_ignore_ascii_case(b"websocket");
        self.upgrade.is_some_and(named)
            && self.method(head) == "GET"
            && self.field(head, "sec-websocket-key").is_some()
    }

    fn check_target(&mut self, head: &[u8], method: &str, target: &str) -> Result<(), Bad> {
        if target.len() > MAX_TARGET {
            return Err(Problem::UriTooLong);
        }
        if !target.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
            return Err(Problem::BadRequest("request target has characters that no URI has"));
        }
        if method == "CONNECT" || method == "TRACE" {
            return Err(Problem::NotImplemented("CONNECT and TRACE are not served"));
        }
        self.host = (0, 0);
        if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
            self.target = place(head, target.as_bytes());
            return Ok(());
        }
        // Absolute form (RFC 9112 3.2.2): the authority takes the place of Host.
        let lower = target.get(..7).unwrap_or("").to_ascii_lowercase();
        let rest = match lower.as_str() {
            "http://" => &target[7..],
            "https:/" if target[7..].starts_with('/') => &target[8..],
            _ => {
                return Err(Problem::BadRequest(
                    "request target is neither a path nor an http URL",
                ));
            }
        };
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        if !is_authority(authority) {
            return Err(Problem::BadRequest("request target has an invalid authority"));
        }
        self.host = place(head, authority.as_bytes());
        let path = match &rest[authority.len()..] {
            // An empty path is `/` (RFC 9110 4.2.3): the scheme ends with one. For OPTIONS it is `*`.
            "" if method != "OPTIONS" => &target[target.len() - rest.len() - 1..][..1],
            path if path.starts_with('/') => path,
            _ => return Err(Problem::BadRequest("absolute request target without a path")),
        };
        self.target = place(head, path.as_bytes());
        Ok(())
    }

    fn read_fields(&mut self, head: &[u8]) -> Result<(), Bad> {
        let (mut host, mut length, mut chunked) = (None, None, false);
        let (mut close, mut keep_alive, mut connection_upgrade) = (false, false, false);
        (self.expects_continue, self.accepts_trailers, self.upgrade) = (false, false, None);
        for at in 0..self.fields.len() {
            let field = self.fields[at];
            let value = field.value(head);
            match field.known {
                Known::Other => {}
                Known::Host => {
                    only_one(&mut host, value, "more than one Host")?;
                }
                Known::ContentLength => {
                    only_one(&mut length, content_length(value)?, "more than one Content-Length")?;
                }
                Known::TransferEncoding => {
                    if chunked {
                        return Err(Problem::BadRequest("more than one Transfer-Encoding"));
                    }
                    chunked = transfer_coding(value)?;
                }
                Known::Connection => {
                    for option in tokens(value) {
                        close |= option.eq_ignore_ascii_case(b"close");
                        keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                        connection_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
                        nominate(&mut self.fields, head, option)?;
                    }
                }
                Known::Expect => {
                    if !value.eq_ignore_ascii_case(b"100-continue") {
                        return Err(Problem::ExpectationFailed);
                    }
                    self.expects_continue = self.http_11;
                }
                Known::Te => {
                    self.accepts_trailers |=
                        tokens(value).any(|coding| coding.eq_ignore_ascii_case(b"trailers"));
                }
                Known::Upgrade => self.upgrade = Some(at),
                _ => {}
            }
        }
        match host {
            Some(value) => {
                let host = std::str::from_utf8(value).ok().filter(|host| is_authority(host));
                let Some(host) = host else { return Err(Problem::BadRequest("invalid Host")) };
                let in_target = text(head, self.host);
                if !in_target.is_empty() && !in_target.eq_ignore_ascii_case(host) {
                    return Err(Problem::BadRequest("Host differs from the request target's"));
                }
                self.host = place(head, value);
            }
            None if self.http_11 => return Err(Problem::BadRequest("HTTP/1.1 needs a Host")),
            None => {}
        }
        if chunked && (length.is_some() || !self.http_11) {
            return Err(Problem::BadRequest("Transfer-Encoding with Content-Length or HTTP/1.0"));
        }
        self.body = Some(match length {
            _ if chunked => BodyLength::Chunked,
            Some(0) | None => BodyLength::None,
            Some(bytes) => BodyLength::Bytes(bytes),
        });
        self.keep_alive = !close && (self.http_11 || keep_alive);
        // Only a bodiless HTTP/1.1 request may change the protocol, and never to one that carries
        // HTTP again: that would carry requests past every rule here.
        let upgradable = self.http_11 && connection_upgrade && self.body == Some(BodyLength::None);
        self.upgrade = self
            .upgrade
            .filter(|&at| upgradable && !tokens(self.fields[at].value(head)).any(carries_http));
        Ok(())
    }
}

/// Returns whether an upgrade's protocol is HTTP in another form: `h2c`, `HTTP/2.0`, `TLS/1.0` (RFC
/// 2817).
fn carries_http(protocol: &[u8]) -> bool {
    let protocol = protocol.to_ascii_lowercase();
    [&b"h2"[..], b"http", b"tls"].iter().any(|name| protocol.starts_with(name))
}

/// Keeps the value of a field that may come once.
fn only_one<T>(slot: &mut Option<T>, value: T, otherwise: &'static str) -> Result<(), Bad> {
    if slot.replace(value).is_some() { Err(Problem::BadRequest(otherwise)) } else { Ok(()) }
}

/// `host[:port]`: a name, an IPv4 or a bracketed IPv6 address; no user info, no spaces.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((ip, port)) if ip.parse::<std::net::Ipv6Addr>().is_ok() => ("v6", port),
            _ => return false,
        },
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let host_ok = !host.is_empty()
        && host.len() <= 253
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_~%!$&'()*+;=".contains(&b));
    let port_ok = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| {
            digits.len() <= 5
                && digits.bytes().all(|b| b.is_ascii_digit())
                && (digits.is_empty() || digits.parse::<u16>().is_ok())
        });
    host_ok && port_ok
}

#[cfg(test)]
mod tests {
    use super::RequestHead;
    use crate::http1::{BodyLength, HeadLimits, Status};
    use crate::problem::Problem;
    use proptest::prelude::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 8192, fields: 50 };

    fn parse(text: &str) -> Result<Option<RequestHead>, Problem> {
        let mut head = RequestHead::default();
        Ok(match head.parse(text.as_bytes(), LIMITS)? {
            Status::Complete(()) => Some(head),
            Status::Partial => None,
        })
    }

    fn head(lines: &str) -> RequestHead {
        parse(&format!("POST /p HTTP/1.1\r\nHost: h\r\n{lines}\r\n"))
            .expect("accepted")
            .expect("complete")
    }

    #[test]
    fn the_body_is_framed_one_way_or_refused() {
        assert_eq!(head("").body, Some(BodyLength::None));
        assert_eq!(head("Content-Length: 5\r\n").body, Some(BodyLength::Bytes(5)));
        assert_eq!(head("Transfer-Encoding: Chunked\r\n").body, Some(BodyLength::Chunked));
        for both in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 5, 5\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: \x0bchunked\r\n",
            "Connection: content-length\r\n",
        ] {
            let refused = parse(&format!("POST / HTTP/1.1\r\nHost: h\r\n{both}\r\n"));
            assert!(matches!(refused, Err(Problem::BadRequest(_))), "{both:?} {refused:?}");
        }
    }

    #[test]
    fn connections_stay_open_as_their_version_says() {
        assert!(head("").keep_alive);
        assert!(!head("Connection: keep-alive, Close\r\n").keep_alive);
        let old = |lines: &str| {
            parse(&format!("GET / HTTP/1.0\r\n{lines}\r\n")).expect("accepted").expect("complete")
        };
        assert!(!old("").keep_alive);
        assert!(old("Connection: keep-alive\r\n").keep_alive);
    }

    #[test]
    fn only_a_bodiless_request_changes_the_protocol_and_never_to_http2() {
        let upgrade = "Connection: Upgrade\r\nUpgrade: ";
        assert!(head(&format!("{upgrade}websocket\r\n")).upgrade.is_some());
        assert!(head(&format!("{upgrade}h2c\r\n")).upgrade.is_none());
        assert!(head(&format!("{upgrade}websocket\r\nContent-Length: 1\r\n")).upgrade.is_none());
        assert!(head("Upgrade: websocket\r\n").upgrade.is_none());
    }

    #[test]
    fn the_target_names_the_host_where_it_has_one() {
        let text = "GET http://a.example:80/p?q HTTP/1.1\r\nHost: a.example:80\r\n\r\n";
        let head = parse(text).expect("accepted").expect("complete");
        assert_eq!(
            (head.host(text.as_bytes()), head.target(text.as_bytes())),
            ("a.example:80", "/p?q")
        );
        let differs = text.replace("Host: a", "Host: b");
        assert!(matches!(parse(&differs), Err(Problem::BadRequest(_))));
    }

    proptest! {
        /// However a head is cut, it is incomplete until its last byte, and never a panic.
        #[test]
        fn a_head_is_complete_at_its_last_byte(value in "[ -~]{0,40}", at: prop::sample::Index) {
            let text = format!("GET /x HTTP/1.1\r\nHost: h\r\nX-V: {value}\r\n\r\n");
            let at = at.index(text.len());
            prop_assert!(parse(&text).expect("accepted").is_some());
            prop_assert!(parse(&text[..at]).expect("no rule broken yet").is_none());
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            let _ = RequestHead::default().parse(&bytes, LIMITS);
        }
    }
}
