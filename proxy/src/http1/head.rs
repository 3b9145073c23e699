//! Heads of requests and responses: what they say, and how long the body is.

use super::field::{Field, Known, tokens};
use crate::problem::Problem;

/// Bounds on a head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// Bytes of the whole head.
    pub(crate) bytes: usize,
    /// Number of fields, at most [`MAX_FIELDS`].
    pub(crate) fields: usize,
}

/// Fields that fit the parser's stack table.
const MAX_FIELDS: usize = 256;
/// Longest request target.
const MAX_TARGET: usize = 16 * 1024;

/// A head that is refused: what the client is told.
pub(crate) type Bad = Problem;

/// Outcome of parsing bytes that may not be complete yet.
#[derive(Debug)]
pub(crate) enum Status<T> {
    Complete(T),
    Partial,
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// There is none.
    None,
    /// So many bytes.
    Bytes(u64),
    /// Chunked transfer coding.
    Chunked,
    /// Everything until the connection is closed (responses only).
    UntilClose,
}

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

    pub(crate) fn method<'a>(&self, head: &'a [u8]) -> &'a str {
        text(head, self.method)
    }

    /// Path and query.
    pub(crate) fn target<'a>(&self, head: &'a [u8]) -> &'a str {
        text(head, self.target)
    }

    /// The host asked for, port included; empty for an HTTP/1.0 request without one.
    pub(crate) fn host<'a>(&self, head: &'a [u8]) -> &'a str {
        text(head, self.host)
    }

    /// The first field of this name.
    pub(crate) fn field<'a>(&self, head: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let found =
            self.fields.iter().find(|field| field.name(head).eq_ignore_ascii_case(name.as_bytes()));
        found.map(|field| field.value(head))
    }

    /// The values of every field of this kind.
    pub(crate) fn known<'a>(
        &'a self,
        head: &'a [u8],
        known: Known,
    ) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.known == known).map(|field| field.value(head))
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
            "https:/" if target.len() > 8 => &target[8..],
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
        let path = &rest[authority.len()..];
        if !path.starts_with('/') {
            return Err(Problem::BadRequest("absolute request target without a path"));
        }
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
        // Only a bodiless HTTP/1.1 request may change the protocol, and never to cleartext HTTP/2:
        // that would carry requests past every rule here.
        let upgradable = self.http_11 && connection_upgrade && self.body == Some(BodyLength::None);
        self.upgrade = self.upgrade.filter(|&at| {
            upgradable
                && !tokens(self.fields[at].value(head))
                    .any(|protocol| protocol.to_ascii_lowercase().starts_with(b"h2"))
        });
        Ok(())
    }
}

/// A checked response head.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) len: usize,
    pub(crate) fields: Vec<Field>,
    pub(crate) status: u16,
    reason: (u32, u32),
    pub(crate) body: BodyLength,
    pub(crate) keep_alive: bool,
    pub(crate) http_11: bool,
}

