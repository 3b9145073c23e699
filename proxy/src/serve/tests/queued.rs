//! Requests of a killed workload that are kept, and what becomes of them.

use super::sim::CANDIDATE;
use super::{GET, OK, Sim};
use crate::queued::{QueueAnswer, QueueAsk, QueueReply, Queued};
use stagegate_rollout::{Fallback, FixedResponse, Weight};
use stagegate_settings::{Queue, QueueKey, SafePath};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

const TASK: &str = "POST /tasks?x=1 HTTP/1.1\r\nHost: agent\r\nX-Mine: 7\r\nConnection: keep-alive, x-hop\r\n\
    X-Hop: 1\r\nIdempotency-Key: k\r\nAuthorization: Bearer a\r\nTransfer-Encoding: chunked\r\n\r\n\
    3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";

fn queue() -> Fallback {
    Fallback::Queue(FixedResponse {
        status: 503,
        retry_after: Some(Duration::from_secs(9)),
        content_type: "text/plain".into(),
        body: "closed".into(),
    })
}

/// A killed workload that keeps requests of `/tasks`, and what its queue is asked.
fn killed() -> (Sim, Arc<Mutex<Vec<QueueAsk>>>) {
    let sim = Sim::with(|setup| {
        setup.agent().queue = Some(Queue {
            key: QueueKey::parse(&"00".repeat(32)).expect("a key"),
            methods: vec!["POST".into()],
            paths: vec![SafePath::Exactly("/tasks".into())],
            lasting: Duration::from_secs(60),
            max: 10,
            bytes: 1 << 20,
            body: 100,
            rate: 10,
        });
    });
    let asked = sim.has_a_queue();
    sim.kills(queue());
    (sim, asked)
}

