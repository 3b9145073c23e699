//! Streams that are silent for long: their own time, and comments for the client.

use super::sim::Setup;
use super::{GET, OK, Peer, Sim};
use stagegate_rollout::Outcome;
use std::time::Duration;

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A stream under way after this head; the client has the head.
fn stream(sim: &Sim, head: &str) -> (Peer, Peer) {
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends(head);
    client.receives("HTTP/1.1 200 OK\r\n");
    (client, backend)
}

fn patient(setup: &mut Setup) {
    setup.agent().timeouts.stream_idle = Some(secs(100));
}

fn commented(setup: &mut Setup) {
    patient(setup);
    setup.agent().timeouts.stream_keep_alive = Some(secs(15));
}

#[test]
fn a_stream_may_pause_for_longer_than_another_answer() {
    for head in [
        EVENTS,
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/grpc+proto\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let sim = Sim::with(patient);
        let (client, backend) = stream(&sim, head);
        sim.passes(secs(99));
        client.waits();
        backend.sends("3\r\nx\n\n\r\n");
        client.receives_body("3\r\nx\n\n\r\n");
        sim.passes(secs(99));
        client.stays_open();
        sim.passes(secs(2));
        client.is_dropped();
        assert_eq!(sim.outcome(), Outcome::Permanent);
    }
}

#[test]
fn a_client_that_takes_no_more_of_a_stream_has_no_more_time_than_others() {
    let sim = Sim::with(patient);
    let (client, backend) = stream(&sim, EVENTS);
    client.reads(0);
    backend.sends("3\r\nx\n\n\r\n");
    sim.passes(secs(4));
    client.is_dropped();
    assert_eq!(sim.outcome(), Outcome::ClientGone);
}

#[test]
fn the_client_gets_comments_in_pauses_between_events() {
    let sim = Sim::with(commented);
    let (client, backend) = stream(&sim, EVENTS);
    sim.passes(secs(16));
    client.receives_body("2\r\n:\n\r\n");
    backend.sends("9\r\ndata: 1\n\n\r\n");
    client.receives_body("9\r\ndata: 1\n\n\r\n");
    sim.passes(secs(31));
    client.receives_body("2\r\n:\n\r\n2\r\n:\n\r\n");
    // Comments put off no end: the backend says nothing.
    sim.passes(secs(70));
    client.is_dropped();
}

#[test]
fn no_comment_falls_into_an_event_or_a_chunk() {
    for part in
        ["8\r\ndata: 1\n\r\n", "a\r\ndata: 1\r\n\r\r\n", "20\r\ndata: 1\n\n", "9\r\ndata: 1\n\n"]
    {
        let sim = Sim::with(commented);
        let (client, backend) = stream(&sim, EVENTS);
        backend.sends(part);
        client.receives_body(part);
        sim.passes(secs(50));
        client.waits();
    }
}

#[test]
fn comments_go_only_into_plain_streams_of_events_and_only_where_asked_for() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let sim = Sim::with(commented);
        let (client, _backend) = stream(&sim, head);
        sim.passes(secs(50));
        client.waits();
    }
    let sim = Sim::with(patient);
    let (client, _backend) = stream(&sim, EVENTS);
    sim.passes(secs(50));
    client.waits();
}

#[test]
fn a_comment_also_goes_into_a_stream_that_ends_with_its_connection() {
    let sim = Sim::with(commented);
    let (client, backend) =
        stream(&sim, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    backend.sends("data: 1\n\n");
    client.receives_body("9\r\ndata: 1\n\n\r\n");
    sim.passes(secs(16));
    client.receives_body("2\r\n:\n\r\n");
    backend.ends();
    client.receives_body("0\r\n\r\n");
}

#[test]
fn a_client_that_leaves_before_the_answer_is_counted_with_its_time() {
    for (before, unanswered) in [("", 1), ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", 0)] {
        let sim = Sim::new();
        let client = sim.client();
        client.sends(GET);
        sim.backend().sends(before);
        client.ends();
        let series = sim.series();
        assert_eq!((series.abandoned_us.count(), series.duration_us.count()), (1, 0), "{before}");
        assert_eq!((series.unanswered, series.unanswered_us.count()), (unanswered, unanswered));
    }
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    sim.backend().sends(OK);
    client.received();
    assert_eq!(sim.series().abandoned_us.count(), 0);
}

#[test]
fn a_client_that_leaves_while_it_sends_waits_for_nothing() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(super::POST_10);
    let _backend = sim.backend();
    client.ends();
    assert_eq!(sim.series().abandoned_us.count(), 0);
}
