//! Tests of `observe`.

use super::{Asked, Observed};
use crate::fixtures::{clients, shared};
use crate::http1::{HeadLimits, ResponseHead, Status};
use crate::identity::IdRules;
use crate::plan::SignalSettings;
use crate::worker::Worker;
use stagegate_rollout::Outcome;
use stagegate_signals::{End, Prices, Protocol, Rules};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;

fn settings() -> SignalSettings {
    SignalSettings {
        protocol: Protocol::Auto,
        rules: Rules::default(),
        prices: Arc::new(Prices::builtin()),
        tenants: BTreeSet::new(),
    }
}

fn observed(head: &str, body: &[u8], trailers: &[u8]) -> (Observed, Outcome) {
    let settings = settings();
    let bytes = head.as_bytes();
    let limits = HeadLimits { bytes: 4096, fields: 32 };
    let parsed = ResponseHead::parse(bytes, false, limits, Vec::new());
    let Ok(Status::Complete(parsed)) = parsed else { panic!("no head: {head}") };
    let asked = Asked {
        method: "POST",
        path: "/s.A/M",
        stage: None,
        resumes: false,
        language: None,
        learns: None,
    };
    let mut observed = Observed::default();
    observed.begin(&settings, asked, bytes, &parsed);
    let worker = Worker::new(Arc::new(shared(clients(), 1)), Some(0));
    observed.data(body, &worker, |_| {});
    observed.trailers(trailers);
    let signals = observed.end(End::Complete);
    let failure = observed.failure(signals.as_ref());
    let outcome = settings.rules.outcome(parsed.status, failure.as_ref());
    (observed, outcome)
}

#[test]
fn a_function_that_failed_behind_a_good_status_failed() {
    for (field, expected) in [
        ("X-Amz-Function-Error: Unhandled\r\n", Outcome::Permanent),
        ("x-amz-function-error:\r\n", Outcome::Ok),
        ("X-Amz-Executed-Version: 1\r\n", Outcome::Ok),
    ] {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{field}Content-Length: 23\r\n\r\n"
        );
        let (_, outcome) = observed(&head, br#"{"errorMessage":"boom"}"#, b"");
        assert_eq!(outcome, expected, "{field}");
    }
}

#[test]
fn json_labelled_as_text_is_read_and_a_text_for_people_is_not() {
    let gzip = |body: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(body).expect("memory");
        encoder.finish().expect("memory")
    };
    let failed = br#"{"error":{"type":"server_error","message":"m"}}"#;
    for kind in [
        "Content-Type: text/plain\r\n",
        "Content-Type: TEXT/Plain; charset=x\r\n",
        "Content-Type: text/html\r\n",
        "",
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{kind}Content-Length: 9\r\n\r\n");
        assert_ne!(observed(&head, failed, b"").1, Outcome::Ok, "{kind}");
        let coded = head.replace("Content-Length", "Content-Encoding: gzip\r\nContent-Length");
        assert_ne!(observed(&coded, &gzip(failed), b"").1, Outcome::Ok, "{kind}");
        for text in [&b"<html>{\"error\":1}</html>"[..], b"error: no", b"", b"\n"] {
            let (seen, outcome) = observed(&head, text, b"");
            assert_eq!((outcome, seen.unreadable), (Outcome::Ok, false), "{kind}");
            let (seen, outcome) = observed(&coded, &gzip(text), b"");
            assert_eq!((outcome, seen.unreadable), (Outcome::Ok, false), "{kind}");
        }
        let unknown = coded.replace("gzip", "rot13");
        assert!(!observed(&unknown, b"text", b"").0.unreadable, "nobody counts texts");
    }
}

#[test]
fn tokens_that_only_the_head_counts_are_the_answers() {
    let used = |path: &str, fields: &str, body: &str| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{fields}Content-Length: 9\r\n\r\n"
        );
        let limits = HeadLimits { bytes: 4096, fields: 32 };
        let parsed = ResponseHead::parse(head.as_bytes(), false, limits, Vec::new());
        let Ok(Status::Complete(parsed)) = parsed else { panic!("no head: {head}") };
        let asked = Asked {
            method: "POST",
            path,
            stage: None,
            resumes: false,
            language: None,
            learns: None,
        };
        let mut observed = Observed::default();
        observed.begin(&settings(), asked, head.as_bytes(), &parsed);
        let worker = Worker::new(Arc::new(shared(clients(), 1)), Some(0));
        observed.data(body.as_bytes(), &worker, |_| {});
        let usage = observed.end(End::Complete).and_then(|signals| signals.usage);
        usage.map(|usage| (usage.input, usage.output))
    };
    let both = "X-Amzn-Bedrock-Input-Token-Count: 7\r\nX-Amzn-Bedrock-Output-Token-Count: 3\r\n";
    let path = "/model/meta.llama3-70b-instruct-v1%3A0/invoke";
    assert_eq!(used(path, both, r#"{"generation":"hi"}"#), Some((7, 3)));
    let own = r#"{"usage":{"input_tokens":70,"output_tokens":30}}"#;
    assert_eq!(used(path, both, own), Some((70, 30)), "the body says more");
    assert_eq!(used(path, "X-Amzn-Bedrock-Input-Token-Count: 7\r\n", "{}"), None);
    assert_eq!(used(path, &both.replace('7', "x"), "{}"), None);
}

#[test]
fn a_grpc_status_is_read_from_the_head_and_from_the_trailers() {
    for kind in ["application/grpc", "Application/gRPC+proto"] {
        for (code, expected) in [
            ("0", Outcome::Ok),
            ("14", Outcome::Transient),
            ("13", Outcome::Permanent),
            ("5", Outcome::Ok),
        ] {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nGrpc-Status: {code}\r\nContent-Length: 0\r\n\r\n"
            );
            assert_eq!(observed(&head, b"", b"").1, expected, "{kind} {code} in the head");
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
            );
            let trailers = format!("grpc-status: {code}\r\ngrpc-message: m\r\n");
            let seen = observed(&head, b"\0\0\0\0\0", trailers.as_bytes()).1;
            assert_eq!(seen, expected, "{kind} {code} in the trailers");
        }
    }
    for (kind, status, expected) in [
        ("application/grpc", "200 OK", Outcome::Permanent),
        ("application/grpc-web+proto", "200 OK", Outcome::Ok),
        ("application/grpc", "404 Not Found", Outcome::Ok),
    ] {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let seen = observed(&head, b"\0\0\0\0\0", b"").1;
        assert_eq!(seen, expected, "{kind} {status} without a status");
    }
    let other = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nGrpc-Status: 13\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(observed(other, b"", b"").1, Outcome::Ok, "not gRPC's");
}

