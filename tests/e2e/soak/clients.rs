//! The clients: who asks for what, and what they must get.

use super::Shared;
use super::trouble::{EVENTS, event};
use crate::harness::{Chunk, End, Response, Wire, request, request_with};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::task::JoinHandle;

/// Requests that a client of new ids sends at once.
const PIPELINE: usize = 32;

/// Clients at work; each one fails the test when it gets what it should not.
pub(super) struct Clients(Vec<JoinHandle<()>>);

impl Clients {
    pub(super) fn start(proxy: SocketAddr, shared: &Arc<Shared>) -> Self {
        let mut tasks = Vec::new();
        for number in 0..6 {
            tasks.push(tokio::spawn(look_up(number, proxy, Arc::clone(shared))));
        }
        for number in 0..2 {
            tasks.push(tokio::spawn(post(number, proxy, Arc::clone(shared))));
            tasks.push(tokio::spawn(stream(number, proxy, Arc::clone(shared))));
            tasks.push(tokio::spawn(abort(number, proxy, Arc::clone(shared))));
        }
        for number in 0..3 {
            tasks.push(tokio::spawn(endure(number, proxy, Arc::clone(shared))));
        }
        Self(tasks)
    }

    /// Whether one has given up, which is a failure.
    pub(super) fn any_ended(&self) -> bool {
        self.0.iter().any(JoinHandle::is_finished)
    }

    /// Waits for all; fails the test if one has failed.
    pub(super) async fn join(&mut self) {
        for task in self.0.drain(..) {
            task.await.expect("a client");
        }
    }
}

/// Asks as a new tenant, user and conversation each time.
async fn look_up(client: usize, proxy: SocketAddr, shared: Arc<Shared>) {
    let mut wire = Wire::connect(proxy).await;
    for round in 0_usize.. {
        if shared.stopped() {
            return;
        }
        let one = |number: usize| {
            let id = format!("{client}-{round}-{number}");
            let (tenant, user) = (format!("tenant-{id}"), format!("user-{id}"));
            let session = format!("session-{id}");
            let fields =
                [("x-tenant-id", &*tenant), ("x-user-id", &user), ("x-session-id", &session)];
            request("GET /", &fields)
        };
        wire.send((0..PIPELINE).map(one).collect::<String>()).await;
        for _ in 0..PIPELINE {
            let response = wire.response("GET").await;
            assert_eq!(response.status(), 200, "{}", response.text());
        }
        shared.lookups.fetch_add(PIPELINE, Ordering::SeqCst);
    }
}

/// Sends bodies of several sizes and gets them back.
async fn post(client: usize, proxy: SocketAddr, shared: Arc<Shared>) {
    let mut wire = Wire::connect(proxy).await;
    for round in 0_usize.. {
        if shared.stopped() {
            return;
        }
        let body = "words ".repeat([10, 300, 12_000][round % 3]);
        let user = format!("poster-{client}-{}", round % 100);
        let text = request_with("POST /", &[("x-user-id", &user)], &body);
        let response = wire.ask(&text).await;
        assert_eq!(response.status(), 200, "{}", response.text());
        assert!(response.body.bytes == body.as_bytes(), "another body came back");
        shared.others.fetch_add(1, Ordering::SeqCst);
    }
}

/// Reads streams to their end.
async fn stream(client: usize, proxy: SocketAddr, shared: Arc<Shared>) {
    let mut wire = Wire::connect(proxy).await;
    for round in 0_usize.. {
        if shared.stopped() {
            return;
        }
        let user = format!("reader-{client}-{}", round % 100);
        let response = wire.ask(&request("GET /stream", &[("x-user-id", &user)])).await;
        assert_eq!(response.status(), 200, "{}", response.text());
        expect_whole(&response);
        shared.others.fetch_add(1, Ordering::SeqCst);
    }
}

fn expect_whole(response: &Response) {
    assert_eq!(response.body.end, End::Complete, "{}", response.text());
    let wanted: String = (0..EVENTS).map(event).collect();
    assert_eq!(response.text(), wanted);
    assert_eq!(response.body.trailers.len(), 1, "the trailer");
}

/// Goes away in the middle: of a stream, of a request's body, of waiting.
async fn abort(client: usize, proxy: SocketAddr, shared: Arc<Shared>) {
    for round in 0_usize.. {
        if shared.stopped() {
            return;
        }
        let mut wire = Wire::connect(proxy).await;
        let user = format!("fickle-{client}-{}", round % 100);
        if round % 3 == 0 {
            let length = [("content-length", "100"), ("x-user-id", &*user)];
            wire.send(request("POST /", &length) + "half").await;
        } else {
            wire.send(request("GET /stream", &[("x-user-id", &user)])).await;
            if round % 3 == 1 {
                assert_eq!(wire.head().await.status(), 200);
                assert!(matches!(wire.chunk().await, Chunk::Data(_)), "no first event");
            }
        }
        if round % 2 == 0 {
            wire.reset();
        }
        shared.others.fetch_add(1, Ordering::SeqCst);
    }
}

/// Asks the workload whose backends are killed: what fails must have met an outage, and must not
/// look like anything else.
async fn endure(client: usize, proxy: SocketAddr, shared: Arc<Shared>) {
    let mut wire = Wire::connect(proxy).await;
    for round in 0_usize.. {
        if shared.stopped() {
            return;
        }
        let user = format!("patient-{client}-{}", round % 100);
        let fields = [("x-user-id", &*user), ("x-session-id", &user)];
        let streams = round % 4 == 0;
        let (method, text) = match round % 4 {
            0 => ("GET", request("GET /flaky/stream", &fields)),
            1 => ("POST", request_with("POST /flaky", &fields, "hello")),
            _ => ("GET", request("GET /flaky", &fields)),
        };
        let begun = Instant::now();
        wire.send(text).await;
        let response = wire.try_response(method).await;
        shared.others.fetch_add(1, Ordering::SeqCst);
        let failure = match &response {
            Ok(response) if response.status() == 200 && response.body.end == End::Complete => {
                if streams {
                    expect_whole(response);
                }
                continue;
            }
            Ok(response) if response.status() == 200 => format!("cut: {:?}", response.body.end),
            Ok(response) => {
                let reason = response.reason().unwrap_or_default();
                let known = ["upstream_connect", "connect_timeout", "upstream_reset"];
                let told = format!("{} {reason}", response.status());
                assert!(known.contains(&reason), "{told}: {}", response.text());
                told
            }
            Err(end) => format!("no answer but {end:?}"),
        };
        let explained = shared.outages.explain(begun);
        assert!(explained, "{method} failed ({failure}), and no backend was down");
        shared.excused.fetch_add(1, Ordering::SeqCst);
        wire = Wire::connect(proxy).await;
    }
}
