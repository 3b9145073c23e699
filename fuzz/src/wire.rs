//! What clients and backends send.

use crate::Target;
use stagegate_proxy::{Jwt, JwtFiles, fuzz};
use stagegate_settings::{Jwt as JwtSettings, JwtAlgorithm, Secret};
use std::sync::OnceLock;

const HTTP: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b"\x0b",
    b": ",
    b" :",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"content-length:",
    b"Transfer-Encoding: chunked\r\n",
    b"transfer-encoding:",
    b"chunked",
    b"identity",
    b", ",
    b"Connection: ",
    b"close",
    b"keep-alive",
    b"Upgrade: websocket\r\n",
    b"upgrade",
    b"Host: b\r\n",
    b"TE: trailers\r\n",
    b"Expect: 100-continue\r\n",
    b"Trailer: x\r\n",
    b"Forwarded: for=x\r\n",
    b"X-Forwarded-For: 1.1.1.1\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"HTTP/1.0",
    b"http://h/",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b";ext=1",
    b"ffffffffffffffff",
    b"-1",
    b"+1",
    b"0x5",
];

pub(crate) const REQUEST: Target = Target {
    name: "request",
    run: fuzz::request,
    seeds: &[
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: agents.example:80\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /p?q=1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: x-t\r\nTE: trailers\r\n\r\n5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n",
        b"GET http://h:80/p HTTP/1.1\r\nHost: h:80\r\nConnection: x-a, close\r\nX-A: 1\r\nVia: 1.1 other\r\nForwarded: for=1.1.1.1\r\n\r\n",
        b"GET /chat HTTP/1.1\r\nHost: [::1]:8080\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
        b"OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n",
    ],
    dictionary: HTTP,
};

pub(crate) const RESPONSE: Target = Target {
    name: "response",
    run: fuzz::response,
    seeds: &[
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00",
        b"HTTP/1.0 404 \r\nConnection: keep-alive\r\nServer-Timing: llm;dur=5\r\n\r\nall of it",
    ],
    dictionary: HTTP,
};

pub(crate) const CHUNKED: Target = Target {
    name: "chunked",
    run: fuzz::chunked,
    seeds: &[
        b"5\r\nhello\r\n0\r\n\r\n",
        b"a;name=value\r\n0123456789\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\nGET",
        b"1\r\na\r\n1\r\nb\r\n01\r\nc\r\n0000\r\n\r\n",
    ],
    dictionary: HTTP,
};

pub(crate) const JSON_POINTER: Target = Target {
    name: "json_pointer",
    run: fuzz::json_pointer,
    seeds: &[
        br#"{"metadata":{"user_id":"u-1"},"id":7}"#,
        br#"{"a":[{"b":"x"},2],"x/y":"z","id":-1.5e3}"#,
        br#"{"id":"\ud83d\ude00","metadata":null,"a":{"0":{"b":true}}}"#,
    ],
    dictionary: &[
        b"\"id\":",
        b"\"a\":",
        b"\"b\":",
        b"\"metadata\":{\"user_id\":",
        b"\"x/y\":",
        b"\\u0000",
        b"\\ud800",
        b"null",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b"1e400",
        b"18446744073709551616",
    ],
};

pub(crate) const BEARER_TOKEN: Target = Target {
    name: "bearer_token",
    run: bearer_token,
    seeds: &[
        b"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl",
        b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0.",
        b"Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.eyJvcmdfaWQiOiJvIiwiZXhwIjoyMDAwMDAwMDAwfQ.AAAA",
    ],
    dictionary: &[b".", b"=", b"Bearer ", b"eyJhbGciOiJub25lIn0", b"eyJhbGciOiJFUzI1NiJ9", b"-_"],
};

fn bearer_token(bytes: &[u8]) {
    static JWT: OnceLock<Option<Jwt>> = OnceLock::new();
    let settings = || JwtSettings {
        secret: Some(Secret::new("known to nobody who sends these")),
        algorithms: vec![JwtAlgorithm::Hs256],
        header: "authorization".to_owned(),
        ..JwtSettings::default()
    };
    let jwt = JWT.get_or_init(|| Jwt::new(&settings(), &JwtFiles::default()).ok());
    fuzz::bearer_token(jwt.as_ref().expect("a secret is a key"), bytes);
}
