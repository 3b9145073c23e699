//! Calls that fail behind a good status: the last message of Connect, and its errors of unary calls.

use crate::bodies::{JSON, answer, scan, scan_pieces};
use flate2::{Compression, write::GzEncoder};
use stagegate_rollout::Outcome;
use stagegate_signals::{Answer, End, Rules};
use std::io::Write as _;

/// Connect's codes, the status of a unary call, and the class.
const CODES: &[(&str, u16, Outcome)] = &[
    ("unknown", 500, Outcome::Permanent),
    ("invalid_argument", 400, Outcome::Ok),
    ("deadline_exceeded", 504, Outcome::Transient),
    ("not_found", 404, Outcome::Ok),
    ("already_exists", 409, Outcome::Ok),
    ("permission_denied", 403, Outcome::Ok),
    ("resource_exhausted", 429, Outcome::Transient),
    ("failed_precondition", 400, Outcome::Ok),
    ("aborted", 409, Outcome::Ok),
    ("out_of_range", 400, Outcome::Ok),
    ("unimplemented", 501, Outcome::Permanent),
    ("internal", 500, Outcome::Permanent),
    ("unavailable", 503, Outcome::Transient),
    ("data_loss", 500, Outcome::Permanent),
    ("unauthenticated", 401, Outcome::Ok),
];
const PATH: &str = "/agent.v1.AgentService/Run";

fn message(flags: u8, content: &[u8]) -> Vec<u8> {
    [&[flags], &(content.len() as u32).to_be_bytes()[..], content].concat()
}

fn gzip(content: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(content.as_bytes()).expect("memory");
    gzip.finish().expect("memory")
}

/// Streams that end with this last message: plain and compressed.
fn streams(last: &str) -> [Vec<u8>; 3] {
    let data = message(0, br#"{"reply":"{\"error\":{}}"}"#);
    let zstd = zstd::encode_all(last.as_bytes(), 3).expect("memory");
    [
        [data.clone(), message(2, last.as_bytes())].concat(),
        [message(1, &gzip("{}")), message(3, &gzip(last))].concat(),
        [data, message(3, &zstd)].concat(),
    ]
}

#[test]
fn a_stream_fails_by_its_last_message() {
    let rules = Rules::default();
    let canceled = ("canceled", 0, Outcome::ClientGone);
    for (code, _, expected) in CODES.iter().chain([&canceled]) {
        let last = format!(r#"{{"error":{{"code":"{code}","message":"m"}},"metadata":{{}}}}"#);
        for kind in [&b"application/connect+json"[..], b"application/connect+proto"] {
            for stream in streams(&last) {
                for size in [1, 6, 4096] {
                    let seen = scan_pieces(&answer(PATH, kind), stream.chunks(size), End::Complete);
                    let class = rules.outcome(200, seen.failure.as_ref());
                    assert_eq!(class, *expected, "{code} in pieces of {size}");
                    assert!(!seen.is_generation && !seen.unreadable);
                }
            }
        }
    }
}

#[test]
fn a_stream_that_ends_well_or_in_other_words_is_taken_at_its_word() {
    let rules = Rules::default();
    let class = |last: &str| {
        let stream = [message(0, b"{}"), message(2, last.as_bytes())].concat();
        let seen = scan(&answer(PATH, b"application/connect+json; charset=utf-8"), &stream);
        rules.outcome(200, seen.failure.as_ref())
    };
    for good in ["{}", r#"{"metadata":{"error":["x"]}}"#, r#"{"error":null}"#] {
        assert_eq!(class(good), Outcome::Ok, "{good}");
    }
    for bad in [r#"{"error":{"code":"brand_new"}}"#, r#"{"error":{"message":"m"}}"#] {
        assert_eq!(class(bad), Outcome::Permanent, "{bad}");
    }
    let cut = message(0, br#"{"error":{"code":"internal"}}"#);
    let seen = scan(&answer(PATH, b"application/connect+json"), &cut);
    assert_eq!(seen.failure, None, "a message that is not the last one");
    let odd = message(3, b"not compressed at all");
    assert!(scan(&answer(PATH, b"application/connect+proto"), &odd).unreadable);
}

#[test]
fn a_unary_call_fails_by_its_status_and_names_it() {
    for (code, status, expected) in CODES {
        let body = format!(r#"{{"code":"{code}","message":"m","details":[]}}"#);
        let asked = Answer { status: *status, ..answer(PATH, JSON) };
        let seen = scan(&asked, body.as_bytes());
        let failure = seen.failure.as_ref();
        assert_eq!(Rules::default().outcome(*status, failure), *expected, "{code}");
        let name: Vec<String> =
            failure.map(|it| it.names().map(str::to_owned).collect()).unwrap_or_default();
        assert_eq!(name, [code.to_uppercase()]);
        let rejected = Rules::is_rejection(*status, failure, *expected);
        assert_eq!(rejected, *expected == Outcome::Ok, "{code}");
        // The same words under another status are somebody else's.
        for other in [200, 418] {
            let asked = Answer { status: other, ..answer(PATH, JSON) };
            assert_eq!(scan(&asked, body.as_bytes()).failure, None, "{code} with {other}");
        }
    }
}
