//! The refusals of the state machine. Each says what to do instead.

use crate::{AnalysisId, Phase, ReleaseName, RolloutId, Verdict, Weight};

/// A rollout command that makes no sense in the present state; nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RolloutRefusal {
    /// A rollout is in progress.
    #[error("rollout {id} is {phase}: abort it, or let it complete, before another one starts")]
    Active {
        /// The rollout.
        id: RolloutId,
        /// Its state.
        phase: Phase,
    },
    /// No rollout is in progress.
    #[error("no rollout is under way: `rollout start` begins one")]
    None,
    /// No such release.
    #[error("release `{release}` is not registered; there are: {known}")]
    UnknownRelease {
        /// The name that was given.
        release: ReleaseName,
        /// The names that exist.
        known: String,
    },
    /// The release is stable already.
    #[error("release `{0}` is stable already: name another one")]
    IsStable(ReleaseName),
    /// The kill switch is on.
    #[error("the workload is killed: revive it first")]
    Killed,
    /// The policy makes no sense.
    #[error("the policy cannot be used: {0}")]
    Policy(String),
    /// There was no pre-flight check.
    #[error("nothing is known of the releases' readiness: the pre-flight checks did not run")]
    NoPreflight,
    /// Something is missing before the start.
    #[error("not ready to start: {}; put it right, or override with a reason", .0.join("; "))]
    NotReady(Vec<String>),
    /// A weight by hand inside a rollout.
    #[error(
        "rollout {id} is {phase} at {weight}: its policy sets the weight; `rollback` or `abort` take traffic away, override with a reason sets another weight"
    )]
    OwnsTheWeight {
        /// The rollout.
        id: RolloutId,
        /// Its state.
        phase: Phase,
        /// The weight in force.
        weight: Weight,
    },
    /// An override or a force without a reason.
    #[error("{0} needs a reason: say why, it is recorded")]
    NeedsReason(&'static str),
    /// Whoever started it promotes it, and the policy wants two.
    #[error(
        "rollout {id} was started by {by}, and its policy wants a second person (`second_person`): somebody else must promote it"
    )]
    SamePerson {
        /// The rollout.
        id: RolloutId,
        /// Who started it.
        by: String,
    },
    /// The rollout is paused.
    #[error("rollout {0} is paused: resume it first")]
    Paused(RolloutId),
    /// The rollout is not paused.
    #[error("rollout {id} is {phase}, not paused")]
    NotPaused {
        /// The rollout.
        id: RolloutId,
        /// Its state.
        phase: Phase,
    },
    /// The last step is not promoted.
    #[error(
        "rollout {0} is at 100% and watched: it completes by itself when its gates passed over the whole watch"
    )]
    Watching(RolloutId),
    /// A release that is compared with itself is not promoted.
    #[error(
        "rollout {0} compares a release with itself: there is nothing to promote, and it ends by itself"
    )]
    AgainstItself(RolloutId),
    /// Nothing was measured yet.
    #[error("nothing has been measured in this step yet: wait for the first analysis")]
    NoAnalysis,
    /// The analysis is of something else.
    #[error("analysis {analysis} is not of step {} of rollout {id}: look at the newest one", step + 1)]
    OtherEvidence {
        /// The analysis that was offered.
        analysis: AnalysisId,
        /// The rollout in progress.
        id: RolloutId,
        /// Its step, from 0.
        step: usize,
    },
    /// The measurements are too old to act on.
    #[error(
        "analysis {analysis} is {age_s} s old: measuring has stopped, and old evidence promotes nothing"
    )]
    Outdated {
        /// The newest analysis.
        analysis: AnalysisId,
        /// Its age in seconds.
        age_s: u64,
    },
    /// The evidence is not what the caller looked at.
    #[error(
        "the evidence changed since {expected}: it is {newest} now, with verdict {verdict}; look at it before promoting"
    )]
    Changed {
        /// The analysis that the caller looked at.
        expected: AnalysisId,
        /// The newest analysis.
        newest: AnalysisId,
        /// Its verdict.
        verdict: Verdict,
    },
    /// The gates do not pass.
    #[error("the verdict is {verdict}, and only pass permits promotion: {}", blocks.join("; "))]
    NotPassed {
        /// The verdict.
        verdict: Verdict,
        /// The obstacles to the promotion.
        blocks: Vec<String>,
    },
    /// There is nothing to go back to.
    #[error("there is no former stable release to go back to")]
    NoPrevious,
    /// The former stable release is not there any more.
    #[error(
        "the former stable release `{0}` is not registered any more: add it to `releases` again"
    )]
    PreviousGone(ReleaseName),
}