impl ResponseHead {
    /// Parses the answer to a request with or without method HEAD.
    ///
    /// # Errors
    /// What is wrong with it, in words; the upstream connection is of no further use.
    pub(crate) fn parse(
        bytes: &[u8],
        to_head: bool,
        limits: HeadLimits,
        mut fields: Vec<Field>,
    ) -> Result<Status<Self>, &'static str> {
        let mut table = [const { std::mem::MaybeUninit::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let len = match config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut table) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) if bytes.len() > limits.bytes => {
                return Err("head is too large");
            }
            Ok(httparse::Status::Partial) => return Ok(Status::Partial),
            Err(_) => return Err("head is not HTTP/1.1"),
        };
        let head = &bytes[..len];
        check_line_ends(head).map_err(|_| "bare line feed in the head")?;
        let status = parsed.code.unwrap_or(0);
        if !(100..=599).contains(&status) {
            return Err("status is not from 100 to 599");
        }
        fields.clear();
        fields.extend(
            parsed.headers.iter().map(|field| Field::within(head, field.name, field.value)),
        );
        let mut response = Self {
            len,
            fields,
            status,
            reason: place(head, parsed.reason.unwrap_or("").as_bytes()),
            body: BodyLength::UntilClose,
            keep_alive: false,
            http_11: parsed.version == Some(1),
        };
        response.read_fields(head, to_head)?;
        Ok(Status::Complete(response))
    }

    pub(crate) fn reason<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        &head[self.reason.0 as usize..self.reason.1 as usize]
    }

    pub(crate) fn field<'a>(&self, head: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let found =
            self.fields.iter().find(|field| field.name(head).eq_ignore_ascii_case(name.as_bytes()));
        found.map(|field| field.value(head))
    }

    pub(crate) fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }

    fn read_fields(&mut self, head: &[u8], to_head: bool) -> Result<(), &'static str> {
        let (mut length, mut chunked, mut close, mut keep_alive) = (None, false, false, false);
        for at in 0..self.fields.len() {
            let field = self.fields[at];
            let value = field.value(head);
            match field.known {
                Known::ContentLength => {
                    let bytes = content_length(value).map_err(|_| "invalid Content-Length")?;
                    if length.replace(bytes).is_some_and(|before| before != bytes) {
                        return Err("Content-Length fields that differ");
                    }
                }
                Known::TransferEncoding => {
                    if chunked
                        || !transfer_coding(value).map_err(|_| "unknown Transfer-Encoding")?
                    {
                        return Err("unknown Transfer-Encoding");
                    }
                    chunked = true;
                }
                Known::Connection => {
                    for option in tokens(value) {
                        close |= option.eq_ignore_ascii_case(b"close");
                        keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                        nominate(&mut self.fields, head, option)
                            .map_err(|_| "Connection names a framing field")?;
                    }
                }
                _ => {}
            }
        }
        if chunked && (length.is_some() || !self.http_11) {
            return Err("Transfer-Encoding with Content-Length or HTTP/1.0");
        }
        self.keep_alive = !close && (self.http_11 || keep_alive);
        self.body = match length {
            _ if to_head || self.status < 200 || matches!(self.status, 204 | 304) => {
                BodyLength::None
            }
            _ if chunked => BodyLength::Chunked,
            Some(0) => BodyLength::None,
            Some(bytes) => BodyLength::Bytes(bytes),
            None => BodyLength::UntilClose,
        };
        Ok(())
    }
}

/// Keeps the value of a field that may come once.
fn only_one<T>(slot: &mut Option<T>, value: T, otherwise: &'static str) -> Result<(), Bad> {
    if slot.replace(value).is_some() { Err(Problem::BadRequest(otherwise)) } else { Ok(()) }
}

/// Marks the fields a `Connection` option names. One that would change the framing or the routing
/// if it were removed is an attack, not a wish.
fn nominate(fields: &mut [Field], head: &[u8], option: &[u8]) -> Result<(), Bad> {
    if matches!(option.len(), 5 | 7 | 10)
        && [&b"close"[..], b"upgrade", b"keep-alive"].iter().any(|w| option.eq_ignore_ascii_case(w))
    {
        return Ok(());
    }
    match Known::of(option) {
        Known::Host | Known::ContentLength | Known::TransferEncoding => {
            return Err(Problem::BadRequest(
                "Connection names a field that frames or routes the message",
            ));
        }
        _ => {}
    }
    for field in fields.iter_mut().filter(|field| field.name(head).eq_ignore_ascii_case(option)) {
        field.nominated = true;
    }
    Ok(())
}

/// Decimal digits only (RFC 9110 8.6); no sign, no list, no overflow.
fn content_length(value: &[u8]) -> Result<u64, Bad> {
    let digits = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
    let number = digits.then(|| value.iter().fold(0, |n, b| n * 10 + u64::from(b - b'0')));
    number.ok_or(Problem::BadRequest("invalid Content-Length"))
}

/// Exactly `chunked`: every other coding is refused, since a peer may not know it.
fn transfer_coding(value: &[u8]) -> Result<bool, Bad> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(true);
    }
    let plain_words =
        !value.is_empty() && value.iter().all(|b| b.is_ascii_alphanumeric() || b", -".contains(b));
    let names_chunked = value.to_ascii_lowercase().windows(7).any(|word| word == b"chunked");
    Err(if plain_words && !names_chunked {
        Problem::NotImplemented("the only transfer coding is chunked")
    } else {
        Problem::BadRequest("invalid Transfer-Encoding")
    })
}

/// httparse takes a bare LF for a line end; a peer may not. Bare CR it refuses itself.
fn check_line_ends(head: &[u8]) -> Result<(), Bad> {
    let bare = memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r');
    if bare { Err(Problem::BadRequest("line ends without CR")) } else { Ok(()) }
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

fn place(head: &[u8], slice: &[u8]) -> (u32, u32) {
    if slice.is_empty() {
        return (0, 0);
    }
    let start = (slice.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize) as u32;
    (start, start + slice.len() as u32)
}

fn text(head: &[u8], place: (u32, u32)) -> &str {
    std::str::from_utf8(&head[place.0 as usize..place.1 as usize]).unwrap_or("")
}
