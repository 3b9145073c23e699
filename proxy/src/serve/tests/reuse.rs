//! Connections that are used again, and requests that are sent again.

use super::sim::{CANDIDATE, FIRST, SECOND};
use super::{GET, OK, POST_10, Peer, Sim};
use stagegate_rollout::{Outcome, Weight};
use std::time::Duration;

const POST: &str = "POST / HTTP/1.1\r\nHost: agent\r\nContent-Length: 0\r\n\r\n";
const BUSY: &str = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";

/// A client and a backend whose connections have carried a request and are kept.
fn kept(sim: &Sim) -> (Peer, Peer) {
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends(OK);
    client.received();
    backend.received();
    assert_eq!(sim.told().len(), 1);
    (client, backend)
}

#[test]
fn both_connections_carry_the_next_request() {
    let sim = Sim::new();
    let (client, backend) = kept(&sim);
    client.sends(GET);
    backend.receives("GET / ");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    sim.no_backend();
}

#[test]
fn a_second_request_that_came_early_is_served_second() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("GET /1 HTTP/1.1\r\nHost: agent\r\n\r\nGET /2 HTTP/1.1\r\nHost: agent\r\n\r\n");
    let backend = sim.backend();
    backend.receives("GET /1 ");
    backend.waits();
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    backend.receives("GET /2 ");
    backend.sends("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
    client.received();
    sim.no_backend();
    assert_eq!(sim.told().len(), 2);
}

#[test]
fn a_second_request_that_came_with_the_body_of_the_first_is_served_second() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_10);
    let backend = sim.backend();
    backend.receives("POST / ");
    client.sends(format!("0123456789{GET}"));
    backend.receives_body("0123456789");
    backend.sends(OK);
    backend.receives("GET / ");
}

#[test]
fn a_connection_that_closed_while_it_was_kept_is_not_used() {
    let sim = Sim::new();
    let (client, backend) = kept(&sim);
    backend.ends();
    client.sends(GET);
    sim.backend().receives("GET / ");
    backend.receives_body("");
}

#[test]
fn a_connection_that_spoke_while_it_was_kept_is_not_used() {
    let sim = Sim::new();
    let (client, backend) = kept(&sim);
    backend.sends("HTTP/1.1 408 Late\r\n\r\n");
    client.sends(GET);
    sim.backend().receives("GET / ");
}

#[test]
fn a_connection_is_kept_for_its_time() {
    let sim = Sim::with(|setup| setup.settings.limits.keep_alive = Duration::from_secs(60));
    let (client, backend) = kept(&sim);
    sim.passes(Duration::from_secs(11));
    client.sends(GET);
    sim.backend().receives("GET / ");
    backend.is_dropped();
}

#[test]
fn a_backend_that_wants_it_so_is_closed() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.receives("HTTP/1.1 200 OK\r\n").field("connection"), "");
    client.stays_open();
    backend.is_dropped();
}

#[test]
fn a_get_on_a_connection_that_proves_dead_is_sent_again_on_a_new_one() {
    let sim = Sim::new();
    let (client, backend) = kept(&sim);
    client.sends(GET);
    backend.receives("GET / ");
    backend.resets();
    let second = sim.backend();
    second.receives("GET / ");
    second.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    let told = sim.told();
    assert_eq!((told[0].outcome, told[0].retries), (Outcome::Ok, 1));
}

#[test]
fn a_post_on_a_connection_that_proves_dead_is_not_sent_again() {
    let sim = Sim::new();
    let (client, backend) = kept(&sim);
    client.sends(POST);
    backend.receives("POST / ");
    backend.ends();
    let head = client.receives("HTTP/1.1 502 ");
    assert_eq!(head.field("stagegate-reason"), "upstream_reset");
    sim.no_backend();
}

#[test]
fn a_post_that_names_itself_is_sent_again() {
    let sim = Sim::new();
    let (client, backend) = kept(&sim);
    client.sends(
        "POST / HTTP/1.1\r\nHost: agent\r\nIdempotency-Key: k\r\nContent-Length: 2\r\n\r\nab",
    );
    backend.ends();
    let second = sim.backend();
    second.receives("POST / ");
    second.receives_body("ab");
}

#[test]
fn a_body_that_is_no_longer_there_is_not_sent_again() {
    let sim = Sim::new();
    let (client, backend) = kept(&sim);
    client.sends("PUT / HTTP/1.1\r\nHost: agent\r\nContent-Length: 4\r\n\r\n");
    client.sends("ab");
    backend.resets();
    client.receives("HTTP/1.1 502 ");
    sim.no_backend();
}

#[test]
fn a_new_connection_that_closes_without_an_answer_is_not_tried_again() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.receives("GET / ");
    backend.ends();
    client.receives("HTTP/1.1 502 ");
    sim.no_backend();
    assert_eq!(sim.outcome(), Outcome::Transient);
}

#[test]
fn the_second_connection_that_dies_is_the_last() {
    let sim = Sim::new();
    let (client, backend) = kept(&sim);
    client.sends(GET);
    backend.ends();
    sim.backend().ends();
    client.receives("HTTP/1.1 502 ");
    sim.no_backend();
}

#[test]
fn an_endpoint_that_refuses_is_passed_over() {
    let sim = Sim::with(super::sim::Setup::two_endpoints);
    sim.refuses(FIRST);
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend_at(SECOND);
    backend.receives("GET / ");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    let told = sim.told();
    assert_eq!((told[0].outcome, told[0].retries), (Outcome::Ok, 1));
}

#[test]
fn no_endpoint_is_a_502_and_the_client_may_ask_again() {
    let sim = Sim::with(super::sim::Setup::two_endpoints);
    sim.refuses(FIRST);
    sim.refuses(SECOND);
    let client = sim.client();
    client.sends(GET);
    let head = client.receives("HTTP/1.1 502 ");
    assert_eq!(head.field("stagegate-reason"), "upstream_connect");
    client.received();
    client.stays_open();
    sim.accepts(FIRST);
    client.sends(GET);
    sim.backend().receives("GET / ");
}

#[test]
fn requests_of_a_candidate_that_takes_no_connection_fall_back_to_stable() {
    let sim = Sim::with(|setup| {
        setup.weight = Weight::FULL;
        setup.agent().fallback_to_stable = stagegate_settings::FallbackToStable::OnConnectError;
    });
    sim.refuses(CANDIDATE);
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    assert_eq!(backend.receives("GET / ").field("stagegate-arm"), "stable");
}

#[test]
fn an_unavailable_endpoint_is_asked_again_after_a_wait() {
    let sim = Sim::with(|setup| setup.agent().retry.unavailable = true);
    let client = sim.client();
    client.sends(GET);
    sim.backend().sends(BUSY);
    client.waits();
    sim.no_backend();
    sim.passes(Duration::from_millis(100));
    sim.backend().sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
}

#[test]
fn an_unavailable_endpoint_that_asks_for_much_patience_is_passed_on() {
    let sim = Sim::with(|setup| setup.agent().retry.unavailable = true);
    let client = sim.client();
    client.sends(GET);
    sim.backend().sends("HTTP/1.1 503 Busy\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n");
    client.receives("HTTP/1.1 503 Busy\r\n");
    sim.no_backend();
}
