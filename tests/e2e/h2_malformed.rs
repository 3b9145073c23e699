//! Requests over HTTP/2 that would mean something else over HTTP/1.1: none of them reaches a backend
//! as more, or as something other, than the proxy counted.

use crate::harness::h2::{frame, hello};
use crate::harness::{Backend, Setup, Stagegate, Wire, Workload, eventually_async};

type Field = (Vec<u8>, Vec<u8>);

fn field(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Field {
    (name.as_ref().to_vec(), value.as_ref().to_vec())
}

/// A header block of literal fields, never indexed (RFC 7541 6.2.3).
fn literal(fields: &[Field]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        for text in [name, value] {
            assert!(text.len() < 127, "one length byte");
            block.push(text.len() as u8);
            block.extend_from_slice(text);
        }
    }
    block
}

/// A request as it should be.
fn pseudo() -> Vec<Field> {
    [(":method", "POST"), (":scheme", "http"), (":authority", "agents.test"), (":path", "/")]
        .map(|(name, value)| field(name, value))
        .to_vec()
}

fn with(more: &[Field]) -> Vec<Field> {
    [pseudo(), more.to_vec()].concat()
}

/// The request with one pseudo-header replaced.
fn replaced(name: &str, value: impl AsRef<[u8]>) -> Vec<Field> {
    let mut fields = pseudo();
    for it in fields.iter_mut().filter(|it| it.0 == name.as_bytes()) {
        it.1 = value.as_ref().to_vec();
    }
    fields
}

/// Header lists that must reach nobody, each with a name.
fn forbidden() -> Vec<(String, Vec<Field>)> {
    let mut all: Vec<(String, Vec<Field>)> = Vec::new();
    let mut add = |name: String, fields| all.push((name, fields));
    for (byte, what) in [
        (b'\r', "CR"),
        (b'\n', "LF"),
        (b'\0', "NUL"),
        (0x01, "a control character"),
        (0x0b, "a vertical tab"),
        (0x7f, "DEL"),
    ] {
        for (place, text) in [
            ("at the start", vec![byte, b'a']),
            ("in the middle", vec![b'a', byte, b'b']),
            ("at the end", vec![b'a', byte]),
        ] {
            add(format!("{what} {place} of a value"), with(&[field("x-a", &text)]));
            add(format!("{what} {place} of a cookie"), with(&[field("cookie", &text)]));
            add(format!("{what} {place} of a name"), with(&[field(&text, "b")]));
            let path = [b"/", text.as_slice()].concat();
            add(format!("{what} {place} of the path"), replaced(":path", path));
            add(format!("{what} {place} of the authority"), replaced(":authority", &text));
            add(format!("{what} {place} of the method"), replaced(":method", &text));
            add(format!("{what} {place} of the scheme"), replaced(":scheme", &text));
        }
    }
    for byte in *b" \t:(),/;<=>?@[\\]{}\"AZ" {
        let name = [b'x', byte, b'a'];
        add(format!("{:?} in a name", byte as char), with(&[field(name, "b")]));
    }
    for (name, value) in [
        ("connection", "close"),
        ("connection", "x-a"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("transfer-encoding", ""),
        ("upgrade", "websocket"),
        ("te", "chunked"),
        ("te", "trailers, gzip"),
        ("te", ""),
        ("host", "other.test"),
        ("host", "agents.test, other.test"),
        ("host", "agents.test:81"),
        ("host", "agents.test/"),
        ("content-length", ""),
        ("content-length", "-1"),
        ("content-length", "+1"),
        ("content-length", "0x10"),
        ("content-length", "05"),
        ("content-length", "1, 1"),
        ("content-length", "1 1"),
        ("content-length", "99999999999999999999"),
        ("expect", "200-ok"),
        (":path", "/second"),
        (":method", "GET"),
        (":authority", "other.test"),
        (":scheme", "https"),
        (":protocol", "websocket"),
        (":status", "200"),
        (":unknown", "x"),
        (":", "x"),
        ("", "x"),
    ] {
        add(format!("{name}: {value}"), with(&[field(name, value)]));
    }
    for (name, value) in [
        (":path", ""),
        (":path", "no-slash"),
        (":path", "http://other.test/"),
        (":path", "/a b"),
        (":path", "/ HTTP/1.1\r\nhost: x\r\n\r\nGET /smuggled"),
        (":method", ""),
        (":method", "GET / HTTP/1.1\r\nx: "),
        (":method", "CONNECT"),
        (":method", "TRACE"),
        (":authority", ""),
        (":authority", "user@agents.test"),
        (":authority", "agents.test/path"),
        (":authority", "agents.test?q"),
        (":authority", "agents.test:x"),
        (":authority", "a b"),
        (":authority", "[::1"),
        (":scheme", ""),
    ] {
        add(format!("{name} is {value:?}"), replaced(name, value));
    }
    for missing in 0..pseudo().len() {
        let mut fields = pseudo();
        let gone = fields.remove(missing);
        add(format!("no {}", String::from_utf8_lossy(&gone.0)), fields);
    }
    for last in 0..pseudo().len() {
        let mut fields = pseudo();
        let late = fields.remove(last);
        fields.extend([field("x-a", "b"), late]);
        add(format!("{} after a field", String::from_utf8_lossy(&fields[4].0)), fields);
    }
    let twice = [field("content-length", "3"), field("content-length", "4")];
    add("two lengths that differ".into(), with(&twice));
    let hosts = [field("host", "agents.test"), field("host", "other.test")];
    add("two hosts".into(), with(&hosts));
    all
}

/// Sends frames on a connection of their own, and waits until the proxy has dealt with them: a ping
/// behind them is answered, or the connection ends.
async fn deal_with(stagegate: &Stagegate, frames: &[u8]) {
    let mut wire: Wire = stagegate.connect().await;
    let ping = frame(6, 0, 0, &[7; 8]);
    let _ = wire.try_send([&hello(), frames, &ping].concat()).await;
    loop {
        let Ok(head) = wire.bytes(9).await else { return };
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let Ok(_) = wire.bytes(length).await else { return };
        if (head[3] == 6 && head[4] & 1 == 1) || head[3] == 7 {
            return;
        }
    }
}

/// A second request that waits in the first one's body.
const SMUGGLED: &[u8] = b"GET /smuggled HTTP/1.1\r\nhost: agents.test\r\n\r\n";

#[tokio::test]
async fn no_malformed_request_reaches_a_backend() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let cases = forbidden();
    assert!(cases.len() >= 190, "{} cases", cases.len());
    let mut arrived = Vec::new();
    for (name, fields) in &cases {
        let before = backend.arrivals();
        let frames = [frame(1, 4, 1, &literal(fields)), frame(0, 1, 1, SMUGGLED)].concat();
        deal_with(&stagegate, &frames).await;
        if backend.arrivals() != before {
            arrived.push(name);
        }
    }
    // One more round trip through the worker: whatever was under way is there by now.
    let sound = [frame(1, 4, 1, &literal(&pseudo())), frame(0, 1, 1, b"sound")].concat();
    deal_with(&stagegate, &sound).await;
    eventually_async("the sound request", async || {
        backend.seen().iter().any(|seen| seen.body.as_ref().is_some_and(|it| it.bytes == b"sound"))
    })
    .await;
    assert!(arrived.is_empty(), "these arrived: {arrived:?}\n{:?}", backend.seen());
    assert_eq!(backend.arrivals(), 1, "{:?}", backend.seen());
}

