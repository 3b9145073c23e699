//! Ends that come early: clients and backends that leave, plans that move, drains and cuts.

use super::sim::{CANDIDATE, FIRST};
use super::{GET, OK, POST_10, Sim};
use stagegate_rollout::{Outcome, Weight};
use std::time::Duration;

#[test]
fn a_client_that_leaves_before_its_head_costs_nothing() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("GET / HT");
    client.ends();
    client.receives_body("");
    client.is_dropped();
    assert_eq!((sim.connections(), sim.told().len()), (0, 0));
}

#[test]
fn a_client_that_leaves_during_its_body_takes_the_backend_with_it() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_10);
    let backend = sim.backend();
    client.sends("0123");
    client.ends();
    backend.is_dropped();
    client.is_dropped();
    assert_eq!(sim.outcome(), Outcome::ClientGone);
}

#[test]
fn a_client_that_leaves_during_its_answer_takes_the_backend_with_it() {
    for resets in [false, true] {
        let sim = Sim::new();
        let client = sim.client();
        client.sends(GET);
        let backend = sim.backend();
        backend.sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi");
        if resets {
            client.resets();
        } else {
            client.ends();
        }
        backend.is_dropped();
        client.is_dropped();
        assert_eq!(sim.outcome(), Outcome::ClientGone);
    }
}

#[test]
fn a_client_that_closes_its_half_while_it_waits_is_gone() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    client.ends();
    backend.is_dropped();
    assert_eq!(sim.outcome(), Outcome::ClientGone);
}

#[test]
fn a_reset_before_the_head_is_a_502() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 200");
    backend.resets();
    let head = client.receives("HTTP/1.1 502 ");
    assert_eq!(head.field("stagegate-reason"), "upstream_reset");
    assert_eq!(sim.outcome(), Outcome::Transient);
}

#[test]
fn a_reset_after_the_head_breaks_the_answer_off() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    backend.resets();
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("");
    client.is_dropped();
    assert_eq!(sim.outcome(), Outcome::Permanent);
}

#[test]
fn a_backend_that_ends_its_half_after_a_whole_answer_has_answered() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_10);
    let backend = sim.backend();
    client.sends("0123456789");
    backend.sends(OK);
    backend.ends();
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("hi");
    client.stays_open();
}

#[test]
fn a_request_whose_plan_moves_before_it_leaves_is_decided_again() {
    let sim = Sim::with(|setup| setup.weight = Weight::FULL);
    sim.hangs(CANDIDATE);
    let client = sim.client();
    client.sends(GET);
    sim.publishes(Weight::ZERO);
    sim.accepts(CANDIDATE);
    // The connection was opened for nothing: no byte reached the candidate.
    let unused = sim.backend_at(CANDIDATE);
    unused.receives_body("");
    let backend = sim.backend_at(FIRST);
    backend.receives("GET / ");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    assert_eq!(sim.told()[0].release, "v1");
}

#[test]
fn a_request_that_has_left_is_not_decided_again() {
    let sim = Sim::with(|setup| setup.weight = Weight::FULL);
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend_at(CANDIDATE);
    sim.publishes(Weight::ZERO);
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    assert_eq!(sim.told()[0].release, "v2");
    client.sends(GET);
    sim.backend_at(FIRST).receives("GET / ");
}

#[test]
fn a_cut_ends_the_candidates_answers_and_nobody_elses() {
    let sim = Sim::with(|setup| setup.weight = Weight::FULL);
    let cut = sim.client();
    cut.sends(GET);
    let candidate = sim.backend_at(CANDIDATE);
    candidate.sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi");
    sim.publishes(Weight::ZERO);
    let spared = sim.client();
    spared.sends(GET);
    sim.cuts();
    cut.is_dropped();
    candidate.is_dropped();
    assert_eq!(sim.outcome(), Outcome::ClientGone);
    sim.backend().sends(OK);
    spared.receives("HTTP/1.1 200 OK\r\n");
}

#[test]
fn a_drain_closes_after_the_answer_under_way() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    sim.drains();
    client.waits();
    backend.sends(OK);
    assert_eq!(client.receives("HTTP/1.1 200 OK\r\n").field("connection"), "close");
    client.receives_body("hi");
    client.sees_the_end();
    client.ends();
    assert_eq!(sim.connections(), 0);
}

#[test]
fn a_drain_closes_clients_between_two_requests_at_once() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    sim.backend().sends(OK);
    client.received();
    client.stays_open();
    sim.drains();
    client.is_dropped();
    assert_eq!(sim.connections(), 0);
}

#[test]
fn a_client_let_in_before_a_drain_may_still_ask() {
    let sim = Sim::new();
    let (asks, silent) = (sim.client(), sim.client());
    sim.drains();
    asks.sends(GET);
    sim.backend().sends(OK);
    assert_eq!(asks.receives("HTTP/1.1 200 OK\r\n").field("connection"), "close");
    silent.stays_open();
    sim.passes(Duration::from_millis(1100));
    silent.is_dropped();
}
