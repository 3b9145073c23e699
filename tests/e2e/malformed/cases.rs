//! The table: what is sent, what the answer may be.

use super::obfuscated;
use std::borrow::Cow;

/// One malformed request.
pub(crate) struct Case {
    /// What is wrong with it.
    pub(crate) name: Cow<'static, str>,
    /// The bytes on the wire.
    pub(crate) bytes: Vec<u8>,
    /// The statuses that answer it rightly; none means that closing without an answer is right too.
    pub(crate) status: &'static [u16],
    /// How the bytes go on.
    pub(crate) then: Then,
    /// Complete requests before the malformed one, which the backend rightly sees.
    pub(crate) valid_before: usize,
}

/// What the client does after the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Sends a request that must never be served: after such bytes nothing on this connection may.
    Smuggle,
    /// Says that nothing more will come.
    Finish,
}

pub(super) const BAD: &[u16] = &[400];
pub(super) const CODING: &[u16] = &[400, 501];
const VERSION: &[u16] = &[400, 505];
const LARGE: &[u16] = &[400, 413];
const HEAD: &[u16] = &[431];

pub(super) fn case(
    name: impl Into<Cow<'static, str>>,
    status: &'static [u16],
    bytes: impl Into<Vec<u8>>,
) -> Case {
    Case { name: name.into(), bytes: bytes.into(), status, then: Then::Smuggle, valid_before: 0 }
}

/// A case of `POST` with these framing fields and `hello` after them.
fn post(name: &'static str, status: &'static [u16], fields: &str) -> Case {
    case(name, status, format!("POST / HTTP/1.1\r\nHost: agents.test\r\n{fields}\r\n\r\nhello"))
}

/// A case of a chunked `POST` with this body.
fn chunked(name: &'static str, status: &'static [u16], body: impl AsRef<[u8]>) -> Case {
    let head = "POST / HTTP/1.1\r\nHost: agents.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    case(name, status, [head.as_bytes(), body.as_ref()].concat())
}

/// A case of `GET` with this line among its fields.
fn field(name: &'static str, line: &[u8]) -> Case {
    let (before, after) = ("GET / HTTP/1.1\r\nHost: agents.test\r\n", "\r\n\r\n");
    case(name, BAD, [before.as_bytes(), line, after.as_bytes()].concat())
}

/// A case of `GET` with this `Host` line or these lines.
fn host(name: &'static str, lines: &str) -> Case {
    case(name, BAD, format!("GET / HTTP/1.1\r\n{lines}\r\n"))
}

/// A case of a request line.
fn line(name: &'static str, status: &'static [u16], line: &[u8]) -> Case {
    case(name, status, [line, b"\r\nHost: agents.test\r\n\r\n"].concat())
}

/// A case that ends in the middle.
fn cut(name: &'static str, bytes: &str) -> Case {
    Case { then: Then::Finish, status: &[], ..case(name, BAD, bytes) }
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    [framing(), obfuscated::all(), chunks(), fields(), hosts(), lines(), sizes(), sequences()]
        .into_iter()
        .flatten()
        .collect()
}

