//! Requests inside requests: legal bytes that a careless pair of servers would cut differently.
//! Whatever is sent, the backend sees exactly the requests that the proxy answered and counted.

use crate::harness::{Backend, End, Setup, Stagegate, Workload, eventually_async, request};
use std::collections::BTreeSet;

/// Looks like a request and is a body.
const INNER: &str = "GET /smuggled HTTP/1.1\r\nHost: agents.test\r\nX-Inner: 1\r\n\r\n";

/// Legal requests, sent at once on one connection, and what the backend must see of them.
struct Case {
    name: String,
    bytes: String,
    /// Target and body of each request, in order.
    seen: Vec<(&'static str, String)>,
}

fn case(name: impl Into<String>, bytes: String, seen: &[(&'static str, &str)]) -> Case {
    let seen = seen.iter().map(|(target, body)| (*target, (*body).to_owned())).collect();
    Case { name: name.into(), bytes, seen }
}

fn head(line: &str, fields: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: agents.test\r\n{fields}\r\n")
}

fn chunk(data: &str, extension: &str) -> String {
    format!("{:x}{extension}\r\n{data}\r\n", data.len())
}

fn of_length(body: &str) -> String {
    format!("Content-Length: {}\r\n", body.len())
}

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    // A body that is a request, under each method and each framing.
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "QUERY", "FOO"] {
        cases.push(case(
            format!("{method} with a request as its body"),
            head(&format!("{method} /outer"), &of_length(INNER)) + INNER,
            &[("/outer", INNER)],
        ));
        cases.push(case(
            format!("{method} with a request as its only chunk"),
            head(&format!("{method} /outer"), CHUNKED) + &chunk(INNER, "") + "0\r\n\r\n",
            &[("/outer", INNER)],
        ));
        // CL.0: a server that believes that this method has no body answers the inner request.
        cases.push(case(
            format!("{method} without a body, then another request"),
            head(&format!("{method} /outer"), "Content-Length: 0\r\n") + &head("GET /next", ""),
            &[("/outer", ""), ("/next", "")],
        ));
    }
    for (name, extension) in [
        ("extension", ";a"),
        ("extension with a value", ";a=b"),
        ("quoted extension", ";a=\"b;c\""),
        ("extension that looks like a size", ";5"),
        ("extension that names a coding", ";transfer-encoding=identity"),
        ("space before an extension", " ;a"),
        ("extension full of hexadecimal digits", ";ffff=ffff"),
        ("extension that quotes a request line", ";GET=/smuggled"),
    ] {
        cases.push(case(
            name,
            head("POST /outer", CHUNKED) + &chunk(INNER, extension) + "0\r\n\r\n",
            &[("/outer", INNER)],
        ));
    }
    for (name, size) in [
        ("size with zeros before it", "0003"),
        ("size in capitals", "00C"),
        ("size of fifteen digits", "000000000000003"),
    ] {
        let data = &"abcdefghijklmno"[..usize::from_str_radix(size, 16).unwrap_or(0)];
        cases.push(case(
            name,
            head("POST /outer", CHUNKED) + &format!("{size}\r\n{data}\r\n00\r\n\r\n"),
            &[("/outer", data)],
        ));
    }
    for (name, coding) in [
        ("coding in capitals", "Transfer-Encoding: CHUNKED\r\n"),
        ("coding in mixed letters", "transfer-ENCODING: cHuNkEd\r\n"),
        ("coding after a tab", "Transfer-Encoding:\tchunked\r\n"),
        ("coding without a space", "Transfer-Encoding:chunked\r\n"),
        ("coding before spaces", "Transfer-Encoding: chunked  \r\n"),
    ] {
        cases.push(case(
            name,
            head("POST /outer", coding) + &chunk("hello", "") + "0\r\n\r\n",
            &[("/outer", "hello")],
        ));
    }
    let large = of_length(INNER);
    for (name, fields) in [
        ("a body that waits for permission", format!("Expect: 100-continue\r\n{large}")),
        (
            "a body that waits for permission twice",
            format!("Expect: 100-continue\r\nExpect: 100-continue\r\n{large}"),
        ),
        ("an upgrade with a body", format!("Connection: Upgrade\r\nUpgrade: websocket\r\n{large}")),
        (
            "a length and what hides as the coding",
            format!("{large}Transfer_Encoding: chunked\r\nTransfer-Encodin: chunked\r\n"),
        ),
    ] {
        cases.push(case(
            name,
            head("POST /outer", &fields) + INNER + &head("GET /next", ""),
            &[("/outer", INNER), ("/next", "")],
        ));
    }
    cases.push(case(
        "permission without a body",
        head("GET /outer", "Expect: 100-continue\r\n") + &head("GET /next", ""),
        &[("/outer", ""), ("/next", "")],
    ));
    cases.push(case(
        "an old request on a kept connection",
        format!(
            "POST /outer HTTP/1.0\r\nHost: agents.test\r\nConnection: keep-alive\r\n{large}\r\n{INNER}"
        ) + &head("GET /next", ""),
        &[("/outer", INNER), ("/next", "")],
    ));
    // Fields that another server might read as the framing.
    for (name, fields) in [
        ("a field that ends like the length", "X-Content-Length: 500\r\n"),
        ("a field that ends like the coding", "X-Transfer-Encoding: chunked\r\n"),
        ("the length with an underscore", "Content_Length: 500\r\n"),
        ("the coding with an underscore", "Transfer_Encoding: chunked\r\n"),
        ("the coding in the connection's upgrade", "TE: chunked\r\n"),
        ("a trailer that announces the length", "Trailer: Content-Length\r\n"),
        ("a method override", "X-HTTP-Method-Override: CONNECT\r\n"),
        ("an original URL", "X-Original-URL: /smuggled\r\nX-Rewrite-URL: /smuggled\r\n"),
        ("a forwarded host", "X-Forwarded-Host: other.test\r\nForwarded: host=other.test\r\n"),
        (
            "an upgrade nobody takes",
            "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n",
        ),
        ("two values in one line", "X-A: 1, Transfer-Encoding: chunked\r\n"),
    ] {
        cases.push(case(
            name,
            head("POST /outer", &format!("{fields}{}", of_length("hello")))
                + "hello"
                + &head("GET /next", ""),
            &[("/outer", "hello"), ("/next", "")],
        ));
    }
    for (name, trailer) in [
        ("a trailer that is the length", "Content-Length: 500\r\n"),
        ("a trailer that is the coding", "Transfer-Encoding: chunked\r\n"),
        ("a trailer that is the host", "Host: other.test\r\n"),
        ("a trailer that closes the connection", "Connection: close\r\n"),
        ("a trailer that forces an arm", "stagegate-force: candidate;exp=9999999999;sig=00\r\n"),
    ] {
        cases.push(case(
            name,
            head("POST /outer", CHUNKED)
                + &chunk("hello", "")
                + &format!("0\r\n{trailer}\r\n")
                + &head("GET /next", ""),
            &[("/outer", "hello"), ("/next", "")],
        ));
    }
    cases.push(case(
        "a pipeline in which every body is a request",
        (0..4).map(|_| head("POST /outer", &of_length(INNER)) + INNER).collect(),
        &[("/outer", INNER); 4],
    ));
    cases.push(case(
        "a request in many small chunks",
        head("POST /outer", CHUNKED)
            + &INNER.split_inclusive('\n').map(|line| chunk(line, "")).collect::<String>()
            + "0\r\n\r\n"
            + &head("GET /next", ""),
        &[("/outer", INNER), ("/next", "")],
    ));
    cases.push(case(
        "an absolute target",
        "GET http://agents.test/outer HTTP/1.1\r\nHost: agents.test\r\n\r\n".to_owned(),
        &[("/outer", "")],
    ));
    cases.push(case(
        "empty lines before a request",
        head("POST /outer", &of_length("hello")) + "hello\r\n\r\n" + &head("GET /next", ""),
        &[("/outer", "hello"), ("/next", "")],
    ));
    cases
}

#[tokio::test]
async fn a_backend_sees_the_requests_that_were_counted_and_no_other() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let cases = all();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "every case has a name of its own");

    let (mut wrong, mut expected) = (Vec::new(), 0);
    for case in &cases {
        let before = backend.seen().len();
        let mut wire = stagegate.connect().await;
        wire.send(&case.bytes).await;
        for (number, (target, _)) in case.seen.iter().enumerate() {
            let method = if case.bytes.starts_with("HEAD") && number == 0 { "HEAD" } else { "GET" };
            let status = wire.response(method).await.status();
            if status != 200 {
                wrong.push(format!("{}: {target} was answered with {status}", case.name));
            }
        }
        // Still in step: the next answer on this connection is that of the next request.
        let last = wire.ask(&request("GET /last", &[])).await;
        if last.status() != 200 {
            wrong.push(format!("{}: out of step, {}", case.name, last.status()));
        }
        expected += case.seen.len() + 1;
        let seen: Vec<(String, String)> = backend.seen()[before..]
            .iter()
            .map(|seen| {
                let body = seen.body.as_ref().filter(|body| body.end == End::Complete);
                let text = body.map(|body| String::from_utf8_lossy(&body.bytes).into_owned());
                (seen.head.target().to_owned(), text.unwrap_or_else(|| "incomplete".to_owned()))
            })
            .collect();
        let mut wanted: Vec<(String, String)> =
            case.seen.iter().map(|(target, body)| ((*target).to_owned(), body.clone())).collect();
        wanted.push(("/last".to_owned(), String::new()));
        if seen != wanted {
            wrong.push(format!("{}: the backend saw {seen:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(backend.seen().len(), expected);
    let disguised = |name: &str| name.contains('_');
    let seen = backend.seen();
    let mut names = seen.iter().flat_map(|seen| seen.head.fields.iter().map(|(name, _)| name));
    assert!(!names.any(|name| disguised(name)), "a field behind underscores arrived");
    eventually_async("every request to be counted", async || {
        let counted = stagegate.admin.metric("stagegate_requests_total", &["outcome=\"ok\""]);
        counted.await == expected as f64
    })
    .await;
}
