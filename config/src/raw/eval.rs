//! Keys for the scoring of live traffic.

use crate::read::{choice, raw};
use crate::scalar::{FilePath, Int, JsonPointer, Line, Margin, Wait};
use crate::{Rate, Size};
use stagegate_rollout::Weight;

raw! {
    /// The share of each arm's responses that is scored. A conversation is sampled with all its
    /// turns or not at all.
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
        /// The scorer, one of `scorers`, that compares a response with the expected one. By default
        /// they must be equal, as with the scorer `equals`.
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
        /// The limits beyond which scorers are not believed. Then their scores are no evidence, and
        /// the gates on accuracy permit no promotion.
        judge: RawJudge = default("{}"),
    }
}

raw! {
    /// The limits beyond which scorers are not believed.
    pub(crate) struct RawJudge {
        /// The longest time without any verdict while samples wait.
        silence: Wait = default("3m"),
        /// Length of the current window in comparisons over time; at least 1s. The usual values are
        /// those of the 24 windows before it.
        window: Wait = default("15m"),
        /// Fewest samples on each side of a comparison.
        samples: Int<1, 1_000_000> = default("200"),
        /// Largest difference of stable's pass rate from its usual one.
        drift: Margin = default("5pp"),
        /// Largest difference between the arms in the share of samples that got a verdict.
        coverage: Margin = default("5pp"),
    }
}