#[track_caller]
fn kept(asked: &Mutex<Vec<QueueAsk>>) -> (Queued, oneshot::Sender<QueueReply>) {
    match asked.lock().expect("a list").pop() {
        Some(QueueAsk::Keep(queued, reply)) => (*queued, reply),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_listed_request_is_acknowledged_once_it_is_kept() {
    let (sim, asked) = killed();
    let client = sim.client();
    client.sends(TASK);
    client.waits();
    let (queued, reply) = kept(&asked);
    let head = String::from_utf8(queued.head).expect("text");
    assert!(head.starts_with("POST /tasks?x=1 HTTP/1.1\r\nHost: agent\r\nX-Mine: 7\r\n"), "{head}");
    for gone in ["X-Hop", "Transfer-Encoding", "Connection:"] {
        assert!(!head.contains(gone), "{gone} in {head}");
    }
    assert!(head.contains("Idempotency-Key: k\r\n") && head.contains("x-request-id: "), "{head}");
    assert_eq!((queued.body.as_slice(), queued.line.as_str()), (&b"abcde"[..], "POST /tasks"));
    assert_eq!(queued.key.as_deref(), Some(&b"k"[..]));
    assert_eq!(queued.peer, Some([192, 0, 2, 1].into()));
    reply.send(QueueReply::Kept("1f".repeat(16))).expect("somebody waits");
    sim.runs();
    let head = client.receives("HTTP/1.1 202 ");
    assert_eq!(head.field("location"), format!("/stagegate/retry/{}", "1f".repeat(16)));
    assert_eq!(
        (head.field("retry-after"), head.field("stagegate-queue")),
        ("9".into(), "waiting".into())
    );
    assert_eq!(sim.told()[0].status, 202);
    sim.no_backend();
}

#[test]
fn everything_else_gets_the_fixed_answer() {
    let (sim, asked) = killed();
    let too_long = format!(
        "POST /tasks HTTP/1.1\r\nHost: agent\r\nContent-Length: 101\r\n\r\n{}",
        "x".repeat(101)
    );
    for text in [
        GET.to_owned(),
        "POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".into(),
        too_long,
    ] {
        let client = sim.client();
        client.sends(text);
        assert_eq!(client.receives("HTTP/1.1 503 ").field("retry-after"), "9");
        client.receives_body("closed");
        assert!(asked.lock().expect("a list").is_empty());
    }
    // No room, or no queue that answers.
    for reply in [Some(QueueReply::NotKept), None] {
        let client = sim.client();
        client.sends(TASK);
        let (_, waiting) = kept(&asked);
        match reply {
            Some(reply) => waiting.send(reply).expect("somebody waits"),
            None => drop(waiting),
        }
        sim.runs();
        client.receives("HTTP/1.1 503 ");
    }
    let client = sim.client();
    client.sends(TASK);
    kept(&asked).1.send(QueueReply::KeyReused).expect("somebody waits");
    sim.runs();
    client.receives("HTTP/1.1 422 ");
}

#[test]
fn who_has_the_id_gets_the_answer() {
    let (sim, asked) = killed();
    let id = "0a".repeat(16);
    let answers = [
        (QueueAnswer::Waiting, "HTTP/1.1 202 ", "waiting"),
        (QueueAnswer::Nothing, "HTTP/1.1 404 ", "unknown"),
        (QueueAnswer::Over("unknown"), "HTTP/1.1 502 ", "unknown"),
        (QueueAnswer::Over("expired"), "HTTP/1.1 410 ", "expired"),
    ];
    let ask = |client: &super::Peer, method: &str| {
        client.sends(format!("{method} /stagegate/retry/{id} HTTP/1.1\r\nHost: a\r\n\r\n"));
        match asked.lock().expect("a list").pop() {
            Some(QueueAsk::Answer(asked, reply)) if asked == id => reply,
            other => panic!("{other:?}"),
        }
    };
    for (answer, line, state) in answers {
        let client = sim.client();
        ask(&client, "GET").send(answer).expect("somebody waits");
        sim.runs();
        assert_eq!(client.receives(line).field("stagegate-queue"), state);
    }
    let client = sim.client();
    let answered = || QueueAnswer::Answered {
        status: 201,
        fields: b"x-made-by: agent\r\nx-request-id: r-1\r\n".to_vec(),
        body: b"done".to_vec(),
    };
    ask(&client, "GET").send(answered()).expect("somebody waits");
    sim.runs();
    let head = client.receives("HTTP/1.1 201 ");
    assert_eq!(
        (head.field("x-made-by"), head.field("x-request-id")),
        ("agent".into(), "r-1".into())
    );
    assert_eq!(head.field("content-length"), "4");
    client.receives_body("done");
    ask(&client, "HEAD").send(answered()).expect("somebody waits");
    sim.runs();
    assert_eq!(client.receives("HTTP/1.1 201 ").field("content-length"), "4");
    client.receives_body("");
    client.sends(format!("DELETE /stagegate/retry/{id} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.receives("HTTP/1.1 405 ");
}

#[test]
fn the_queue_sends_to_stable_and_never_past_a_kill() {
    let (sim, asked) = killed();
    let queue = sim.queue();
    let again =
        "POST /tasks HTTP/1.1\r\nHost: agent\r\nx-request-id: r-9\r\nContent-Length: 2\r\n\r\nhi";
    queue.sends(again);
    assert_eq!(queue.receives("HTTP/1.1 503 ").field("stagegate-queue"), "not-sent");
    assert!(asked.lock().expect("a list").is_empty(), "it is in the queue already");
    sim.publishes(Weight::FULL);
    let queue = sim.queue();
    queue.sends(again);
    assert!(sim.try_backend_at(CANDIDATE).is_none(), "not to the candidate");
    let backend = sim.backend();
    assert_eq!(backend.receives("POST /tasks HTTP/1.1\r\n").field("x-request-id"), "r-9");
    backend.sends(OK);
    assert_eq!(queue.receives("HTTP/1.1 200 OK\r\n").field("stagegate-queue"), "");
}

#[test]
fn the_queue_hears_that_no_backend_saw_the_request() {
    let (sim, _) = killed();
    sim.publishes(Weight::ZERO);
    sim.refuses(super::sim::FIRST);
    let queue = sim.queue();
    queue.sends(GET);
    assert_eq!(queue.receives("HTTP/1.1 502 ").field("stagegate-queue"), "not-sent");
    let client = sim.client();
    client.sends(GET);
    assert_eq!(
        client.receives("HTTP/1.1 502 ").field("stagegate-queue"),
        "",
        "clients are not told"
    );
    sim.accepts(super::sim::FIRST);
    let queue = sim.queue();
    queue.sends(GET);
    let backend = sim.backend();
    backend.receives("GET / ");
    backend.resets();
    assert_eq!(queue.receives("HTTP/1.1 502 ").field("stagegate-queue"), "", "it may have seen it");
}
