//! Switching protocols, and the tunnel that follows.

use super::{OK, Peer, Sim};
use stagegate_rollout::Outcome;
use std::time::Duration;

const ASKS: &str =
    "GET / HTTP/1.1\r\nHost: agent\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCHES: &str =
    "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// A tunnel in progress.
fn tunnel(sim: &Sim) -> (Peer, Peer) {
    let client = sim.client();
    client.sends(ASKS);
    let backend = sim.backend();
    let head = backend.receives("GET / ");
    assert_eq!((&*head.field("connection"), &*head.field("upgrade")), ("upgrade", "websocket"));
    backend.sends(SWITCHES);
    assert_eq!(client.receives("HTTP/1.1 101 ").field("upgrade"), "websocket");
    (client, backend)
}

#[test]
fn after_the_switch_bytes_go_both_ways() {
    let sim = Sim::new();
    let (client, backend) = tunnel(&sim);
    client.sends("ping");
    backend.receives_body("ping");
    backend.sends("pong");
    client.receives_body("pong");
}

#[test]
fn bytes_behind_either_head_belong_to_the_tunnel() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(format!("{ASKS}early"));
    let backend = sim.backend();
    backend.receives("GET / ");
    backend.waits();
    backend.sends(format!("{SWITCHES}first"));
    client.receives("HTTP/1.1 101 ");
    client.receives_body("first");
    backend.receives_body("early");
}

#[test]
fn half_of_a_tunnel_can_end() {
    let sim = Sim::new();
    let (client, backend) = tunnel(&sim);
    client.sends("last words");
    client.ends();
    backend.receives_body("last words");
    backend.sees_the_end();
    backend.sends("an answer");
    client.receives_body("an answer");
    client.stays_open();
    backend.ends();
    client.is_dropped();
    assert_eq!(sim.connections(), 0);
    assert_eq!(sim.outcome(), Outcome::Ok);
}

#[test]
fn a_reset_ends_both_halves_of_a_tunnel() {
    let sim = Sim::new();
    let (client, backend) = tunnel(&sim);
    backend.resets();
    client.sees_the_end();
}

#[test]
fn a_tunnel_nobody_speaks_in_ends() {
    let sim = Sim::new();
    let (client, backend) = tunnel(&sim);
    sim.passes(Duration::from_millis(2900));
    client.sends("still here");
    backend.receives_body("still here");
    sim.passes(Duration::from_millis(2900));
    client.stays_open();
    sim.passes(Duration::from_millis(200));
    client.sees_the_end();
    backend.is_dropped();
}

#[test]
fn a_tunnel_does_not_read_what_the_other_side_does_not_take() {
    let sim = Sim::new();
    let (client, backend) = tunnel(&sim);
    client.reads(10);
    for _ in 0..20 {
        backend.sends([b'x'; 50_000]);
    }
    assert!(backend.unread() >= 900_000, "{}", backend.unread());
    client.sends("up");
    backend.receives_body("up");
}

#[test]
fn an_upgrade_that_is_refused_is_an_answer() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(ASKS);
    let backend = sim.backend();
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body("hi");
    client.stays_open();
    backend.stays_open();
}

#[test]
fn a_switch_nobody_asked_for_is_refused() {
    for (asks, switches) in [
        ("GET / HTTP/1.1\r\nHost: agent\r\n\r\n", SWITCHES),
        (ASKS, "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: mqtt\r\n\r\n"),
    ] {
        let sim = Sim::new();
        let client = sim.client();
        client.sends(asks);
        let backend = sim.backend();
        backend.sends(switches);
        client.receives("HTTP/1.1 502 ");
        backend.is_dropped();
    }
}

#[test]
fn http_in_another_form_is_never_switched_to() {
    let sim = Sim::new();
    sim.client().sends(
        "GET / HTTP/1.1\r\nHost: agent\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABk\r\n\r\n",
    );
    let head = sim.backend().receives("GET / ");
    assert_eq!(head.field("upgrade") + &head.field("http2-settings"), "");
}
