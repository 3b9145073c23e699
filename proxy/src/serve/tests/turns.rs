//! Floods of small parts, and everybody else's turn.

use super::{GET, OK, POST_CHUNKED, Peer, Sim};

/// Line ends that one turn passes on at most: its share, and those of the frame around them.
const MOST: usize = 2048 + 2;
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn lines(bytes: &str) -> usize {
    bytes.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count()
}

/// What `to` gets turn by turn of what `from` sends in one go.
#[track_caller]
fn turns(sim: &Sim, from: &Peer, flood: &str, to: &Peer) -> Vec<String> {
    from.queues(flood);
    let mut got = Vec::new();
    while sim.has_a_turn() {
        let part = to.received();
        if !part.is_empty() {
            got.push(part);
        }
    }
    got
}

#[test]
fn a_flood_of_small_parts_takes_a_turn_after_the_other() {
    let events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    for (head, item, most) in [
        // Two line ends of a chunk count once.
        (CHUNKED, "1\r\na\r\n", 2 * MOST),
        (CHUNKED, "1\r\n\n\r\n", 2 * MOST),
        (&format!("{events}Content-Length: 90000\r\n\r\n"), "data: x\n\n", MOST),
        (&format!("{events}Content-Length: 90000\r\n\r\n"), ":\r:\ndata\r", MOST),
        (&format!("{events}Transfer-Encoding: chunked\r\n\r\n"), "2\r\n\n\n\r\n", MOST),
    ] {
        let sim = Sim::new();
        let client = sim.client();
        client.sends(GET);
        let backend = sim.backend();
        backend.sends(head);
        client.receives("HTTP/1.1 200 OK\r\n");
        let flood = item.repeat(90_000 / item.len());
        let got = turns(&sim, &backend, &flood, &client);
        assert!(got.concat() == flood, "{item:?}: nothing is lost");
        assert!(got.len() > lines(&flood) / most, "{item:?}: {} turns", got.len());
        for (turn, part) in got.iter().enumerate() {
            assert!(lines(part) <= most, "{item:?}: {} line ends in turn {turn}", lines(part));
        }
        client.stays_open();
        if head == CHUNKED {
            backend.sends("0\r\n\r\n");
            client.receives_body("0\r\n\r\n");
            assert!(sim.series().gave_way as usize >= got.len() - 1, "each turn is counted");
        }
    }
}

#[test]
fn a_flood_of_small_chunks_of_a_request_takes_a_turn_after_the_other() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(POST_CHUNKED);
    let backend = sim.backend();
    backend.receives("POST / ");
    let flood = "1\r\na\r\n".repeat(20_000);
    let got = turns(&sim, &client, &flood, &backend);
    assert!(got.concat() == flood, "nothing is lost");
    assert!(got.iter().all(|part| lines(part) <= 2 * MOST), "{} turns", got.len());
    client.sends("0\r\n\r\n");
    backend.receives_body("0\r\n\r\n");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
}

#[test]
fn a_flood_behind_the_head_and_before_the_end_is_one_answer() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let flood = "1\r\na\r\n".repeat(9_000) + "0\r\nX-T: 1\r\n\r\n";
    let backend = sim.backend();
    backend.sends(format!("{CHUNKED}{flood}"));
    client.receives("HTTP/1.1 200 OK\r\n");
    client.receives_body(&flood);
    // The connection to the endpoint is used again, and what follows is an answer of its own.
    client.sends(GET);
    backend.receives("GET / ");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    sim.no_backend();
}

#[test]
fn what_follows_a_flood_is_noticed() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(GET);
    let backend = sim.backend();
    backend.sends(format!("{CHUNKED}{}0\r\n\r\nHTTP/1.1 200", "1\r\na\r\n".repeat(9_000)));
    client.receives("HTTP/1.1 200 OK\r\n");
    backend.is_dropped();
    client.stays_open();
}

#[test]
fn others_are_served_while_a_flood_lasts() {
    let sim = Sim::new();
    let hostile = sim.client();
    hostile.sends(GET);
    let flooding = sim.backend();
    flooding.sends(CHUNKED);
    flooding.queues("1\r\na\r\n".repeat(100_000));
    let bystander = sim.client();
    bystander.queues(GET);
    let mut turns = 0;
    let backend = loop {
        assert!(sim.has_a_turn() && turns < 4, "{turns} turns");
        turns += 1;
        if let Some(backend) = sim.try_backend_at(super::sim::FIRST) {
            break backend;
        }
    };
    backend.queues(OK);
    sim.has_a_turn();
    sim.has_a_turn();
    bystander.receives("HTTP/1.1 200 OK\r\n");
}

#[test]
fn a_tunnel_gives_others_a_turn() {
    let sim = Sim::new();
    let client = sim.client();
    client.sends(
        "GET / HTTP/1.1\r\nHost: agent\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    let backend = sim.backend();
    backend.sends("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    client.receives("HTTP/1.1 101 ");
    (0..9).for_each(|_| backend.queues("x"));
    let mut turns = 0;
    while sim.has_a_turn() {
        let part = client.received();
        assert!(part.len() <= 2, "{part} in one turn");
        turns += usize::from(!part.is_empty());
    }
    assert_eq!(turns, 5);
}
