//! The pure core of Stagegate: who goes where, and what a command changes.
//!
//! Nothing here reads a clock, touches the network or a file, draws a random number, logs or
//! counts. Time and keys come in as arguments; decisions and refusals come out as values. That is
//! what lets the routing rules be proven by property tests and replayed after a crash.

mod action;
mod analysis;
mod arm;
mod bucket;
mod command;
mod doubt;
mod force;
mod histogram;
mod membership;
mod name;
mod outcome;
mod policy;
mod progress;
mod reason;
mod record;
mod severity;
mod shadow;
mod spec;
mod split;
mod state;
mod stats;
mod usage;
mod weight;

pub use action::Action;
pub use analysis::{
    Analysis, AnalysisId, Compared, ComparedFigure, Estimate, Evidence, FigureUnit, Forecast,
    GateState, Measurement, PlannedGate, PlannedStep, Rates, SpendBook, SplitReading, Surroundings,
    Tick, Trigger, Verdict, Why, figures, plan,
};
pub use arm::Arm;
pub use bucket::{Bucket, Salt, murmur3_x86_32};
pub use command::{Change, Command, ListKind, Refusal, Subject, apply};
pub use doubt::{Doubt, DoubtKind};
pub use force::{ForceError, ForceKey};
pub use histogram::Histogram;
pub use membership::{Members, Membership};
pub use name::{CohortName, GroupName, InvalidName, ReleaseName, WorkloadName};
pub use outcome::Outcome;
pub use policy::{
    Amount, Axis, ErrorClass, Gate, GateId, InvalidAmount, Limit, Measure, OfflineReport, Policy,
    PolicyError, PolicyKey, Quantile, Span, Step, Then, Timing,
};
pub use progress::{
    Alarm, Effect, Entry, Grounds, Input, Mark, Notice, NoticeKind, OfflineEval, Order, Phase,
    Preflight, Readiness, Recording, Replay, ReplayEvent, Rollout, RolloutId, RolloutRefusal,
    Status, Stepped, Transition, Turn, replay, step,
};
pub use reason::Reason;
pub use record::{DecodeError, Record, RecordBatch, Spent, records};
pub use severity::Severity;
pub use shadow::{ShadowDrop, ShadowKey, ShadowSeries};
pub use spec::{Cohort, Fallback, FixedResponse, OnRollback, SpecError, Sticky, WorkloadSpec};
pub use split::{Choice, KeyKind, Split, Target, Who};
pub use state::{Closed, Declared, KillState, WorkloadState};
pub use stats::{Delta, Refusals, Scores, Series, SeriesKey, TenantUse};
pub use usage::{CostTruth, TokenKind};
pub use weight::{InvalidWeight, Weight};
