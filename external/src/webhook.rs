//! Our own JSON: a signed question, and an answer with two numbers.

use crate::text::shown;
use crate::{Answer, Question};
use serde::Deserialize;
use serde_json::json;

/// The body of a question asked at `now_ms`, in Unix milliseconds.
pub(crate) fn body(question: &Question, now_ms: u64) -> String {
    json!({
        "version": 1,
        "workload": question.workload,
        "gate": question.gate,
        "candidate": question.candidate,
        "stable": question.stable,
        "query": question.value.query,
        "at_ms": now_ms,
    })
    .to_string()
}

#[derive(Deserialize)]
struct Body {
    candidate: Option<f64>,
    stable: Option<f64>,
    why: Option<String>,
}

/// What an answer says. Unknown members are ignored.
pub(crate) fn read(body: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice::<Body>(body) else {
        return Answer::none("the answer is not JSON like {\"candidate\": 0.01, \"stable\": 0.01}");
    };
    let said = body.why.map(|why| shown(&why)).filter(|why| !why.is_empty());
    let missing = || "the answer has no `candidate`".to_owned();
    let why = if body.candidate.is_none() { Some(said.unwrap_or_else(missing)) } else { said };
    Answer { candidate: body.candidate, stable: body.stable, why }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn numbers_are_values_and_the_rest_is_none() {
        let both = read(br#"{"candidate": 0.5, "stable": 1, "more": []}"#);
        assert_eq!((both.candidate, both.stable, both.why), (Some(0.5), Some(1.0), None));
        let none = read(br#"{"candidate": null, "why": "no orders\nyet"}"#);
        assert_eq!((none.candidate, none.why.as_deref()), (None, Some("no orders yet")));
        for body in [&b""[..], b"1", br#"{"candidate":"1"}"#, br#"{"candidate":NaN}"#, b"{}"] {
            let answer = read(body);
            assert!(answer.candidate.is_none() && answer.why.is_some());
        }
    }
}
