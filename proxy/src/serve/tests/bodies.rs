//! Request bodies: framing, limits, and answers that come before their end.

use super::{GET, OK, POST_10, POST_CHUNKED, Sim};
use stagegate_rollout::Outcome;

#[test]
fn a_body_goes_on_as_it_comes() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_10);
    let backend = sim.backend();
    assert_eq!(backend.receives("POST / ").field("content-length"), "10");
    client.sends("01234");
    backend.receives_body("01234");
    client.sends("56789");
    backend.receives_body("56789");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    assert_eq!(sim.outcome(), Outcome::Ok);
}

#[test]
fn chunks_and_trailers_go_on_whatever_their_pieces() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_CHUNKED);
    let backend = sim.backend();
    assert_eq!(backend.receives("POST / ").field("transfer-encoding"), "chunked");
    let body = "3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n";
    client.sends_byte_by_byte(body);
    let body = backend.received();
    assert!(body.ends_with("e\r\n0\r\nX-T: 1\r\n\r\n"), "{body}");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    client.stays_open();
}

#[test]
fn trailers_that_no_server_may_act_on_stay_behind() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_CHUNKED);
    let backend = sim.backend();
    backend.receives("POST / ");
    client.sends("0\r\nContent-Length: 5\r\nAuthorization: me\r\nX-T: 1\r\n\r\n");
    backend.receives_body("0\r\nX-T: 1\r\n\r\n");
}

#[test]
fn trailers_without_end_are_refused() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_CHUNKED);
    client.sends(format!("0\r\n{}", "X-T: 1\r\n".repeat(3000)));
    client.receives("HTTP/1.1 400 ");
    client.sees_the_end();
    sim.backend().is_dropped();
}

#[test]
fn a_body_that_breaks_its_chunks_is_refused_and_its_backend_left() {
    for broken in ["x\r\n", "2\r\nabc\r\n", "2\nab\r\n", "-2\r\n", "fffffffffffffffff\r\n"] {
        let sim = Sim::new();
        let client = sim.client();
        client.sends(POST_CHUNKED);
        client.sends(broken);
        client.receives("HTTP/1.1 400 ");
        client.sees_the_end();
        sim.backend().is_dropped();
        assert_eq!(sim.outcome(), Outcome::ClientGone, "{broken}");
    }
}

#[test]
fn a_length_over_the_limit_is_refused_before_any_byte_of_the_body() {
    let sim = Sim::with(|setup| setup.agent().limits.body = 9);
    let client = sim.client();
    client.sends(POST_10);
    client.receives("HTTP/1.1 413 ");
    client.sees_the_end();
    sim.no_backend();
}

#[test]
fn chunks_over_the_limit_are_refused_under_way() {
    let sim = Sim::with(|setup| setup.agent().limits.body = 9);
    let client = sim.client();
    client.sends(POST_CHUNKED);
    let backend = sim.backend();
    client.sends("9\r\n012345678\r\n");
    backend.receives("POST / ");
    client.sends("1\r\n9\r\n");
    client.receives("HTTP/1.1 413 ");
    client.sees_the_end();
    backend.is_dropped();
}

#[test]
fn chunks_over_the_limit_after_the_answer_has_begun_break_it_off() {
    let sim = Sim::with(|setup| setup.agent().limits.body = 9);
    let client = sim.client();
    client.sends(POST_CHUNKED);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    client.sends("a\r\n0123456789\r\n");
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("he");
    client.is_dropped();
    backend.is_dropped();
}

#[test]
fn an_early_answer_passes_while_the_body_flows_and_both_connections_end() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_10);
    let backend = sim.backend();
    backend.receives("POST / ");
    client.sends("012");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("hi");
    client.sees_the_end();
    backend.is_dropped();
    assert_eq!(sim.outcome(), Outcome::Ok);
}

#[test]
fn the_body_flows_on_during_an_early_answer() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_10);
    let backend = sim.backend();
    backend.receives("POST / ");
    backend.sends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");
    client.receives("HTTP/1.1 200 OK\r\n");
    client.sends("0123456789");
    backend.receives_body("0123456789");
    backend.sends("i");
    client.receives_body("hi");
    // Its head came before the whole request had left: the backend may answer the body once more.
    client.stays_open();
    backend.is_dropped();
}

#[test]
fn an_early_answer_with_a_close_reaches_the_client() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_10);
    let backend = sim.backend();
    backend.sends("HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    backend.resets();
    client.receives("HTTP/1.1 413 No\r\n");
    client.receives_body("no");
    client.sees_the_end();
}

#[test]
fn a_backend_that_takes_no_more_of_the_body_may_still_answer() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_10);
    let backend = sim.backend();
    backend.receives("POST / ");
    backend.reads(0);
    client.sends("0123456789");
    backend.receives_body("");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("hi");
    client.sees_the_end();
}

#[test]
fn a_backend_that_takes_nothing_stops_the_client_from_being_read() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("POST / HTTP/1.1\r\nHost: agent\r\nContent-Length: 1000000\r\n\r\n");
    let backend = sim.backend();
    backend.receives("POST / ");
    backend.reads(1000);
    for _ in 0..20 {
        client.sends([b'x'; 50_000]);
    }
    assert!(client.unread() >= 900_000, "one read is held at most: {}", client.unread());
    assert_eq!(backend.received().len(), 1000);
    backend.reads(usize::MAX);
    assert_eq!(client.unread(), 0);
    assert_eq!(backend.received().len(), 999_000);
}

#[test]
fn a_body_that_comes_with_a_get_ends_the_connection_to_the_backend() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends("GET / HTTP/1.1\r\nHost: agent\r\nContent-Length: 3\r\n\r\nabc");
    let backend = sim.backend();
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("hi");
    // Many servers leave such a body unread and would take it for a request.
    backend.is_dropped();
    client.sends(GET);
    sim.backend().receives("GET / ");
}
