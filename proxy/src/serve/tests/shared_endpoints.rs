//! Releases that share endpoints: what makes a request one of its release.

use super::sim::Setup;
use super::{OK, Peer, Sim};
use stagegate_settings::{BodyChange, PathChange, RequestChanges};
use std::sync::Arc;

fn changed(setup: &mut Setup) {
    let changes = RequestChanges {
        set_headers: vec![("x-prompt".into(), "b".into())],
        remove_headers: vec!["x-debug".into()],
        path_prefix: Some(PathChange { from: "/v1".into(), to: "/b/v1".into() }),
        query: vec![("variant".into(), "b".into())],
        host: Some("b.internal".into()),
        set_body: Some(Arc::new(BodyChange { member: "model".into(), value: "\"m-6\"".into() })),
        flags: Vec::new(),
    };
    setup.workload.changes.insert("v1".parse().expect("a name"), Arc::new(changes));
}

/// Sends this head with this body, and gives what the backend got.
fn sent(head: &str, bodies: &[&str]) -> (Sim, Peer, Peer) {
    let sim = Sim::with(changed);
    let client = sim.client();
    client.sends(format!("{head}\r\n\r\n"));
    let backend = sim.backend();
    bodies.iter().for_each(|body| client.sends(body));
    (sim, client, backend)
}

/// A chunked body without its chunks.
fn unchunked(text: &str) -> String {
    let (mut rest, mut body) = (text, String::new());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a size");
        body.push_str(&after[..size]);
        rest = &after[size..];
        if size == 0 {
            assert_eq!(rest, "\r\n", "the end");
            return body;
        }
        rest = rest.strip_prefix("\r\n").expect("the end of a chunk");
    }
    panic!("no end: {text}")
}

#[test]
fn head_path_and_query_are_those_of_the_release() {
    let head =
        "GET /v1/chat?variant=a&x=1 HTTP/1.1\r\nHost: agent\r\nX-Prompt: a\r\nX-Debug: 1\r\nX-A: 1";
    let (_sim, client, backend) = sent(head, &[]);
    let head = backend.receives("GET /b/v1/chat?x=1&variant=b HTTP/1.1\r\nHost: b.internal\r\n");
    assert_eq!((&*head.field("x-prompt"), &*head.field("x-debug")), ("b", ""));
    assert_eq!((&*head.field("x-a"), &*head.field("transfer-encoding")), ("1", ""));
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
}

#[test]
fn a_member_of_the_body_is_set_however_it_comes_and_the_length_is_framed_anew() {
    let body = r#"{"x":[1],"model":"m-5","y":"model"}"#;
    let expected = r#"{"x":[1],"model":"m-6","y":"model"}"#;
    let fields = "POST /v1/chat HTTP/1.1\r\nHost: agent\r\nContent-Type: application/json";
    let whole = format!("{fields}\r\nContent-Length: {}", body.len());
    let (first, last) = body.split_at(20);
    let chunks = format!("{:x}\r\n{first}\r\n", first.len());
    let end = format!("{:x}\r\n{last}\r\n0\r\n\r\n", last.len());
    let chunked = format!("{fields}\r\nTransfer-Encoding: chunked");
    for (head, bodies) in [
        (&whole, vec![body]),
        (&whole, vec![first, last]),
        (&chunked, vec![chunks.as_str(), end.as_str()]),
    ] {
        let (_sim, client, backend) = sent(head, &bodies);
        let head = backend.receives("POST /b/v1/chat?variant=b ");
        assert_eq!(
            (&*head.field("content-length"), &*head.field("transfer-encoding")),
            ("", "chunked")
        );
        assert_eq!(unchunked(&backend.received()), expected);
        backend.sends(OK);
        client.receives("HTTP/1.1 200 OK\r\n");
        client.stays_open();
    }
}

#[test]
fn a_client_spells_nothing_around_its_release() {
    let head = "POST /%76%31/chat?vari%61nt=a HTTP/1.1\r\nHost: agent\r\nX_Prompt: a\r\nx_debug: 1\r\nTransfer-Encoding: chunked";
    let (_sim, _client, backend) =
        sent(head, &["2\r\nab\r\n0\r\nX-Prompt: a\r\nX-Debug: 1\r\nX-Sum: 7\r\n\r\n"]);
    let head = backend.receives("POST /b/v1/chat?variant=b ");
    assert_eq!((&*head.field("x_prompt"), &*head.field("x_debug")), ("", ""));
    backend.receives_body("2\r\nab\r\n0\r\nX-Sum: 7\r\n\r\n");
}

#[test]
fn digests_of_a_body_that_is_changed_stay_behind() {
    let fields = "Content-Digest: sha-256=:x:\r\nContent-MD5: x\r\nDigest: x\r\nRepr-Digest: x";
    for (kind, kept) in [("application/json", ""), ("text/plain", "x")] {
        let head = format!(
            "POST /v1 HTTP/1.1\r\nHost: agent\r\nContent-Type: {kind}\r\nContent-Length: 2\r\n{fields}"
        );
        let (_sim, _client, backend) = sent(&head, &["{}"]);
        let head = backend.receives("POST /b/v1");
        for name in ["content-md5", "digest", "repr-digest"] {
            assert_eq!(head.field(name), kept, "{name}");
        }
    }
}

#[test]
fn what_is_no_plain_json_goes_on_as_it_came() {
    for fields in [
        "Content-Type: text/plain",
        "Content-Type: application/json\r\nContent-Encoding: gzip",
        "X-A: 1",
    ] {
        let head = format!("POST /v1 HTTP/1.1\r\nHost: agent\r\nContent-Length: 13\r\n{fields}");
        let (_sim, _client, backend) = sent(&head, &[r#"{"model":"a"}"#]);
        let head = backend.receives("POST /b/v1?variant=b ");
        assert_eq!(head.field("content-length"), "13");
        backend.receives_body(r#"{"model":"a"}"#);
    }
    let head =
        "POST /v1 HTTP/1.1\r\nHost: agent\r\nContent-Length: 0\r\nContent-Type: application/json";
    let (_sim, client, backend) = sent(head, &[]);
    assert_eq!(backend.receives("POST /b/v1").field("content-length"), "0");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
}

#[test]
fn requests_of_a_release_that_changes_nothing_go_on_as_they_came() {
    let sim = Sim::with(|setup| {
        changed(setup);
        let changes = setup.workload.changes.drain().next().expect("one").1;
        setup.workload.changes.insert("v2".parse().expect("a name"), changes);
    });
    let client = sim.client();
    client.sends("POST /v1?variant=a HTTP/1.1\r\nHost: agent\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    let backend = sim.backend();
    assert_eq!(backend.receives("POST /v1?variant=a ").field("content-length"), "2");
    backend.receives_body("{}");
}
