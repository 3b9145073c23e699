//! Tests of responses: their ends, and responses that break their framing.

use super::{GET, OK, Sim};
use stagegate_rollout::Outcome;

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The backend's answer to a GET is refused as malformed, and its connection dropped.
#[track_caller]
fn malformed(answer: &str) {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends(answer);
    let head = client.receives("HTTP/1.1 502 ");
    assert_eq!(head.field("stagegate-reason"), "upstream_malformed");
    client.sees_the_end();
    backend.is_dropped();
    assert_eq!(sim.outcome(), Outcome::Permanent);
}

#[test]
fn an_answer_that_is_no_http_is_refused() {
    malformed("SSH-2.0-OpenSSH\r\n\r\n");
    malformed("HTTP/1.1 99 Low\r\n\r\n");
    malformed("HTTP/1.1 200 OK\nContent-Length: 0\n\n");
}

#[test]
fn an_answer_with_two_ends_is_refused() {
    malformed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na");
    malformed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
    malformed("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n");
}

#[test]
fn a_length_said_twice_is_passed_on_once() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    sim.backend().sends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(client.receives("HTTP/1.1 200 OK\r\n").field("content-length"), "2");
    client.receives_body("hi");
}

#[test]
fn an_answer_head_without_end_is_refused() {
    malformed(&format!("HTTP/1.1 200 OK\r\n{}", "X-A: 1\r\n".repeat(10_000)));
}

#[test]
fn a_body_longer_than_its_length_is_cut_there_and_the_connection_not_used_again() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi HTTP/1.1 200 Hidden");
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("hi");
    client.stays_open();
    backend.is_dropped();
}

#[test]
fn a_body_shorter_than_its_length_looks_broken_off() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi");
    backend.ends();
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("hi");
    client.is_dropped();
    assert_eq!(sim.outcome(), Outcome::Permanent);
}

#[test]
fn chunks_cut_in_any_place_never_look_whole() {
    let body = "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n";
    for cut in 0..body.len() {
        let sim = Sim::new();
        let client = sim.client();
        client.sends(GET);
        let backend = sim.backend();
        backend.sends(CHUNKED);
        backend.sends(&body[..cut]);
        backend.ends();
        client.receives("HTTP/1.1 200 OK\r\n");
        let got = client.received();
        assert!(!got.contains("0\r\n"), "cut at {cut}: {got:?}");
        client.is_dropped();
        backend.is_dropped();
        assert_eq!(sim.outcome(), Outcome::Permanent, "cut at {cut}");
    }
}

#[test]
fn chunks_in_any_two_pieces_are_the_same() {
    let body = "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n";
    for cut in 1..body.len() {
        let sim = Sim::new();
        let client = sim.client();
        client.sends(GET);
        let backend = sim.backend();
        backend.sends(CHUNKED);
        backend.sends(&body[..cut]);
        backend.sends(&body[cut..]);
        client.receives("HTTP/1.1 200 OK\r\n");
        client.receives_body("3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n");
        client.stays_open();
        backend.stays_open();
    }
}

#[test]
fn chunks_that_break_their_framing_are_broken_off() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends(CHUNKED);
    backend.sends("2\r\nhixx");
    client.receives("HTTP/1.1 200 OK\r\n");
    client.is_dropped();
    backend.is_dropped();
}

#[test]
fn chunks_that_break_their_framing_before_any_byte_is_out_are_refused() {
    malformed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n");
}

#[test]
fn trailers_pass_and_those_that_would_be_acted_on_do_not() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("GET / HTTP/1.1\r\nHost: agent\r\nTE: trailers\r\n\r\n");
    let backend = sim.backend();
    assert_eq!(backend.receives("GET / ").field("te"), "trailers");
    backend.sends(CHUNKED);
    backend.sends("0\r\nX-Checksum: 7\r\nSet-Cookie: a=b\r\n\r\n");
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("0\r\nX-Checksum: 7\r\n\r\n");
}

#[test]
fn an_answer_that_ends_with_its_connection_becomes_chunks() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 200 OK\r\n\r\nhel");
    assert_eq!(client.receives("HTTP/1.1 200 OK\r\n").field("transfer-encoding"), "chunked");
    backend.sends("lo");
    backend.ends();
    client.receives_body("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    client.stays_open();
    assert_eq!(sim.outcome(), Outcome::Ok);
}

#[test]
fn an_answer_that_ends_with_a_reset_is_not_whole() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 200 OK\r\n\r\nhel");
    backend.resets();
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("3\r\nhel\r\n");
    client.is_dropped();
}

#[test]
fn an_http_1_0_client_learns_of_a_broken_answer_by_a_reset() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("GET / HTTP/1.0\r\n\r\n");
    let backend = sim.backend();
    backend.sends("HTTP/1.1 200 OK\r\n\r\nhel");
    backend.resets();
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("hel");
    client.is_reset();
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    for (request, answer) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("GET", "HTTP/1.1 204 None\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let sim = Sim::new();
        let client = sim.client();
        client.sends(format!("{request} / HTTP/1.1\r\nHost: agent\r\n\r\n"));
        let backend = sim.backend();
        backend.sends(answer);
        client.receives(&answer[..12]);
        client.waits();
        assert_eq!(sim.outcome(), Outcome::Ok, "{request} {answer}");
        backend.stays_open();
    }
}

#[test]
fn lengths_pass_where_they_speak_of_a_body_that_is_not_sent() {
    for (answer, length) in [("304 Same", "5"), ("204 None", "")] {
        let sim = Sim::new();
        let client = sim.client();
        client.sends(GET);
        sim.backend().sends(format!("HTTP/1.1 {answer}\r\nContent-Length: 5\r\n\r\n"));
        assert_eq!(client.receives("HTTP/1.1 ").field("content-length"), length, "{answer}");
    }
}

#[test]
fn a_body_behind_an_answer_that_has_none_is_not_passed_on() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("HEAD / HTTP/1.1\r\nHost: agent\r\n\r\n");
    let backend = sim.backend();
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    client.waits();
    backend.is_dropped();
}

#[test]
fn a_client_that_does_not_read_stops_the_backend_from_being_read() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    client.receives("HTTP/1.1 200 OK\r\n");
    client.reads(1000);
    for _ in 0..20 {
        backend.sends([b'x'; 50_000]);
    }
    assert!(backend.unread() >= 900_000, "one read is held at most: {}", backend.unread());
    assert_eq!(client.received().len(), 1000);
    client.reads(usize::MAX);
    assert_eq!(backend.unread(), 0);
    assert_eq!(client.received().len(), 999_000);
    assert_eq!(sim.outcome(), Outcome::Ok);
}

#[test]
fn a_failure_is_counted_by_its_class_and_its_words_are_not_kept() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let body = r#"{"error":{"message":"no row 17 for 'ann'","type":"server_error"}}"#;
    sim.backend().sends(format!(
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    client.receives("HTTP/1.1 500 Internal Server Error\r\n");
    client.receives_body(body);
    let series = sim.series();
    let classes: Vec<(&str, u64)> = series.failures.iter().collect();
    let [(class, 1)] = classes[..] else { panic!("one class: {classes:?}") };
    assert!(class.contains(" 500 server_error #"), "{class}");
    assert_eq!(class.len(), class.find('#').expect("a fingerprint") + 9, "{class}");
}