fn framing() -> Vec<Case> {
    vec![
        post("length, then chunked", BAD, "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        post("chunked, then length", BAD, "Transfer-Encoding: chunked\r\nContent-Length: 5"),
        post("two lengths that differ", BAD, "Content-Length: 5\r\nContent-Length: 6"),
        post("two lengths that agree", BAD, "Content-Length: 5\r\nContent-Length: 5"),
        post("a list of equal lengths", BAD, "Content-Length: 5, 5"),
        post("a list of lengths", BAD, "Content-Length: 5, 6"),
        post("length with a plus", BAD, "Content-Length: +5"),
        post("negative length", BAD, "Content-Length: -5"),
        post("hexadecimal length", BAD, "Content-Length: 0x5"),
        post("length with a space inside", BAD, "Content-Length: 5 5"),
        post("length that may be octal", BAD, "Content-Length: 05"),
        post("length of zeros", BAD, "Content-Length: 00"),
        post("empty length", BAD, "Content-Length: "),
        post("length with a letter", BAD, "Content-Length: 5a"),
        post("length with a fraction", BAD, "Content-Length: 5.0"),
        post("length in scientific form", BAD, "Content-Length: 1e3"),
        post("length beyond 64 bits", LARGE, "Content-Length: 99999999999999999999999999"),
        post("largest 64-bit length", LARGE, "Content-Length: 18446744073709551615"),
        post("length in other digits", BAD, "Content-Length: \u{665}"),
        post("length on a folded line", BAD, "Content-Length:\r\n 5"),
        post("length with a space before the colon", BAD, "Content-Length : 5"),
        post("unknown coding", CODING, "Transfer-Encoding: xchunked"),
        post("chunked is not last", CODING, "Transfer-Encoding: chunked, identity"),
        post("identity", CODING, "Transfer-Encoding: identity"),
        post("compressed and chunked", CODING, "Transfer-Encoding: gzip, chunked"),
        post("chunked twice", CODING, "Transfer-Encoding: chunked, chunked"),
        post(
            "two codings fields",
            CODING,
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        ),
        post(
            "two chunked fields",
            CODING,
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        ),
        post("coding after a vertical tab", BAD, "Transfer-Encoding: \u{b}chunked"),
        post("coding with a NUL", BAD, "Transfer-Encoding: chunked\0"),
        post("coding in quotes", CODING, "Transfer-Encoding: \"chunked\""),
        post("coding with a parameter", CODING, "Transfer-Encoding: chunked;q=1"),
        post("empty coding", CODING, "Transfer-Encoding: "),
        post("coding with a space before the colon", BAD, "Transfer-Encoding : chunked"),
        post("coding on a folded line", BAD, "Transfer-Encoding:\r\n chunked"),
        post("Connection names the length", BAD, "Connection: content-length\r\nContent-Length: 5"),
        case(
            "chunked in HTTP/1.0",
            BAD,
            "POST / HTTP/1.0\r\nHost: agents.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
    ]
}

fn chunks() -> Vec<Case> {
    let long_extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "e".repeat(70_000));
    let long_trailers = format!("0\r\n{}\r\n", "X-Trailer: 0123456789\r\n".repeat(5000));
    vec![
        chunked("size is no number", BAD, "zz\r\nhello\r\n0\r\n\r\n"),
        chunked("negative size", BAD, "-1\r\nhello\r\n0\r\n\r\n"),
        chunked("size with a plus", BAD, "+5\r\nhello\r\n0\r\n\r\n"),
        chunked("size with 0x", BAD, "0x5\r\nhello\r\n0\r\n\r\n"),
        chunked("size after a space", BAD, " 5\r\nhello\r\n0\r\n\r\n"),
        chunked("empty size", BAD, "\r\nhello\r\n0\r\n\r\n"),
        chunked("size beyond 64 bits", LARGE, "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n"),
        chunked("largest 64-bit size", LARGE, "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
        chunked("size that wraps to small", LARGE, "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        chunked("more data than the size says", BAD, "3\r\nhello\r\n0\r\n\r\n"),
        chunked("no line end after the data", BAD, "5\r\nhello0\r\n\r\n"),
        chunked("bare LF after the size", BAD, "5\nhello\r\n0\r\n\r\n"),
        chunked("bare CR after the size", BAD, "5\rhello\r\n0\r\n\r\n"),
        chunked("bare LF after the data", BAD, "5\r\nhello\n0\r\n\r\n"),
        chunked("bare LF in an extension", BAD, "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        chunked("bare CR in an extension", BAD, "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        chunked("NUL in an extension", BAD, "5;a\0b\r\nhello\r\n0\r\n\r\n"),
        chunked("endless extension", BAD, long_extension),
        chunked("trailer without a colon", BAD, "5\r\nhello\r\n0\r\nno colon\r\n\r\n"),
        chunked("trailer with a bare LF", BAD, "5\r\nhello\r\n0\r\nX-A: b\n\r\n"),
        chunked("folded trailer", BAD, "5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n"),
        chunked("endless trailers", &[400, 431], long_trailers),
    ]
}

fn fields() -> Vec<Case> {
    vec![
        field("no colon", b"X-Broken"),
        field("space in the name", b"X Broken: 1"),
        field("space before the colon", b"X-Broken : 1"),
        field("tab before the colon", b"X-Broken\t: 1"),
        field("empty name", b": 1"),
        field("brackets in the name", b"X(Broken): 1"),
        field("slash in the name", b"X/Broken: 1"),
        field("NUL in the name", b"X\0Broken: 1"),
        field("control character in the name", b"X\x01Broken: 1"),
        field("letters beyond ASCII in the name", "X-Gr\u{fc}ezi: 1".as_bytes()),
        field("NUL in the value", b"X-Broken: a\0b"),
        field("bare CR in the value", b"X-Broken: a\rb"),
        field("bare CR and another field", b"X-Broken: a\rTransfer-Encoding: chunked"),
        field("control character in the value", b"X-Broken: a\x01b"),
        field("DEL in the value", b"X-Broken: a\x7fb"),
        field("folded line", b"X-Broken: a\r\n b"),
        field("folded line with a tab", b"X-Broken: a\r\n\tb"),
        field("bare LF between fields", b"X-A: 1\nX-B: 2"),
        case(
            "first field is folded",
            BAD,
            "GET / HTTP/1.1\r\n X-A: 1\r\nHost: agents.test\r\n\r\n",
        ),
        case("every line ends with LF", BAD, "GET / HTTP/1.1\nHost: agents.test\n\n"),
        case("request line ends with LF", BAD, "GET / HTTP/1.1\nHost: agents.test\r\n\r\n"),
        case("request line ends with CR", BAD, "GET / HTTP/1.1\rHost: agents.test\r\n\r\n"),
        case("empty line is LF", BAD, "GET / HTTP/1.1\r\nHost: agents.test\r\n\n"),
    ]
}

fn hosts() -> Vec<Case> {
    vec![
        host("no host", ""),
        host("two equal hosts", "Host: agents.test\r\nHost: agents.test\r\n"),
        host("two hosts that differ", "Host: agents.test\r\nHost: other.test\r\n"),
        host("host with a space", "Host: agents test\r\n"),
        host("host with a path", "Host: agents.test/x\r\n"),
        host("host with a user", "Host: root@agents.test\r\n"),
        host("host with a scheme", "Host: http://agents.test\r\n"),
        host("host with a port that is no number", "Host: agents.test:http\r\n"),
        host("host with a comma", "Host: agents.test, other.test\r\n"),
        host("host with a query", "Host: agents.test?x\r\n"),
        case(
            "absolute target with another host",
            BAD,
            "GET http://other.test/ HTTP/1.1\r\nHost: agents.test\r\n\r\n",
        ),
    ]
}

fn lines() -> Vec<Case> {
    vec![
        line("HTTP/2 by name", VERSION, b"GET / HTTP/2.0"),
        line("HTTP/3 by name", VERSION, b"GET / HTTP/3.0"),
        line("HTTP/0.9 by name", VERSION, b"GET / HTTP/0.9"),
        line("version with two digits", VERSION, b"GET / HTTP/1.10"),
        line("version with a leading zero", VERSION, b"GET / HTTP/01.1"),
        line("version in small letters", VERSION, b"GET / http/1.1"),
        line("version without a number", VERSION, b"GET / HTTP/"),
        line("something after the version", VERSION, b"GET / HTTP/1.1 x"),
        line("another protocol", VERSION, b"GET / ICY/1.1"),
        line("no method", BAD, b" / HTTP/1.1"),
        line("method with brackets", BAD, b"GE(T / HTTP/1.1"),
        line("method with a control character", BAD, b"GE\x01T / HTTP/1.1"),
        line("no target", VERSION, b"GET HTTP/1.1"),
        line("two spaces before the target", BAD, b"GET  / HTTP/1.1"),
        line("tab before the target", BAD, b"GET\t/ HTTP/1.1"),
        line("space in the target", VERSION, b"GET /a b HTTP/1.1"),
        line("control character in the target", BAD, b"GET /a\x01b HTTP/1.1"),
        line("NUL in the target", BAD, b"GET /a\0b HTTP/1.1"),
        line("DEL in the target", BAD, b"GET /a\x7fb HTTP/1.1"),
        line("fragment in the target", BAD, b"GET /a#b HTTP/1.1"),
        line("target is no path", BAD, b"GET agents.test HTTP/1.1"),
        line("target is a relative path", BAD, b"GET ../etc HTTP/1.1"),
        line("star with GET", BAD, b"GET * HTTP/1.1"),
        line("another scheme", BAD, b"GET ftp://agents.test/ HTTP/1.1"),
        line("absolute target with a user", BAD, b"GET http://root@agents.test/ HTTP/1.1"),
        line("absolute target without a host", BAD, b"GET http:/// HTTP/1.1"),
        line("CONNECT", &[400, 405, 501], b"CONNECT agents.test:443 HTTP/1.1"),
        line("CONNECT to a path", &[400, 405, 501], b"CONNECT / HTTP/1.1"),
        line("TRACE", &[400, 405, 501], b"TRACE / HTTP/1.1"),
        case("HTTP/0.9", VERSION, "GET /\r\n\r\n"),
        case("broken HTTP/2 preface", VERSION, "PRI * HTTP/2.0\r\n\r\nMS\r\n\r\n"),
        case("TLS", BAD, &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..]),
        case("another protocol's banner", BAD, "SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        case("zero bytes", BAD, vec![0; 64]),
    ]
}

fn sizes() -> Vec<Case> {
    let path =
        |length| format!("GET /{} HTTP/1.1\r\nHost: agents.test\r\n\r\n", "a".repeat(length));
    let get = |fields: String| format!("GET / HTTP/1.1\r\nHost: agents.test\r\n{fields}\r\n");
    vec![
        case("target longer than a head may be", &[414, 431], path(200_000)),
        case("target of 20 KiB", &[414], path(20 << 10)),
        case(
            "one field longer than a head may be",
            HEAD,
            get(format!("X-Long: {}\r\n", "v".repeat(200_000))),
        ),
        case(
            "one field name longer than a head may be",
            HEAD,
            get(format!("{}: v\r\n", "X".repeat(200_000))),
        ),
        case(
            "many fields, together too long",
            HEAD,
            get(format!("X-Long: {}\r\n", "v".repeat(4000)).repeat(12)),
        ),
        case("more fields than accepted", HEAD, get("X-Many: 1\r\n".repeat(101))),
        case("far more fields than accepted", HEAD, get("A: 1\r\n".repeat(2000))),
    ]
}

fn sequences() -> Vec<Case> {
    let good = "POST /first HTTP/1.1\r\nHost: agents.test\r\nContent-Length: 5\r\n\r\nhello";
    let after = |name, status, bad: &str| Case {
        valid_before: 1,
        ..case(name, status, format!("{good}{bad}"))
    };
    let bad = "GET /bad HTTP/1.1\r\nHost: agents.test\r\n";
    vec![
        after(
            "a good request, then length and chunked",
            BAD,
            &format!("{bad}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        after("a good request, then garbage", BAD, "\x01\x02\x03\r\n\r\n"),
        after("a good request, then no host", BAD, "GET /bad HTTP/1.1\r\n\r\n"),
        after("a good request with a length too short", VERSION, "extra / HTTP\r\n\r\n"),
        cut("head cut in the request line", "GET / HT"),
        cut("head cut in a field", "GET / HTTP/1.1\r\nHost: agen"),
        cut("head cut before the empty line", "GET / HTTP/1.1\r\nHost: agents.test\r\n"),
        cut("body cut", "POST / HTTP/1.1\r\nHost: agents.test\r\nContent-Length: 50\r\n\r\nhello"),
        cut(
            "body cut before it began",
            "POST / HTTP/1.1\r\nHost: agents.test\r\nContent-Length: 50\r\n\r\n",
        ),
        cut(
            "chunk cut",
            "POST / HTTP/1.1\r\nHost: agents.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        ),
        cut(
            "chunked body without its last chunk",
            "POST / HTTP/1.1\r\nHost: agents.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ),
        cut(
            "trailers cut",
            "POST / HTTP/1.1\r\nHost: agents.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n",
        ),
    ]
}
