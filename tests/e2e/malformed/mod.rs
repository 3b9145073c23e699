//! Requests that break HTTP's rules: a clear answer, a closed connection, and a backend that never
//! hears of them.

mod cases;
mod obfuscated;
mod smuggling;

use crate::harness::{Backend, End, Setup, Stagegate, Wire, Workload, eventually, request};
use cases::{Case, Then};
use std::collections::BTreeSet;

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: agents.test\r\n\r\n";

/// What came back on one connection until it ended.
struct Told {
    statuses: Vec<u16>,
    reasons: Vec<Option<String>>,
    problem_json: bool,
}

async fn tell(stagegate: &Stagegate, case: &Case) -> Told {
    let mut wire = stagegate.connect().await;
    // The proxy may answer and close before it has read everything; that is its right.
    let _ = wire.try_send(&case.bytes).await;
    match case.then {
        Then::Smuggle => {
            let _ = wire.try_send(SMUGGLED).await;
        }
        Then::Finish => wire.finish_sending().await,
    }
    let mut told = Told { statuses: Vec::new(), reasons: Vec::new(), problem_json: true };
    while let Ok(response) = wire.try_response("POST").await {
        let reason = response.reason().map(str::to_owned);
        let kind = response.head.get("content-type").unwrap_or_default();
        told.problem_json &= reason.is_none() || kind.starts_with("application/problem+json");
        told.statuses.push(response.status());
        told.reasons.push(reason);
    }
    told
}

#[tokio::test]
async fn every_malformed_request_is_refused_and_never_reaches_a_backend() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    assert_eq!(stagegate.get("/before", &[]).await.status(), 200);
    let files = |stagegate: &Stagegate| stagegate.open_files() - backend.open();
    let files_before = files(&stagegate);

    let cases = cases::all();
    let names: BTreeSet<&str> = cases.iter().map(|case| &*case.name).collect();
    assert_eq!(names.len(), cases.len(), "every case has a name of its own");
    assert!(cases.len() >= 150, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let before = complete(&backend);
        let Told { statuses, reasons, problem_json } = tell(&stagegate, case).await;
        let mut complain = |what: String| wrong.push(format!("{}: {what}", case.name));
        let (valid, refused) = statuses.split_at(case.valid_before.min(statuses.len()));
        if valid != vec![200; case.valid_before] {
            complain(format!("the requests before it were answered with {valid:?}"));
        }
        match refused {
            [] if case.status.is_empty() => {}
            [status]
                if case.status.contains(status) || case.status.is_empty() && *status == 400 =>
            {
                if reasons.last().is_none_or(Option::is_none) || !problem_json {
                    complain(format!("{status} without a reason or not as problem+json"));
                }
            }
            others => complain(format!("answered with {others:?}, not {:?}", case.status)),
        }
        let reached = complete(&backend) - before;
        if reached != case.valid_before {
            complain(format!("{reached} complete requests reached the backend"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let smuggled: Vec<String> = backend.seen().iter().map(|seen| seen.head.start.clone()).collect();
    assert!(
        !smuggled.iter().any(|line| line.contains("smuggled") || line.contains("bad")),
        "{smuggled:?}"
    );

    assert_eq!(stagegate.get("/after", &[]).await.status(), 200, "it still serves");
    // Some files are opened when they are first needed.
    eventually("connections to be closed", || files(&stagegate) <= files_before + 8).await;
}

/// How many requests the backend has received in full.
fn complete(backend: &Backend) -> usize {
    let whole = |end: End| end == End::Complete;
    backend.seen().iter().filter(|seen| seen.body.as_ref().is_some_and(|b| whole(b.end))).count()
}

#[tokio::test]
async fn clients_that_vanish_leave_nothing_behind() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    assert_eq!(stagegate.get("/before", &[]).await.status(), 200);
    let files = |stagegate: &Stagegate| stagegate.open_files() - backend.open();
    let files_before = files(&stagegate);
    let whole = request("GET /", &[]);
    let upload = "POST / HTTP/1.1\r\nhost: agents.test\r\ncontent-length: 1000\r\n\r\nhalf";
    for round in 0..40 {
        for part in ["", &whole[..10], &whole[..whole.len() - 2], &whole, upload] {
            let mut wire = Wire::connect(stagegate.proxy).await;
            let _ = wire.try_send(part).await;
            match round % 3 {
                0 => wire.reset(),
                1 => drop(wire),
                _ => {
                    wire.finish_sending().await;
                    wire.ended().await;
                }
            }
        }
    }
    assert_eq!(stagegate.get("/after", &[]).await.status(), 200, "it still serves");
    eventually("connections to be closed", || files(&stagegate) <= files_before).await;
}

#[tokio::test]
async fn trailers_that_could_change_framing_or_routing_are_left_out() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let forbidden = [
        "Content-Length: 99",
        "Transfer-Encoding: chunked",
        "Host: other.test",
        "Stagegate-Arm: candidate",
    ];
    for line in forbidden {
        let name = line.split(':').next().expect("a name");
        let text = format!(
            "POST / HTTP/1.1\r\nHost: agents.test\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n{line}\r\nX-Sum: 7\r\n\r\n"
        );
        let response = stagegate.connect().await.ask(&text).await;
        if response.status() == 400 {
            continue;
        }
        assert_eq!(response.status(), 200, "{line}");
        let body = backend.last().body.expect("a body");
        assert_eq!((body.bytes.as_slice(), body.end), (&b"hello"[..], End::Complete));
        assert!(!body.trailers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name)), "{line}");
    }
}

#[tokio::test]
async fn a_body_that_looks_like_a_request_stays_a_body() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let head = format!(
        "GET /first HTTP/1.1\r\nHost: agents.test\r\nContent-Length: {}\r\n\r\n",
        SMUGGLED.len()
    );
    let mut wire = stagegate.connect().await;
    wire.send(format!("{head}{SMUGGLED}{}", request("GET /second", &[]))).await;
    for _ in 0..2 {
        assert_eq!(wire.response("GET").await.status(), 200);
    }
    let seen = backend.seen();
    let targets: Vec<&str> = seen.iter().map(|seen| seen.head.target()).collect();
    assert_eq!(targets, ["/first", "/second"]);
    assert_eq!(seen[0].body.as_ref().expect("a body").bytes, SMUGGLED.as_bytes());
}
