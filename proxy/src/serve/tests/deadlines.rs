//! Deadlines: each fires for whom it is meant, and progress puts it off.

use super::sim::{FIRST, SECOND, Setup};
use super::{GET, OK, POST_10, Sim};
use stagegate_rollout::Outcome;
use std::time::Duration;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_head_that_trickles_in_is_late_all_the_same() {
    let sim = Sim::new();
    let client = sim.client();
    for byte in GET.as_bytes().iter().take(12) {
        client.sends([*byte]);
        sim.passes(ms(100));
    }
    client.receives("HTTP/1.1 408 ");
    client.sees_the_end();
    sim.no_backend();
}

#[test]
fn a_client_that_says_nothing_is_closed_without_a_word() {
    let sim = Sim::new();
    let client = sim.client();
    sim.passes(ms(1100));
    client.receives_body("");
    client.is_dropped();
}

#[test]
fn a_client_between_two_requests_has_its_own_time() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    sim.backend().sends(OK);
    client.received();
    sim.passes(ms(4900));
    client.stays_open();
    sim.passes(ms(200));
    client.receives_body("");
    client.is_dropped();
}

#[test]
fn a_body_that_stalls_is_the_clients_fault() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_10);
    let backend = sim.backend();
    sim.passes(ms(1900));
    client.sends("01234");
    sim.passes(ms(1900));
    client.waits();
    sim.passes(ms(200));
    client.receives("HTTP/1.1 408 ");
    backend.is_dropped();
    assert_eq!(sim.outcome(), Outcome::ClientGone);
}

#[test]
fn an_endpoint_that_nobody_reaches_in_time_is_a_504() {
    let sim = Sim::new();
    sim.hangs(FIRST);
    let client = sim.client();
    client.sends(GET);
    sim.passes(ms(900));
    client.waits();
    sim.passes(ms(200));
    let head = client.receives("HTTP/1.1 504 ");
    assert_eq!(head.field("stagegate-reason"), "connect_timeout");
}

#[test]
fn an_endpoint_that_hangs_is_passed_over_in_time() {
    let sim = Sim::with(Setup::two_endpoints);
    sim.hangs(FIRST);
    sim.client().sends(GET);
    sim.passes(ms(1100));
    sim.backend_at(SECOND).receives("GET / ");
}

#[test]
fn a_backend_that_does_not_answer_is_a_504() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    sim.passes(ms(1900));
    client.waits();
    sim.passes(ms(200));
    let head = client.receives("HTTP/1.1 504 ");
    assert_eq!(head.field("stagegate-reason"), "first_byte_timeout");
    backend.is_dropped();
    assert_eq!(sim.outcome(), Outcome::Transient);
}

#[test]
fn the_time_for_the_first_byte_begins_when_the_request_is_out() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_10);
    let backend = sim.backend();
    for digit in "0123456789".as_bytes() {
        sim.passes(ms(1000));
        client.sends([*digit]);
    }
    sim.passes(ms(1900));
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
}

#[test]
fn an_answer_that_stalls_is_broken_off() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    for _ in 0..2 {
        sim.passes(ms(2900));
        backend.sends("x");
    }
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("xx");
    client.stays_open();
    sim.passes(ms(3100));
    client.is_dropped();
    assert_eq!(sim.outcome(), Outcome::Permanent);
}

#[test]
fn a_client_that_stops_reading_is_given_up_and_nobody_is_blamed() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    client.reads(0);
    backend.sends(OK);
    sim.passes(ms(3100));
    client.is_dropped();
    backend.is_dropped();
    assert_eq!(sim.outcome(), Outcome::ClientGone);
}

#[test]
fn the_whole_request_has_a_time_that_progress_does_not_put_off() {
    let sim = Sim::with(|setup| setup.agent().timeouts.total = Some(ms(5000)));
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    for _ in 0..4 {
        sim.passes(ms(1000));
        backend.sends("x");
    }
    client.stays_open();
    sim.passes(ms(1100));
    client.is_dropped();
    assert_eq!(sim.outcome(), Outcome::Permanent);
}

#[test]
fn the_whole_time_is_a_504_where_no_answer_has_begun() {
    let sim = Sim::with(|setup| setup.agent().timeouts.total = Some(ms(500)));
    let client = sim.client();
    client.sends(GET);
    sim.passes(ms(600));
    let head = client.receives("HTTP/1.1 504 ");
    assert_eq!(head.field("stagegate-reason"), "total_timeout");
}

#[test]
fn a_wait_before_a_retry_does_not_outlast_the_whole_time() {
    let sim = Sim::with(|setup| {
        setup.agent().timeouts.total = Some(ms(500));
        setup.agent().retry.unavailable = true;
    });
    let client = sim.client();
    client.sends(GET);
    sim.backend().sends("HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
    sim.passes(ms(600));
    client.receives("HTTP/1.1 504 ");
    sim.no_backend();
}
