//! Tests of `rewrite`.

use super::{ForwardTo, Forwarding, ResponseFraming, client_head, upstream_head};
use crate::http1::{HeadLimits, RequestHead, ResponseHead, Status};
use crate::trace::{Onward, TraceContext};

const LIMITS: HeadLimits = HeadLimits { bytes: 8192, fields: 50 };

fn forwarded(head: &str, keep_client_values: bool) -> String {
    forwarded_in(head, keep_client_values, None)
}

fn forwarded_in(head: &str, keep_client_values: bool, trace: Option<Onward>) -> String {
    let mut request = RequestHead::default();
    request.parse(head.as_bytes(), LIMITS).expect("accepted");
    let from = Forwarding {
        peer: "10.0.0.9".into(),
        peer_node: "10.0.0.9".into(),
        keep_client_values,
        via: "stagegate-1".into(),
        proto: "http",
        http2: false,
        resent: false,
        trusted: false,
        has_trusted: false,
    };
    let to = ForwardTo {
        request_id: "r-1",
        client_request_id: None,
        arm: "stable",
        release: "v1",
        epoch: 7,
        host: "h",
        expect: false,
        changes: None,
        edits: false,
        trace,
        flags: None,
        proof: None,
    };
    let mut out = Vec::new();
    upstream_head(&mut out, head.as_bytes(), &request, &from, &to);
    String::from_utf8(out).expect("text")
}

#[test]
fn what_is_about_the_connection_stays_and_the_rest_goes_on_as_it_came() {
    let head = "GET /p HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nConnection: X-B, close\r\nX-B: 2\r\n\
        stagegate-arm: candidate\r\nstagegate-request-proof: mine\r\nKeep-Alive: 5\r\nx-C:3\r\nX-Forwarded-For: 1.1.1.1\r\nx-request-id: mine\r\n\r\n";
    assert_eq!(
        forwarded(head, false),
        "GET /p HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-C:3\r\nX-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: http\r\n\
         X-Forwarded-Host: h\r\nForwarded: for=10.0.0.9;host=\"h\";proto=http\r\nVia: 1.1 stagegate-1\r\n\
         x-request-id: r-1\r\nstagegate-arm: stable\r\nstagegate-release: v1\r\nstagegate-epoch: 7\r\n\r\n"
    );
    assert!(forwarded(head, true).contains("X-Forwarded-For: 1.1.1.1, 10.0.0.9\r\n"));
}

#[test]
fn a_clients_claims_go_on_only_where_they_are_kept() {
    let head = "GET /p HTTP/1.1\r\nHost: h\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /x\r\n\
        X-Forwarded-Ssl: on\r\nX-Real-IP: 1.1.1.1\r\nTrue-Client-IP: 1.1.1.1\r\nX_Real_IP: 2.2.2.2\r\n\
        X-Original-URL: /admin\r\nForwarded: for=\"1.1.1.1\r\nForwarded: for=1.1.1.1;proto=https\r\n\r\n";
    let dropped = forwarded(head, false);
    assert!(!dropped.contains("1.1.1.1") && !dropped.contains("Port"), "{dropped}");
    for name in ["Prefix", "Ssl", "X-Real", "X_Real", "True", "Original"] {
        assert!(!dropped.contains(name), "{dropped}");
    }
    let kept = forwarded(head, true);
    assert!(kept.contains("X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /x\r\nX-Forwarded-Ssl: on\r\nX-Real-IP: 1.1.1.1\r\n"));
    let own = "for=10.0.0.9;host=\"h\";proto=http\r\n";
    assert!(kept.contains(&format!("\r\nForwarded: for=1.1.1.1;proto=https, {own}")), "{kept}");
    assert!(!kept.contains("X_Real_IP"), "{kept}");
}

#[test]
fn a_traced_request_carries_this_proxys_span_and_what_belongs_to_it() {
    let parent = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    let head = format!(
        "GET / HTTP/1.1\r\nHost: h\r\n{parent}Tracestate: a=1\r\ntracestate: b=2\r\nBaggage: k=v\r\nX-A: 1\r\n\r\n"
    );
    let untouched = forwarded(&head, false);
    assert!(untouched.contains(&format!(
        "{parent}Tracestate: a=1\r\ntracestate: b=2\r\nBaggage: k=v\r\nX-A: 1\r\n"
    )));
    assert_eq!(untouched.matches("baggage").count(), 0, "nothing is added: {untouched}");
    let own = "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01";
    let context = TraceContext::parse(own.as_bytes()).expect("valid");
    let continued = forwarded_in(&head, false, Some(Onward { context, state: true }));
    assert!(continued.contains("Tracestate: a=1\r\ntracestate: b=2\r\nX-A: 1\r\n"));
    assert!(continued.ends_with(&format!(
        "stagegate-epoch: 7\r\ntraceparent: {own}\r\nbaggage: k=v,stagegate.arm=stable,stagegate.release=v1\r\n\r\n"
    )), "{continued}");
    assert_eq!(continued.matches("traceparent").count(), 1);
    let begun = forwarded_in(&head, false, Some(Onward { context, state: false }));
    assert!(!begun.to_lowercase().contains("tracestate"), "it belongs to another trace: {begun}");
}

#[test]
fn an_answer_keeps_its_fields_and_gets_the_framing_it_is_sent_with() {
    let head = "HTTP/1.1 200 Fine\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nstagegate-reason: x\r\n\r\n";
    let Ok(Status::Complete(response)) =
        ResponseHead::parse(head.as_bytes(), false, LIMITS, Vec::new())
    else {
        panic!("not accepted")
    };
    let mut out = Vec::new();
    let answer = ResponseFraming {
        request_id: "r-1",
        chunked: true,
        close: false,
        http_11: true,
        upgrade: false,
    };
    client_head(&mut out, head.as_bytes(), &response, Some(&answer));
    let text = String::from_utf8(out).expect("text");
    assert_eq!(
        text,
        "HTTP/1.1 200 Fine\r\nX-A: 1\r\nx-request-id: r-1\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
}
