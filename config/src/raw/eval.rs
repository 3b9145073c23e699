//! What is scored of live traffic, and how.

use crate::read::{Content, Context, Cursor, Node, Read, Shape, choice, raw};
use crate::scalar::{FilePath, Int, JsonPointer, Line, Margin, Wait};
use crate::{Rate, Size};
use serde_json::{Map, Number, Value};
use stagegate_rollout::Weight;

raw! {
    /// How much of each arm is scored. A conversation is in with all its turns or not at all.
    pub(crate) struct RawSampling {
        /// Share of stable's conversations. With `scorers` 2%, without them 0%.
        stable: Weight = optional,
        /// Share of the candidate's conversations. With `scorers` 5%, without them 0%.
        candidate: Weight = optional,
        /// Most answers of each arm that are scored a second, however many are picked. The rest is
        /// dropped by time alone and counted, so that scoring costs a bounded part of a core.
        max_rate: Rate = default("100/s"),
    }
}

raw! {
    /// Inputs whose right answer is known. A sampled request that is among them counts for
    /// `labelled_accuracy`.
    pub(crate) struct RawLabelled {
        /// JSON Lines with `input` and `expected`, or those of `stagegate dataset export`. Read again
        /// when the file changes.
        file: FilePath = required,
        /// Which of `scorers` says whether an answer is the expected one. Without it, one that is
        /// equal is, as by the scorer `equals`.
        scorer: Line = optional,
    }
}

choice! {
    /// Something that is taken out of samples before they are kept, besides secrets of well-known
    /// shapes, which always are.
    pub(crate) enum RawRedact {
        words {}
        keys {
            /// Every match of this regular expression.
            "pattern" => Pattern(Line),
            /// The value at this JSON pointer of the request or the answer; `*` stands for every
            /// entry.
            "pointer" => Pointer(JsonPointer),
        }
    }
}

raw! {
    /// Limits of scoring, over all workloads. Over them samples are dropped and counted; answers
    /// are never touched.
    pub(crate) struct RawEval {
        /// Most bytes of answers that are being copied or wait to be scored, at least 1MiB.
        memory: Size = default("64MiB"),
        /// Most bytes that are kept of a request, and of an answer, from 1KiB to 16MiB. The rest is
        /// cut off the sample, which is marked.
        per_message: Size = default("256KiB"),
        /// Threads that ask scorers outside of the process.
        workers: Int<1, 64> = default("1"),
        /// Samples older than this are removed.
        max_age: Wait = default("7d"),
        /// Above this many, the oldest samples are removed.
        max_samples: Int<1, 100_000_000> = default("100000"),
        /// When scorers are not believed. What they say is no evidence then, and the gates on
        /// accuracy let nothing pass.
        judge: RawJudge = default("{}"),
    }
}

raw! {
    /// When scorers are not believed.
    pub(crate) struct RawJudge {
        /// How long samples may wait without any getting a verdict.
        silence: Wait = default("3m"),
        /// What counts as present, where the present is compared; at least 1s. What is usual are the
        /// 24 such times before it.
        window: Wait = default("15m"),
        /// Fewest samples on each side of a comparison.
        samples: Int<1, 1_000_000> = default("200"),
        /// Largest difference of stable's pass rate from its usual one.
        drift: Margin = default("5pp"),
        /// Largest difference between the arms in the share of samples that got a verdict.
        coverage: Margin = default("5pp"),
    }
}

/// The definition of a scorer, which `eval` reads: a mapping with `name` and `type`.
pub(crate) struct Definition(pub(crate) Value);

impl Read for Definition {
    // Some of its keys hold secrets.
    const SECRET: bool = true;

    fn shape() -> Shape {
        Shape::Open("scorer (see docs/EVAL.md)")
    }

    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self> {
        if matches!(at.node.content, Content::Map(_)) {
            return value(at, cx).map(Self);
        }
        let message = format!("is {}, not a scorer", at.node.kind());
        cx.problem(&at.site(true), message, "write keys and values, `name` and `type` among them");
        None
    }
}

/// Any node as a value; variables are put in, and words without quotes have the types of YAML's
/// core schema.
fn value(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Value> {
    let Node { content, .. } = at.node;
    Some(match content {
        _ if at.node.is_null() => Value::Null,
        Content::Scalar { text, plain } => {
            let read = cx.substitute(text, &at.site(true))?;
            match read.as_str() {
                _ if !plain || read != *text => Value::from(read),
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                word => word.parse::<Number>().map_or_else(|_| Value::from(word), Value::Number),
            }
        }
        Content::List(items) => {
            let items = items.iter().enumerate();
            Value::Array(
                items.map(|(n, node)| value(&at.item(n, node), cx)).collect::<Option<_>>()?,
            )
        }
        Content::Map(entries) => {
            let mut map = Map::new();
            for (key, node) in entries {
                let below = at.value(&key.text, key.mark, node);
                let inner = value(&below, cx)?;
                if map.insert(key.text.clone(), inner).is_some() {
                    cx.problem(&below.site(true), "is there twice", "keep one of them");
                    return None;
                }
            }
            Value::Object(map)
        }
    })
}
