//! The words that an event must have to matter: found in one pass, without reading the event.
//!
//! Each word is a part of what the reader of documents looks for, so that nothing it would find is
//! missed. What only looks like a word is sorted out by the bytes around it.

use aho_corasick::Span;
use aho_corasick::packed::{Config, MatchKind, Searcher};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// The words: keys of usage and errors, and the ends of values that mean a failure.
const WORDS: [&[u8]; 24] = [
    b"\"usage",
    b"\"error",
    b"\"__error",
    b"last_error",
    b"isError",
    b"incomplete_details",
    b"failed\"",
    b"FAILED\"",
    b"rejected\"",
    b"REJECTED\"",
    b"expired\"",
    b"finishReason",
    b"blockReason",
    b"ERROR\"",
    b".error\"",
    b"content_filter",
    b"\"refusal\"",
    b"guardrail_intervened\"",
    b"malformed_model_output\"",
    b"malformed_tool_use\"",
    b"\"network_error\"",
    b"\"insufficient_system_resource\"",
    b"\"abort\"",
    b"\"sensitive\"",
];
const USAGE: usize = 0;
const ERROR: usize = 1;
const LAST_ERROR: usize = 3;
const IS_ERROR: usize = 4;
const INCOMPLETE: usize = 5;
const CONTENT_FILTER: usize = 15;
const REFUSAL: usize = 16;

static SEARCHER: LazyLock<Option<Searcher>> = LazyLock::new(|| {
    let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
    builder.extend(WORDS).build()
});
static MODEL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"model"));

/// The place of the first word in `bytes`.
pub(crate) fn first_in(bytes: &[u8]) -> Option<usize> {
    next(bytes, 0).map(|(_, at)| at)
}

/// Returns true if a word in this line, from a place on, may mean usage or a failure.
pub(crate) fn matter_in(line: &[u8], mut from: usize) -> bool {
    while let Some((word, at)) = next(line, from) {
        from = at + WORDS[word].len();
        if matters(word, line, at) {
            return true;
        }
    }
    false
}

/// Returns true if a line may contain the name of a model.
pub(crate) fn may_name_a_model(line: &[u8]) -> bool {
    MODEL.find(line).is_some()
}

/// The first word from a place on, and where it stands.
fn next(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    if let Some(searcher) = &*SEARCHER {
        let found = searcher.find_in(bytes, Span::from(from..bytes.len()))?;
        return Some((found.pattern().as_usize(), found.start()));
    }
    let first = |(word, text): (usize, &&[u8])| {
        memchr::memmem::find(&bytes[from..], text).map(|at| (word, from + at))
    };
    WORDS.iter().enumerate().filter_map(first).min_by_key(|(_, at)| *at)
}

/// Returns true if a word may be significant at its position. A quote after a backslash is in a
/// text, or ends one.
fn matters(word: usize, line: &[u8], at: usize) -> bool {
    let value = value_after_key(&line[at + WORDS[word].len()..]);
    let escaped = at > 0 && line[at - 1] == b'\\';
    match word {
        USAGE => {
            let after = &line[at + WORDS[word].len()..];
            let named =
                after.strip_prefix(b"Metadata").or_else(|| after.strip_prefix(b"_metadata"));
            let after = named.unwrap_or(after);
            !escaped && value_after_key(after) == Some(b'{')
        }
        // Not a key, it is the name of a kind or a status.
        ERROR => !escaped && !matches!(value, Some(b'n' | b'f')),
        LAST_ERROR => value != Some(b'n'),
        IS_ERROR => value != Some(b'f'),
        INCOMPLETE => value == Some(b'{'),
        // Azure has results of filters in every chunk.
        CONTENT_FILTER => {
            let after = &line[at + WORDS[word].len()..];
            !escaped && (after.starts_with(b"\"") || after.starts_with(b"ed\"")) && value.is_none()
        }
        // Also a key, of what a refusal says.
        REFUSAL => {
            let after = line[at + WORDS[word].len()..].trim_ascii_start();
            !escaped && after.first() != Some(&b':')
        }
        _ => !escaped,
    }
}

/// The first byte of the value; `after` begins after a key's last letter.
fn value_after_key(after: &[u8]) -> Option<u8> {
    let after = after.strip_prefix(b"\"")?.trim_ascii_start().strip_prefix(b":")?;
    after.trim_ascii_start().first().copied()
}

#[cfg(test)]
mod tests {
    use super::{first_in, matter_in};

    #[test]
    fn lines_that_matter_are_told_from_lines_that_do_not() {
        for line in [
            r#"{"usage": {"input_tokens":1}}"#,
            r#"{"usageMetadata":{"promptTokenCount":1}}"#,
            r#"{"usage_metadata":{"prompt_token_count":1}}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"network_error"}]}"#,
            r#"{"event":"workflow_finished","data":{"status":"failed"}}"#,
            r#"{"usage":null,"error":{"code":1}}"#,
            r#"{"error":true}"#,
            r#"{"type":"error","message":"m"}"#,
            r#"{"type":"response.failed","response":{"error":null}}"#,
            r#"{"status":"failed"}"#,
            r#"{"last_error":{"code":"server_error"}}"#,
            r#"{"result":{"isError":true}}"#,
            r#"{"result":{"status":{"state":"TASK_STATE_FAILED"}}}"#,
            r#"{"incomplete_details":{"reason":"content_filter"}}"#,
            r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
            r#"{"__error__":{"error":"ValueError"}}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#,
            r#"{"type":"RUN_ERROR","message":"m"}"#,
            r#"{"type":"conversation.response.error"}"#,
            r#"{"type":"message-end","delta":{"finish_reason":"ERROR"}}"#,
            r#"{"data":null,"errors":[{"message":"m"}]}"#,
            r#"{"object":"error","code":400}"#,
            r#"{"choices":[{"finish_reason":"content_filter"}]}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"refusal"}}"#,
        ] {
            let first = first_in(line.as_bytes()).expect("a word");
            assert!(matter_in(line.as_bytes(), 0) && matter_in(line.as_bytes(), first), "{line}");
        }
        for line in [
            r#"{"choices":[{"delta":{"content":"hi"},"finish_reason":null}],"usage":null}"#,
            r#"{"text":"\"usage\":{\"input_tokens\":1}, \"error\": {}"}"#,
            r#"{"error":null,"last_error":null,"incomplete_details":null,"error":false}"#,
            r#"{"result":{"isError":false}}"#,
            r#"{"choices":[{"delta":{"refusal":null},"content_filter_results":{}}]}"#,
            "",
        ] {
            assert!(!matter_in(line.as_bytes(), 0), "{line}");
        }
    }
}
