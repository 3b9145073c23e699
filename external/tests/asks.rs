//! The asker against small servers on loopback: honest ones, slow ones and bad ones.

use stagegate_external::{Answer, Asker, Question, Source};
use stagegate_rollout::{ExternalValue, StableValue};
use stagegate_sealed::Hidden;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const NOW_MS: u64 = 1_800_000_000_000;

/// A server that gives `answer` each connection; the heads and bodies that it was sent.
fn server(answer: impl Fn(&mut TcpStream) + Send + 'static) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let (sender, seen) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut bytes = [0; 8192];
            let n = stream.read(&mut bytes).unwrap_or(0);
            if sender.send(String::from_utf8_lossy(&bytes[..n]).into_owned()).is_err() {
                return;
            }
            answer(&mut stream);
        }
    });
    (url, seen)
}

fn says(status: u16, body: &str) -> impl Fn(&mut TcpStream) + Send + use<> {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    move |stream| {
        let _ = stream.write_all(text.as_bytes());
    }
}

fn question(stable: StableValue) -> Question {
    Question {
        workload: "agent".to_owned(),
        gate: "external/checkout/max".to_owned(),
        candidate: "v2".to_owned(),
        stable: "v1".to_owned(),
        value: ExternalValue {
            name: "checkout".into(),
            source: "prom".into(),
            query: Some(r#"sum(rate(failed{release="$candidate"}[5m]))"#.into()),
            stable,
            higher_is_better: false,
            every_ms: 30_000,
            timeout_ms: 500,
            no_data_blocks: true,
        },
    }
}

fn prometheus(url: &str) -> Source {
    Source::Prometheus { url: Hidden::new(url), token: Some(Hidden::new("t0ken")) }
}

fn vector(value: &str) -> String {
    let at = NOW_MS / 1000;
    format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[{at},"{value}"]}}]}}}}"#
    )
}

fn ask(source: &Source, question: &Question) -> Answer {
    Asker::default().ask(source, question, NOW_MS)
}

#[test]
fn a_query_names_the_candidate_and_carries_the_token() {
    let (url, seen) = server(says(200, &vector("0.25")));
    let answer = ask(&prometheus(&format!("{url}/")), &question(StableValue::None));
    assert_eq!((answer.candidate, answer.why), (Some(0.25), None));
    let head = seen.recv().expect("a request");
    assert!(head.starts_with("GET /api/v1/query?query="), "{head}");
    assert!(head.contains("v2") && !head.contains("$candidate"), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer t0ken"), "{head}");
}

#[test]
fn stable_may_have_a_query_of_its_own() {
    let (url, _seen) = server(says(200, &vector("2")));
    let answer = ask(&prometheus(&url), &question(StableValue::Query("s".into())));
    assert_eq!((answer.candidate, answer.stable), (Some(2.0), Some(2.0)));
}

#[test]
fn bad_servers_give_no_value_in_time() {
    let hangs = |_: &mut TcpStream| std::thread::sleep(Duration::from_secs(20));
    let drips = |stream: &mut TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
        for _ in 0..200 {
            std::thread::sleep(Duration::from_millis(100));
            if stream.write_all(b" ").is_err() {
                return;
            }
        }
    };
    let floods = |stream: &mut TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        let lump = [b' '; 65_536];
        while stream.write_all(&lump).is_ok() {}
    };
    let servers: [(&str, (String, Receiver<String>)); 6] = [
        ("no answer in time", server(hangs)),
        ("no answer in time", server(drips)),
        ("longer than 1 MiB", server(floods)),
        ("answered 500", server(says(500, "oops"))),
        ("not that of a Prometheus API", server(says(200, "<html>"))),
        (
            "the query was refused: no such",
            server(says(422, r#"{"status":"error","error":"no such"}"#)),
        ),
    ];
    for (says, (url, _seen)) in &servers {
        let began = Instant::now();
        let answer = ask(&prometheus(url), &question(StableValue::None));
        assert!(began.elapsed() < Duration::from_secs(5), "{says}");
        assert_eq!(answer.candidate, None, "{says}");
        let why = answer.why.unwrap_or_default();
        assert!(why.contains(says), "{says}: {why}");
        assert!(!why.contains("127.0.0.1"), "the address is no part of it: {why}");
    }
    let nobody = ask(&prometheus("http://127.0.0.1:1"), &question(StableValue::None));
    assert!(nobody.candidate.is_none() && nobody.why.is_some());
}

#[test]
fn a_webhook_gets_a_signed_question() {
    let (url, seen) = server(says(200, r#"{"candidate": 0.5, "stable": 0.4}"#));
    let source =
        Source::Webhook { url: Hidden::new(url), secret: Some(Hidden::new("a secret of ours")) };
    let answer = ask(&source, &question(StableValue::Told));
    assert_eq!((answer.candidate, answer.stable), (Some(0.5), Some(0.4)));
    let head = seen.recv().expect("a request");
    assert!(head.contains("stagegate-signature: t=1800000000,v1="), "{head}");
}
