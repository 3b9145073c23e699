//! Tests of request heads: refused ones, forwarded fields and removed fields.

use super::{GET, OK, Sim};
use std::time::Duration;

/// Sends a head that is refused with this status, without a word to the backend.
#[track_caller]
fn refused(head: &str, status: &str) {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(head);
    client.receives(&format!("HTTP/1.1 {status}"));
    client.sees_the_end();
    sim.no_backend();
}

#[test]
fn a_request_and_its_answer() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("GET /a?b=c HTTP/1.1\r\nHost: agent\r\nX-A: 1\r\nx-request-id: r-1\r\n\r\n");
    let backend = sim.backend();
    let head = backend.receives("GET /a?b=c HTTP/1.1\r\nHost: agent\r\nX-A: 1\r\n");
    assert_eq!(head.field("x-request-id"), "r-1");
    assert_eq!(head.field("stagegate-release"), "v1");
    assert_eq!(head.field("x-forwarded-for"), "192.0.2.1");
    backend.sends(OK);
    let head = client.receives("HTTP/1.1 200 OK\r\n");
    assert_eq!(head.field("x-request-id"), "r-1");
    client.receives_body("hi");
    client.stays_open();
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends_byte_by_byte("\r\n\r\nGET / HTTP/1.1\r\nHost: agent\r\n\r\n");
    sim.backend().receives("GET / HTTP/1.1\r\n");
}

#[test]
fn an_absolute_target_becomes_a_path_and_a_host() {
    let sim = Sim::new();
    sim.client()
        .sends("GET http://agent.example:81/a?b HTTP/1.1\r\nHost: agent.example:81\r\n\r\n");
    let head = sim.backend().receives("GET /a?b HTTP/1.1\r\n");
    assert_eq!(head.field("host"), "agent.example:81");
}

#[test]
fn an_absolute_target_without_a_path_means_the_root() {
    for scheme in ["http", "HTTPS"] {
        let sim = Sim::new();
        sim.client().sends(format!("GET {scheme}://agent HTTP/1.1\r\nHost: agent\r\n\r\n"));
        sim.backend().receives("GET / HTTP/1.1\r\n");
    }
    refused("OPTIONS http://agent HTTP/1.1\r\nHost: agent\r\n\r\n", "400");
    refused("GET http://agent?a HTTP/1.1\r\nHost: agent\r\n\r\n", "400");
    refused("GET https:/xagent/ HTTP/1.1\r\nHost: agent\r\n\r\n", "400");
}

#[test]
fn an_absolute_target_of_another_host_is_refused() {
    refused("GET http://one/ HTTP/1.1\r\nHost: two\r\n\r\n", "400");
}

#[test]
fn folded_fields_are_refused() {
    refused("GET / HTTP/1.1\r\nHost: agent\r\nX-A: 1\r\n 2\r\n\r\n", "400");
}

#[test]
fn bare_line_feeds_are_refused() {
    refused("GET / HTTP/1.1\nHost: agent\n\n", "400");
}

#[test]
fn two_lengths_are_refused_even_if_they_agree() {
    for second in [3, 4] {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: agent\r\nContent-Length: 3\r\nContent-Length: {second}\r\n\r\nabc"
        );
        refused(&head, "400");
    }
}

#[test]
fn a_length_and_a_coding_are_refused() {
    refused(
        "POST / HTTP/1.1\r\nHost: agent\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "400",
    );
}

#[test]
fn a_coding_nobody_knows_is_refused() {
    refused("POST / HTTP/1.1\r\nHost: agent\r\nTransfer-Encoding: gzip\r\n\r\n", "501");
}

#[test]
fn a_request_without_a_host_is_refused() {
    refused("GET / HTTP/1.1\r\n\r\n", "400");
}

#[test]
fn an_expectation_nobody_knows_is_refused() {
    refused("POST / HTTP/1.1\r\nHost: agent\r\nExpect: a-miracle\r\n\r\n", "417");
}

#[test]
fn a_head_over_the_limit_is_refused() {
    let long = "a".repeat(5000);
    refused(&format!("GET / HTTP/1.1\r\nHost: agent\r\nX-A: {long}\r\n\r\n"), "431");
    let many = "X-A: 1\r\n".repeat(21);
    refused(&format!("GET / HTTP/1.1\r\nHost: agent\r\n{many}\r\n"), "431");
    refused(&format!("GET /{} HTTP/1.1\r\n", "a".repeat(17_000)), "414");
}

#[test]
fn a_connection_option_that_names_the_framing_is_refused() {
    refused("GET / HTTP/1.1\r\nHost: agent\r\nConnection: content-length\r\n\r\n", "400");
}

#[test]
fn fields_that_connection_names_stay_behind_both_ways() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(
        "GET / HTTP/1.1\r\nHost: agent\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n\r\n",
    );
    let backend = sim.backend();
    let head = backend.receives("GET / ");
    assert_eq!((head.field("x-hop"), head.field("x-end")), (String::new(), "2".into()));
    assert_eq!(head.field("connection"), "");
    backend.sends(
        "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\nContent-Length: 0\r\n\r\n",
    );
    let head = client.receives("HTTP/1.1 200 OK\r\n");
    assert_eq!((head.field("x-hop"), head.field("x-end")), (String::new(), "2".into()));
}

#[test]
fn fields_of_one_connection_stay_behind() {
    let sim = Sim::new();
    sim.client().sends(
        "GET / HTTP/1.1\r\nHost: agent\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n\
         Proxy-Authorization: secret\r\nTE: gzip\r\nUpgrade: h2c\r\nstagegate-arm: candidate\r\n\r\n",
    );
    let head = sim.backend().receives("GET / ");
    for gone in ["keep-alive", "proxy-connection", "proxy-authorization", "te", "upgrade"] {
        assert_eq!(head.field(gone), "", "{gone}");
    }
    assert_eq!(head.field("stagegate-arm"), "stable");
}

#[test]
fn a_request_that_came_by_before_is_a_loop() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("GET / HTTP/1.1\r\nHost: agent\r\nVia: 1.1 stagegate-test\r\n\r\n");
    client.receives("HTTP/1.1 508 ");
    sim.no_backend();
}

#[test]
fn an_http_1_0_client_gets_a_plain_body_and_the_end() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("GET / HTTP/1.0\r\n\r\n");
    let backend = sim.backend();
    backend.receives("GET / HTTP/1.1\r\nHost: one.v1:80\r\n");
    backend.sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
    let head = client.receives("HTTP/1.1 200 OK\r\n");
    assert_eq!(
        (head.field("connection"), head.field("transfer-encoding")),
        ("close".into(), String::new())
    );
    client.receives_body("hi");
    client.sees_the_end();
}

#[test]
fn an_http_1_0_client_that_asks_for_it_is_kept() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    sim.backend().sends(OK);
    assert_eq!(client.receives("HTTP/1.1 200 OK\r\n").field("connection"), "keep-alive");
    client.receives_body("hi");
    client.stays_open();
}

#[test]
fn a_client_that_wants_it_so_is_closed_after_the_answer() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("GET / HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n");
    sim.backend().sends(OK);
    assert_eq!(client.receives("HTTP/1.1 200 OK\r\n").field("connection"), "close");
    client.sees_the_end();
    client.ends();
    client.is_dropped();
    assert_eq!(sim.connections(), 0);
}

#[test]
fn a_client_that_never_closes_is_left_after_two_seconds() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("GET / HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n");
    sim.backend().sends(OK);
    client.sends(GET);
    client.sees_the_end();
    sim.passes(Duration::from_millis(2100));
    client.is_dropped();
    sim.no_backend();
}
