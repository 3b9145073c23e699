//! Evaluations in the form of OFREP 0.3.

use http::StatusCode;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use stagegate_flags::{ErrorCode, Evaluation, Variant};

/// The answer for one flag, and the status of an answer that has it alone.
///
/// The enum of OFREP's schema lacks `DEFAULT`, and its text permits any reason of OpenFeature. An answer
/// without `value` means that the caller uses its own default.
pub(crate) fn one(key: &str, evaluation: &Evaluation<'_>) -> (StatusCode, Value) {
    let mut answer = Map::new();
    answer.insert("key".into(), key.into());
    let metadata = metadata(evaluation);
    if !metadata.is_empty() {
        answer.insert("metadata".into(), Value::Object(metadata));
    }
    let Some(failure) = evaluation.failure() else {
        answer.insert("reason".into(), evaluation.reason().label().into());
        // `variant` is optional in OFREP, and Python's provider 0.3 fails without it.
        let name = evaluation.variant().map_or("", Variant::name);
        answer.insert("variant".into(), name.into());
        if let Some(value) = evaluation.value() {
            answer.insert("value".into(), value.clone());
        }
        return (StatusCode::OK, Value::Object(answer));
    };
    answer.insert("errorCode".into(), failure.code().label().into());
    answer.insert("errorDetails".into(), failure.to_string().into());
    let status = match failure.code() {
        ErrorCode::FlagNotFound => StatusCode::NOT_FOUND,
        ErrorCode::ParseError | ErrorCode::General => StatusCode::BAD_REQUEST,
    };
    (status, Value::Object(answer))
}

/// The flag's metadata, and the kind of a rule of run time that decided.
pub(crate) fn metadata(evaluation: &Evaluation<'_>) -> Map<String, Value> {
    let mut metadata = evaluation.metadata().cloned().unwrap_or_default();
    let by = evaluation.decided_by();
    if by.is_of_run_time() {
        metadata.insert("stagegate.rule".into(), by.label().into());
    }
    metadata
}

/// A request that cannot be evaluated.
pub(crate) fn refused(key: Option<&str>, code: &str, details: &str) -> Value {
    let mut answer = json!({ "errorCode": code, "errorDetails": details });
    if let Some(key) = key {
        answer["key"] = key.into();
    }
    answer
}

/// The tag of an answer with all flags: over the definitions, the context and the evaluations. The last
/// ones matter for rules that ask for the time.
pub(crate) fn tag(set: &str, context: &Map<String, Value>, flags: &[Value]) -> String {
    let mut hash = Sha256::new();
    hash.update(set);
    hash.update(serde_json::to_vec(context).unwrap_or_default());
    hash.update([0]);
    hash.update(serde_json::to_vec(flags).unwrap_or_default());
    format!("\"{}\"", hex::encode(&hash.finalize()[..16]))
}

/// True if a header field `If-None-Match` names the tag.
pub(crate) fn matches(if_none_match: &str, tag: &str) -> bool {
    let strong =
        |own: &str| own.trim().trim_start_matches("W/").trim_matches('"') == tag.trim_matches('"');
    if_none_match.trim() == "*" || if_none_match.split(',').any(strong)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn tags_are_compared_with_and_without_quotes() {
        assert!(matches("\"abc\"", "\"abc\""));
        assert!(matches("abc", "\"abc\""));
        assert!(matches("W/\"abc\"", "\"abc\""));
        assert!(matches("\"x\", \"abc\"", "\"abc\""));
        assert!(!matches("\"abcd\"", "\"abc\""));
        assert!(!matches("", "\"abc\""));
    }
}
