//! Sampling and scoring: the half of the eval axis that has no runtime, no clock and no store.
//!
//! A captured exchange becomes a [`Sample`] ([`Sample::of`]: decoded, put together from its stream,
//! redacted), a [`ScorerSpec`] makes [`Score`]s of it, and [`Tally`] adds them up. Time, seeds and
//! bytes come in as arguments. The one door to the network is [`Post`]; `call` has the blocking
//! client behind it, and nothing else here may open a socket.
//!
//! The same types serve without a proxy: [`gate`] compares two offline runs case by case, and
//! [`dataset`] writes failures down as cases.

mod call;
mod confidence;
pub mod coverage;
pub mod dataset;
mod encoding;
mod external;
pub mod gate;
mod hash;
mod labelled;
mod message;
mod money;
mod pairs;
mod protocol;
mod reassemble;
mod redact;
mod results;
mod sample;
mod sampling;
mod score;
mod scorer;

pub use call::{CallFailure, HttpPost, Outgoing, Post, Replied};
pub use confidence::{confidence_at, confidence_in};
pub use encoding::{DecodeError, decoded};
pub use external::budget::{Broke, Budget, Reservation};
pub use external::contract::{Ask, Item, ItemScores, Sent, answered, request_body};
pub use external::idempotency::idempotency_key;
pub use external::judge::{Judged, judge};
pub use external::{HttpScorer, RubricScorer, TokenPrices, ask};
pub use hash::{canonical, digest_of, input_hash};
pub use labelled::{BadLine, LabelledSet};
pub use message::{Choice, Finish, Message, ToolCall};
pub use money::Nanos;
pub use pairs::{PairResult, PairTally};
pub use protocol::Protocol;
pub use reassemble::{Assembled, assembled};
pub use redact::{InvalidRule, REDACTED, Redactor, Rule};
pub use results::against_labels::AgainstLabels;
pub use results::corrected::Corrected;
pub use results::health::{Health, HealthLimits, JudgeCounts, judge_health};
pub use results::mix::{Difference, Mix};
pub use results::reliability::{Bin, Reliability};
pub use results::share::Share;
pub use results::tally::{Tally, Verdict};
pub use results::watermark::{Arrival, Settled, Watermark};
pub use sample::{
    Captured, Facts, Half, Metrics, Output, Sample, SampleReason, Transcript, Truncated,
};
pub use sampling::{FirstTurns, Sampling};
pub use score::Score;
pub use scorer::{
    Check, KeyNeed, KeyShape, Problem, Problems, ScoredUnit, ScorerKey, ScorerKind, ScorerSpec,
    ScorerType, check_types, scorer_types, suggestion,
};
pub use stagegate_sealed::{Hidden, SIGNATURE_HEADER, signature};
