//! WebSockets: what is counted of them, and how a rollback ends them.

use super::sim::{CANDIDATE, FIRST, Setup};
use super::{Peer, Sim};
use stagegate_rollout::{CostTruth, Outcome, Series, TokenKind, Weight};
use stagegate_settings::Ejection;
use std::time::{Duration, Instant};

const ASKS: &str = "GET /v1/realtime?model=gpt-4o HTTP/1.1\r\nHost: agent\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCHES: &str =
    "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const DONE: &str = r#"{"type":"response.done","response":{"id":"resp_1","status":"completed","usage":{"total_tokens":150,"input_tokens":100,"output_tokens":50}}}"#;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A frame of the backend.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.push(short),
        _ => {
            frame.push(126);
            frame.extend((payload.len() as u16).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// A frame of the client, masked with zeros.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = frame(first, &[&[0; 4], payload].concat());
    frame[1] = 0x80 | payload.len() as u8;
    frame
}

fn text(payload: &str) -> Vec<u8> {
    frame(0x81, payload.as_bytes())
}

fn close(code: u16) -> Vec<u8> {
    frame(0x88, &code.to_be_bytes())
}

fn opened(sim: &Sim, endpoint: &'static str) -> (Peer, Peer) {
    let client = sim.client();
    client.sends(ASKS);
    let backend = sim.backend_at(endpoint);
    backend.sends(SWITCHES);
    client.receives("HTTP/1.1 101 ");
    backend.receives("GET /v1/realtime");
    (client, backend)
}

/// The counts of a socket in which this happened before the backend went away.
fn counted(happens: impl FnOnce(&Peer, &Peer)) -> (Series, Outcome) {
    let sim = Sim::new();
    let (client, backend) = opened(&sim, FIRST);
    happens(&client, &backend);
    backend.ends();
    client.ends();
    let series = sim.series();
    let outcome = Outcome::ALL.into_iter().find(|it| series.outcomes[it.index()] > 0);
    (series, outcome.expect("one request"))
}

#[test]
fn every_answer_of_a_socket_is_counted_and_priced() {
    let (series, outcome) = counted(|client, backend| {
        for _ in 0..2 {
            client.sends(masked(0x81, b"{}"));
            backend.sends(text(r#"{"type":"response.output_text.delta","delta":"x"}"#));
            backend.sends(text(DONE));
        }
        backend.sends(close(1000));
    });
    assert_eq!(outcome, Outcome::Ok);
    assert_eq!(series.tokens[TokenKind::Input.index()], 200);
    assert_eq!(series.tokens[TokenKind::Output.index()], 100);
    assert_eq!(series.costs[CostTruth::Reported.index()], 1);
    assert!(series.cost_nanos.sum() > 0);
}

#[test]
fn a_close_and_an_error_count_by_what_they_are() {
    for (code, expected) in [
        (1000, Outcome::Ok),
        (1001, Outcome::Ok),
        (1011, Outcome::Permanent),
        (1012, Outcome::Transient),
        (1013, Outcome::Transient),
        (1014, Outcome::External),
        (1008, Outcome::Ok),
        (4001, Outcome::Ok),
    ] {
        assert_eq!(counted(|_, backend| backend.sends(close(code))).1, expected, "{code}");
    }
    assert_eq!(counted(|_, _| {}).1, Outcome::Transient, "broke off without a close");
    let by_client =
        |code: u16| counted(move |client, _| client.sends(masked(0x88, &code.to_be_bytes()))).1;
    assert_eq!((by_client(1000), by_client(1007)), (Outcome::Ok, Outcome::Permanent));
    let failed = r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error"}}}"#;
    let (_, outcome) = counted(|_, backend| {
        backend.sends(text(failed));
        backend.sends(close(1000));
    });
    assert_eq!(outcome, Outcome::External);
}

#[test]
fn a_client_that_leaves_while_it_waits_is_gone() {
    let sim = Sim::new();
    let (client, backend) = opened(&sim, FIRST);
    client.sends(masked(0x81, b"{}"));
    client.ends();
    backend.ends();
    assert_eq!(sim.outcome(), Outcome::ClientGone);
}

#[test]
fn an_endpoint_whose_sockets_fail_is_ejected() {
    let rule = Ejection { failures: 3, time: secs(60), ..Ejection::default() };
    let sim = Sim::with(|setup: &mut Setup| {
        setup.two_endpoints();
        setup.agent().ejection = Some(rule);
    });
    let mut firsts = 0;
    for _ in 0..12 {
        let client = sim.client();
        client.sends(ASKS);
        let (backend, code) = match sim.try_backend_at(FIRST) {
            Some(first) => {
                firsts += 1;
                (first, 1011)
            }
            None => (sim.backend_at(super::sim::SECOND), 1000),
        };
        backend.sends(SWITCHES);
        backend.sends(close(code));
        backend.ends();
        client.ends();
    }
    assert_eq!(firsts, 3, "the first endpoint is left out after three failures");
}

fn on_candidate() -> Sim {
    Sim::with(|setup: &mut Setup| {
        setup.weight = Weight::FULL;
        setup.agent().timeouts.stream_idle = Some(secs(60));
    })
}

#[test]
fn a_rollback_closes_a_socket_after_a_grace_so_that_the_client_comes_back() {
    let sim = on_candidate();
    let (client, backend) = opened(&sim, CANDIDATE);
    sim.rolls_back();
    sim.passes(secs(3));
    backend.sends(text("last"));
    assert_eq!(client.bytes(), text("last"));
    sim.passes(secs(2));
    assert_eq!(client.bytes(), [0x88, 2, 0x03, 0xf4], "1012");
    let told = backend.bytes();
    assert_eq!((&told[..2], told.len()), (&[0x88, 0x82][..], 8));
    assert_eq!(sim.outcome(), Outcome::Ok);
}

#[test]
fn a_fence_closes_a_socket_as_a_rollback_does_and_opens_for_later_requests() {
    let sim = on_candidate();
    let (client, _backend) = opened(&sim, CANDIDATE);
    sim.fences(Some(Instant::now()));
    sim.wakes_tunnels();
    sim.passes(secs(6));
    assert_eq!(client.bytes(), [0x88, 2, 0x03, 0xf4], "1012");
    let (client, _backend) = opened(&sim, FIRST);
    client.waits();
    sim.fences(Some(Instant::now() + secs(600)));
    let (client, _backend) = opened(&sim, CANDIDATE);
    client.waits();
}

#[test]
fn a_rollback_waits_for_the_end_of_a_message_but_not_for_ever() {
    let sim = on_candidate();
    let (client, backend) = opened(&sim, CANDIDATE);
    let message = text("0123456789");
    backend.sends(&message[..7]);
    sim.rolls_back();
    sim.passes(secs(5));
    assert_eq!(client.bytes(), message[..7]);
    client.stays_open();
    backend.sends(&message[7..]);
    let rest = client.bytes();
    assert!(rest.starts_with(&message[7..]), "{rest:?}");
    let sim = on_candidate();
    let (client, backend) = opened(&sim, CANDIDATE);
    backend.sends(&message[..7]);
    sim.rolls_back();
    sim.passes(secs(9));
    client.bytes();
    client.sees_the_end();
}

#[test]
fn sockets_of_stable_and_of_a_candidate_that_stays_go_on() {
    let sim = Sim::new();
    let (client, _backend) = opened(&sim, FIRST);
    sim.rolls_back();
    sim.passes(secs(2));
    client.waits();
    let sim = on_candidate();
    let (client, backend) = opened(&sim, CANDIDATE);
    sim.publishes(Weight::percent(10));
    for _ in 0..10 {
        sim.passes(secs(2));
        backend.sends(text("x"));
        client.bytes();
    }
    client.stays_open();
}
