//! What goes over the wire: every request and answer of the admin API.
//!
//! These types are the contract. The command line, the OpenAPI document and the handlers all use
//! them and nothing else, so they hold text, numbers and closed sets of words of their own, never
//! the core's types.
//! Requests refuse unknown fields; answers may grow fields, so readers must ignore new ones.

mod analysis;
mod change;
mod decision;
mod drill;
mod eval_now;
mod eval_report;
mod notify;
mod outlook;
mod problem;
mod records;
mod release;
mod report;
mod request;
mod results;
mod review;
mod rollout;
mod sample;
mod sets;
mod shadow;
mod status;
mod workload;

pub use analysis::{
    Analyses, AnalysisDetail, Estimated, GateReading, JudgeDoubt, KeptAnalysis, SpendForecast,
    SplitHealth,
};
pub use change::{Changed, Reloaded, RollbackTiming};
pub use decision::{Decision, DecisionExplained, Decisions, Explanation, RuleCheck};
pub use drill::{DrillCheck, DrillReport};
pub use eval_now::WantedSamples;
pub use eval_report::{
    AttachEvalReport, EvalCase, EvalComparison, EvalReportDetail, EvalReports, EvalRun,
};
pub use notify::{ChannelStatus, ChannelTested, Channels};
pub use outlook::{
    GateOutlook, Outlook, ReplayGates, Replayed, ReplayedEvent, ReplayedRollout, StepOutlook,
};
pub use problem::{ConfigProblem, FieldProblem, Problem};
pub use records::{Audit, AuditCheck, AuditRecord, Identity};
pub use release::{
    AddRelease, Artifact, NewArtifact, ReleaseDetail, ReleaseDiff, ReleaseDifference, Releases,
};
pub use report::{
    AxisReport, Counted, CountedArm, DeployReport, FigureOfArm, FigureReport, RollbackReport,
};
pub use request::{EnableCohort, ExplainRequest, OptIn, OptionalReason, Reason, SetWeight};
pub use results::{
    ArmResults, Bounded, Calibration, EvalResults, LabelledCounts, ReliabilityBin, ResultCounts,
    ScorerCounts, SliceArm, SliceResults, TenantMix,
};
pub use review::{GiveReview, ReviewItem, ReviewTaken, Reviews, SampleReview};
pub use rollout::{
    MarkDetail, PastRollout, Promote, RolloutDetail, RolloutSummary, Rollouts, StartRollout,
    StepDetail, TransitionDetail,
};
pub use sample::{
    GiveScores, GivenScore, SampleDetail, SampleScore, SampleSummary, Samples, ScoreTaken,
    ScoresTaken,
};
pub use sets::{
    Arm, Axis, ChangeKind, ChannelKind, Destination, DoubtReason, EvalVerdict, FigureVerdict,
    GateStatus, KeyKind, OnRollback, Outcome, Phase, RateSource, ReleasePart, ReviewVerdict, Role,
    Rule, SampleDoubt, SampleReason, Severity, ShadowDropReason, Taken, TransitionKind, Unit,
    Verdict,
};
pub use shadow::{
    LostPair, ShadowCopies, ShadowDropped, ShadowInForce, ShadowOutcomes, ShadowPairs, ShadowReport,
};
pub use status::{
    ArmStatus, AuthMode, DecisionLogStatus, EndpointStatus, Outcomes, Probe, ReloadStatus, Status,
    StoreStatus, Window, WorkerStatus, WorkloadStatus,
};
pub use workload::{
    CandidateClosed, CohortDetail, Cohorts, ExclusionGroup, KillSwitch, ListEntries,
    WorkloadDetail, Workloads,
};
