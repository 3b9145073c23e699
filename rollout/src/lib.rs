//! The pure core of Stagegate: the decision for a request, and the effect of a command.
//!
//! Nothing here reads a clock, touches the network or a file, draws a random number, logs or
//! counts. Time and keys come in as arguments; decisions and refusals come out as values. So
//! property tests can prove the routing rules, and a crash can be replayed.

mod action;
mod analysis;
mod arm;
mod bucket;
mod calibration;
mod closed;
mod cohort;
mod command;
mod condemned;
mod doubt;
mod error_classes;
mod flag_counts;
mod force;
mod histogram;
mod membership;
mod name;
mod outcome;
mod policy;
mod progress;
mod reason;
mod record;
mod record_flags;
mod series;
mod severity;
mod shadow;
mod spec;
mod spec_error;
mod split;
mod state;
mod stats;
mod units;
mod usage;
mod weight;
mod zone;

pub use action::Action;
pub use analysis::{
    Analysis, AnalysisId, Blame, Compared, ComparedFigure, Estimate, Evidence, ExternalReading,
    FigureUnit, Forecast, GateState, Measurement, PlannedGate, PlannedStep, Rates, SliceReading,
    SpendBook, SplitReading, Surroundings, Tick, Trigger, Verdict, Why, chance_to_pass, figures,
    plan,
};
pub use arm::Arm;
pub use bucket::{Bucket, Salt, murmur3_x86_32};
pub use calibration::{Calibration, CalibrationBin};
pub use closed::Closed;
pub use cohort::Cohort;
pub use command::{Command, ListKind, Refusal, Subject};
pub use doubt::{Doubt, DoubtKind};
pub use error_classes::ErrorClasses;
pub use flag_counts::FlagCounts;
pub use force::{ForceError, ForceKey};
pub use histogram::Histogram;
pub use membership::{Members, Membership};
pub use name::{CohortName, GroupName, InvalidName, ReleaseName, WorkloadName};
pub use outcome::Outcome;
pub use policy::{
    Amount, Axis, ErrorClass, ExternalValue, Gate, GateId, InvalidAmount, Limit, Measure, Number,
    OfflineReport, Policy, PolicyError, PolicyKey, Quantile, SimpleMeasure, Span, StableValue,
    Step, Then, Timing,
};
pub use progress::{
    Alarm, Change, Effect, Entry, Former, Grounds, Input, Mark, Notice, NoticeKind, OfflineEval,
    OpenChecks, Order, Phase, Preflight, Readiness, RecordedMinute, Recording, Replay, ReplayEvent,
    Rollout, RolloutId, RolloutRefusal, Status, Stepped, Transition, Turn, apply, replay, step,
};
pub use reason::Reason;
pub use record::{DecodeError, Record, RecordBatch, Spent, records};
pub use record_flags::{RecordedFlag, push_flag, recorded_flags};
pub use series::{Counter, CounterUnit, Scores, Series, StageUse};
pub use severity::Severity;
pub use shadow::{ShadowDrop, ShadowKey, ShadowSeries};
pub use spec::{Fallback, FixedResponse, OnRollback, Sticky, WorkloadSpec};
pub use spec_error::SpecError;
pub use split::{Choice, FENCED, Flagged, HOLDBACK, KeyKind, Split, Target, UNREADABLE, Who};
pub use state::{Condemned, Declared, KillState, WorkloadState};
pub use stats::{Delta, Refusals, SeriesKey, TenantUse, UnpricedCounts};
pub use units::{
    ClassSums, Dimension, FailureSums, PartSums, Parts, Seen, SlowTime, TenantSums, UnitClass,
    UnitSums, UnitTable,
};
pub use usage::{CostTruth, TokenKind, Unpriced};
pub use weight::{InvalidWeight, Weight};
pub use zone::{UnknownZone, Zone};
