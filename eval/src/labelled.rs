//! A labelled set: inputs whose right answer is known.
//!
//! One JSON object a line: `input` and `expected`, or the lines that `dataset export` writes, of
//! which those count that a reviewer gave an answer to. A live sample whose input is in the set,
//! compared by [`input_hash`], can be judged against the right answer.
//!
//! Inputs are redacted before they are hashed, as those of samples are, so that a set may hold what
//! people really asked. Only their hashes are kept.

use crate::dataset::{Record, ReviewStatus};
use crate::{Redactor, input_hash};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Most bytes of right answers, over all lines.
const MAX_BYTES: usize = 64 << 20;
/// The most problems that are reported for one file.
const MOST_PROBLEMS: usize = 10;
const WRITE: &str = "write `{\"input\": …, \"expected\": …}`, or a line of `dataset export`";

/// Right answers by the hash of the input.
#[derive(Clone, Debug, Default)]
pub struct LabelledSet {
    answers: HashMap<[u8; 32], Answer>,
}

#[derive(Clone, Debug)]
struct Answer {
    /// JSON; a value in memory would be several times as large.
    expected: Box<str>,
    line: u32,
    /// Of a dataset, where a later line of the same input takes the place of an earlier one.
    versioned: bool,
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// From 1.
    pub line: u32,
    /// The problem.
    pub message: String,
    /// The mend.
    pub hint: &'static str,
}

impl LabelledSet {
    /// Reads JSON Lines. Blank lines are skipped.
    ///
    /// # Errors
    /// The lines that cannot be used, the first ten of them.
    pub fn read(text: &str, redactor: &Redactor) -> Result<Self, Vec<BadLine>> {
        let mut set = Self::default();
        let mut bad = Vec::new();
        let mut bytes = 0;
        for (number, text) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = number as u32 + 1;
            if text.trim().is_empty() {
                continue;
            }
            if let Err((message, hint)) = set.add(line, text, redactor, &mut bytes) {
                bad.push(BadLine { line, message, hint });
            }
            if bad.len() >= MOST_PROBLEMS || bytes > MAX_BYTES {
                break;
            }
        }
        if bad.is_empty() { Ok(set) } else { Err(bad) }
    }

    fn add(
        &mut self,
        line: u32,
        text: &str,
        redactor: &Redactor,
        bytes: &mut usize,
    ) -> Result<(), (String, &'static str)> {
        let object: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| (format!("is no JSON object: {error}"), WRITE))?;
        let versioned = object.contains_key("content_hash");
        let (mut input, expected) = if versioned { of_record(object)? } else { plain(object)? };
        redactor.input(&mut input);
        let key = key(&input);
        let Some(mut expected) = expected else {
            self.answers.remove(&key);
            return Ok(());
        };
        // What is compared with it has been redacted, and so is what is kept.
        redactor.value(&mut expected);
        let expected = expected.to_string();
        *bytes += expected.len();
        if *bytes > MAX_BYTES {
            let message =
                format!("is too much: the right answers take more than {MAX_BYTES} bytes");
            return Err((message, "keep the cases that traffic really has"));
        }
        let answer = Answer { expected: expected.into(), line, versioned };
        if let Some(before) = self.answers.get(&key)
            && !(before.versioned && versioned)
            && before.expected != answer.expected
        {
            let message =
                format!("has the input of line {} and expects something else", before.line);
            return Err((message, "keep one of the two"));
        }
        self.answers.insert(key, answer);
        Ok(())
    }

    /// The right answer to an input that was redacted by the same rules.
    #[must_use]
    pub fn expected(&self, input: &Value) -> Option<Value> {
        if self.answers.is_empty() {
            return None;
        }
        let answer = self.answers.get(&key(input))?;
        serde_json::from_str(&answer.expected).ok()
    }

    /// The number of inputs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }
}

fn key(input: &Value) -> [u8; 32] {
    let mut key = [0; 32];
    // 64 hex digits, always.
    let _ = hex::decode_to_slice(input_hash(input), &mut key);
    key
}

type Labelled = (Value, Option<Value>);

fn plain(mut object: Map<String, Value>) -> Result<Labelled, (String, &'static str)> {
    let mut take =
        |name: &str| object.remove(name).ok_or_else(|| (format!("has no `{name}`"), WRITE));
    let (input, expected) = (take("input")?, take("expected")?);
    if expected.is_null() {
        return Err(("expects null".to_owned(), "say what is right, or leave the line out"));
    }
    Ok((input, Some(expected)))
}

/// A case without an answer, or that a reviewer rejected, has none.
fn of_record(object: Map<String, Value>) -> Result<Labelled, (String, &'static str)> {
    let record: Record = serde_json::from_value(Value::Object(object))
        .map_err(|error| (format!("is no case of a dataset: {error}"), WRITE))?;
    if !record.is_intact() {
        let hint = "export it again, or add the changed case as a new version";
        return Err((
            "was changed in place: its content_hash is not that of its content".to_owned(),
            hint,
        ));
    }
    let expected = record.expected.filter(|_| record.review.status != ReviewStatus::Rejected);
    Ok((record.input, expected))
}