#[test]
fn a_stated_cost_is_read_as_programs_print_it() {
    for (text, nanos) in [("0.00021", 210_000), ("7.4e-06", 7_400), ("7.4e-7", 740)] {
        let head =
            format!("HTTP/1.1 200 OK\r\nAgent-Cost-Usd: {text}\r\nContent-Length: 0\r\n\r\n");
        let (seen, _) = observed(&head, b"", b"");
        assert_eq!((seen.stated, seen.unreadable), (Some(nanos), false), "{text}");
    }
}

/// gzip of a JSON document with an id, usage, and so many digits in between.
fn gzipped(digits: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    write!(encoder, "{{\"id\":\"resp-1\",\"object\":\"chat.completion\",\"x\":\"").unwrap();
    (0..digits / 8).for_each(|number| write!(encoder, "{number:08}").unwrap());
    write!(encoder, "\",\"usage\":{{\"prompt_tokens\":3,\"completion_tokens\":4}}}}").unwrap();
    encoder.finish().unwrap()
}

#[test]
fn several_fields_of_codings_are_one_list() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&gzipped(80)).unwrap();
    let body = encoder.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let limits = HeadLimits { bytes: 4096, fields: 32 };
    let parsed = ResponseHead::parse(head.as_bytes(), false, limits, Vec::new());
    let Ok(Status::Complete(parsed)) = parsed else { panic!("no head") };
    let asked = Asked {
        method: "POST",
        path: "/v1/x",
        stage: None,
        resumes: false,
        language: None,
        learns: None,
    };
    let mut observed = Observed::default();
    observed.begin(&settings(), asked, head.as_bytes(), &parsed);
    let worker = Worker::new(Arc::new(shared(clients(), 1)), Some(0));
    observed.data(&body, &worker, |_| {});
    let usage = observed.end(End::Complete).and_then(|signals| signals.usage);
    assert_eq!(usage.map(|usage| (usage.input, usage.output)), Some((3, 4)));
}

#[test]
fn a_body_is_decompressed_once_for_usage_and_ids() {
    let worker = Worker::new(Arc::new(shared(clients(), 1)), Some(0));
    let body = gzipped(3 << 20);
    let rules = IdRules::default();
    let read = |learns: bool| {
        let learns = learns.then_some(&rules);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let limits = HeadLimits { bytes: 4096, fields: 32 };
        let parsed = ResponseHead::parse(head.as_bytes(), false, limits, Vec::new());
        let Ok(Status::Complete(parsed)) = parsed else { panic!("no head") };
        let asked = Asked {
            method: "POST",
            path: "/v1/x",
            stage: None,
            resumes: false,
            language: None,
            learns,
        };
        let (mut observed, mut ids) = (Observed::default(), Vec::new());
        observed.begin(&settings(), asked, head.as_bytes(), &parsed);
        for part in body.chunks(1000) {
            observed.data(part, &worker, |id| ids.push(id));
        }
        (observed.end(End::Complete).expect("signals"), ids)
    };
    let (signals, ids) = read(true);
    assert_eq!(ids, ["resp-1"]);
    assert_eq!(signals.usage.map(|usage| usage.output), Some(4));
    // 16 MiB at once: five bodies of 3 MiB, the last of them only for its ids.
    let seen: Vec<bool> = (0..3).map(|_| read(false).0.unreadable).collect();
    assert_eq!(seen, [false, false, false], "each cost its 3 MiB once");
    assert!(read(false).0.unreadable, "12 MiB are spent");
    let (signals, ids) = read(true);
    assert_eq!(ids, ["resp-1"], "the rest is for ids");
    assert!(!signals.unreadable);
    let (signals, _) = read(true);
    assert!(signals.unreadable && signals.usage.is_none(), "nothing is left");
}
