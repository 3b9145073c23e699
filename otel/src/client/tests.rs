//! Tests of `client`.

use super::{Failure, framed, grpc_verdict, http_verdict};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::time::Duration;

fn with(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().expect("a name"), HeaderValue::from_static(value))])
}

#[test]
fn a_message_is_framed_with_its_length() {
    assert_eq!(framed(&Bytes::from_static(b"abc"))[..], [0, 0, 0, 0, 3, b'a', b'b', b'c']);
}

#[test]
fn only_what_may_pass_is_tried_again() {
    let none = HeaderMap::new();
    for (status, again) in [(429, true), (502, true), (503, true), (504, true)].into_iter().chain([
        (400, false),
        (401, false),
        (404, false),
        (413, false),
        (500, false),
        (301, false),
    ]) {
        let status = StatusCode::from_u16(status).expect("a status");
        let verdict = http_verdict(status, &none).expect_err("no success");
        assert_eq!(matches!(verdict, Failure::Again(..)), again, "{status}");
    }
    let asked = http_verdict(StatusCode::SERVICE_UNAVAILABLE, &with("retry-after", "7"));
    assert!(matches!(asked, Err(Failure::Again(_, Some(wait))) if wait == Duration::from_secs(7)));
    for (code, again) in [("14", true), ("8", true), ("4", true), ("16", false), ("12", false)] {
        let verdict = grpc_verdict(StatusCode::OK, &none, &with("grpc-status", code));
        let again_is = matches!(verdict.expect_err("no success"), Failure::Again(..));
        assert_eq!(again_is, again, "{code}");
    }
    let ok = with("grpc-status", "0");
    assert_eq!(grpc_verdict(StatusCode::OK, &none, &ok), Ok(()));
    assert_eq!(grpc_verdict(StatusCode::OK, &ok, &none), Ok(()));
    assert!(grpc_verdict(StatusCode::OK, &none, &none).is_err());
}