#[tokio::test]
async fn bodies_that_do_not_add_up_are_never_more_than_one_request() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let long = [b"12345".as_slice(), SMUGGLED].concat();
    let chunks = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    for (length, body, ends) in [
        (Some("5"), long.as_slice(), true),
        (Some("0"), SMUGGLED, true),
        (Some("100"), b"12345", true),
        (Some("5"), long.as_slice(), false),
        (None, chunks, true),
        (None, SMUGGLED, true),
        (None, b"\r\n\r\n", true),
    ] {
        let more: Vec<Field> = length.map(|it| field("content-length", it)).into_iter().collect();
        let head = frame(1, 4, 1, &literal(&with(&more)));
        let data = frame(0, u8::from(ends), 1, body);
        deal_with(&stagegate, &[head, data].concat()).await;
    }
    // Trailers cannot change what was said of the body, or name another place.
    let trailers = [field("content-length", "1"), field("host", "other.test"), field("x-sum", "1")];
    for trailers in
        [&trailers[..], &[field(":path", "/smuggled")], &[field("transfer-encoding", "x")]]
    {
        let frames = [
            frame(1, 4, 1, &literal(&pseudo())),
            frame(0, 0, 1, b"body"),
            frame(1, 5, 1, &literal(trailers)),
        ];
        deal_with(&stagegate, &frames.concat()).await;
    }
    eventually_async("every arrival to be counted", async || {
        let counted = stagegate.admin.metric("stagegate_requests_total", &[]).await;
        (counted - backend.arrivals() as f64).abs() < 0.5 && backend.arrivals() >= 3
    })
    .await;
    for seen in backend.seen() {
        assert_eq!(seen.head.start, "POST / HTTP/1.1");
        assert_eq!(seen.head.all("host"), ["agents.test"]);
        let trailers = seen.body.map(|body| body.trailers).unwrap_or_default();
        assert!(trailers.iter().all(|(name, _)| name == "x-sum"), "{trailers:?}");
    }
}
