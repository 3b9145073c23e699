//! Interim answers, asked for and not.

use super::{GET, OK, POST_CHUNKED, Sim};
use stagegate_rollout::Outcome;

const EXPECTS: &str =
    "POST / HTTP/1.1\r\nHost: agent\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

#[test]
fn a_client_that_waits_for_100_gets_the_backends() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(EXPECTS);
    let backend = sim.backend();
    assert_eq!(backend.receives("POST / ").field("expect"), "100-continue");
    client.waits();
    backend.sends(CONTINUE);
    client.receives_body(CONTINUE);
    client.sends("abc");
    backend.receives_body("abc");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("hi");
    backend.stays_open();
    client.stays_open();
}

#[test]
fn a_client_that_waits_in_vain_is_told_by_the_proxy() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(EXPECTS);
    let backend = sim.backend();
    backend.receives("POST / ");
    sim.passes(std::time::Duration::from_millis(900));
    client.waits();
    sim.passes(std::time::Duration::from_millis(200));
    client.receives_body(CONTINUE);
    client.sends("abc");
    backend.receives_body("abc");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("hi");
    client.stays_open();
}

#[test]
fn a_client_that_sends_its_body_without_waiting_is_told_nothing() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(EXPECTS);
    client.sends("abc");
    let backend = sim.backend();
    backend.receives("POST / ");
    backend.receives_body("abc");
    sim.passes(std::time::Duration::from_millis(1100));
    client.waits();
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
}

#[test]
fn a_final_answer_instead_of_100_ends_the_connection() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(EXPECTS);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n");
    client.receives("HTTP/1.1 401 Who\r\n");
    // The body may come or not: nobody can tell where the next request begins.
    client.sees_the_end();
    backend.is_dropped();
}

#[test]
fn the_proxy_says_100_itself_where_only_the_body_tells_who_asks() {
    let sim = Sim::with(|setup| {
        setup.agent().identity.user = vec![stagegate_settings::Source::Body("/user".into())];
        setup.agent().identity.max_inspect_bytes = 100;
    });
    let client = sim.client();
    client.sends(
        "POST / HTTP/1.1\r\nHost: agent\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\
         Expect: 100-continue\r\n\r\n",
    );
    client.receives_body(CONTINUE);
    sim.no_backend();
    client.sends(r#"{"user":"jane"}"#);
    let backend = sim.backend();
    assert_eq!(backend.receives("POST / ").field("expect"), "");
    backend.receives_body(r#"{"user":"jane"}"#);
}

#[test]
fn interim_answers_nobody_asked_for_pass_in_their_order() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    client.receives("HTTP/1.1 102 Processing\r\n");
    assert_eq!(client.receives("HTTP/1.1 103 Early Hints\r\n").field("link"), "</a>");
    client.waits();
    backend.sends(CONTINUE);
    backend.sends(OK);
    client.receives(CONTINUE);
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("hi");
    assert_eq!(sim.outcome(), Outcome::Ok);
}

#[test]
fn an_http_1_0_client_gets_no_interim_answer() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("GET / HTTP/1.0\r\n\r\n");
    let backend = sim.backend();
    backend.sends("HTTP/1.1 103 Early Hints\r\n\r\n");
    client.waits();
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
}

#[test]
fn interim_answers_without_end_are_refused() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    for _ in 0..100 {
        backend.sends("HTTP/1.1 102 Processing\r\n\r\n");
        client.receives("HTTP/1.1 102 Processing\r\n");
    }
    client.waits();
    backend.sends("HTTP/1.1 102 Processing\r\n\r\n");
    client.receives("HTTP/1.1 502 ");
    client.sees_the_end();
    backend.is_dropped();
}

#[test]
fn a_reset_after_an_interim_answer_is_a_502() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 103 Early Hints\r\n\r\n");
    client.receives("HTTP/1.1 103 ");
    backend.resets();
    let head = client.receives("HTTP/1.1 502 ");
    assert_eq!(head.field("stagegate-reason"), "upstream_reset");
    assert_eq!(sim.outcome(), Outcome::Transient);
}

#[test]
fn a_request_that_fails_with_half_an_interim_answer_out_is_broken_off() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_CHUNKED);
    let backend = sim.backend();
    client.reads(5);
    backend.sends("HTTP/1.1 103 Early Hints\r\n\r\n");
    client.receives_body("HTTP/");
    client.sends("no chunk\r\n");
    client.reads(usize::MAX);
    // An answer of the proxy's own would only continue the half that is out.
    client.receives_body("");
    client.is_dropped();
    backend.is_dropped();
}
