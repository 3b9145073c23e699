//! The answers to Flagger's webhooks. Pure: what a workload's state means for a canary of Flagger.
//!
//! Flagger has the pods, Stagegate the traffic and the evidence. Each question is about one release, which
//! the metadata of the webhook names. So an older rollout that was rolled back or completed never decides
//! about a newer version.

use stagegate_api::{FlaggerHook, FlaggerPhase};
use stagegate_rollout::{Analysis, Command, Phase, Rollout, Verdict, Weight, WorkloadState};

/// An answer with its sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Go on; to the question about a rollback: roll back.
    Yes(String),
    /// Hold; to the question about a rollback: do not.
    No(String),
}

/// What is known of a workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    /// Its state in force.
    pub(crate) state: &'a WorkloadState,
    /// The newest analysis of its rollout in progress.
    pub(crate) analysis: Option<&'a Analysis>,
    /// Whether the release is one of this workload.
    pub(crate) is_registered: bool,
}

/// The answer to a question about `release`.
pub(crate) fn answer(hook: FlaggerHook, release: &str, known: Known<'_>) -> Said {
    if hook == FlaggerHook::Event {
        return Said::Yes("noted".to_owned());
    }
    if hook == FlaggerHook::Rollback {
        return must_roll_back(release, known);
    }
    let state = known.state;
    if let Some(kill) = &state.killed {
        return Said::No(format!("the workload was killed by {}: {}", kill.by, kill.reason));
    }
    if let Some(bad) = was_rolled_back(release, state) {
        return Said::No(bad);
    }
    match hook {
        FlaggerHook::ConfirmRollout => may_start_pods(release, state),
        FlaggerHook::PreRollout => may_begin(release, known),
        FlaggerHook::Rollout => is_well(release, known),
        FlaggerHook::ConfirmTrafficIncrease => may_grow(release, known),
        _ => may_be_promoted(release, known),
    }
}

/// The newest rollout, if it is one of this release.
fn rollout_of<'a>(release: &str, state: &'a WorkloadState) -> Option<&'a Rollout> {
    state.rollout.as_deref().filter(|it| it.to.as_str() == release && it.against_itself.is_none())
}

/// Why nothing may be done with a release that was taken out.
fn was_rolled_back(release: &str, state: &WorkloadState) -> Option<String> {
    let name = release.parse().ok()?;
    if let Some(mark) = state.condemnation(&name) {
        return Some(format!("{release} was rolled back by {}: {}", mark.by, mark.reason));
    }
    let rollout = rollout_of(release, state)?;
    let how = match rollout.phase {
        Phase::RolledBack => "rolled back",
        Phase::Aborted => "aborted",
        _ => return None,
    };
    let (by, why) = (&rollout.since.by, &rollout.since.reason);
    Some(format!("the rollout of {release} was {how} by {by}: {why}"))
}

fn must_roll_back(release: &str, known: Known<'_>) -> Said {
    match was_rolled_back(release, known.state) {
        Some(why) => Said::Yes(why),
        None => Said::No(format!("{release} was not taken out")),
    }
}

/// New pods replace those of the version before, so nobody may be served by them, and nothing may be
/// measured on them.
fn may_start_pods(release: &str, state: &WorkloadState) -> Said {
    if let Some(rollout) = state.rollout.as_deref().filter(|it| it.is_active()) {
        return Said::No(format!(
            "{}: new pods would change what it measures; wait for its end, or abort it",
            at(rollout)
        ));
    }
    if rollout_of(release, state).is_some() || state.stable.as_str() == release {
        return Said::No(format!(
            "{release} had its rollout already: give the new version a name of its own in metadata.release"
        ));
    }
    let has_traffic = state.weight > Weight::ZERO || !state.cohorts.is_empty();
    if let Some(candidate) = state.candidate.as_ref().filter(|_| state.is_open() && has_traffic) {
        return Said::No(format!("the candidate {candidate} has traffic: take it out first"));
    }
    Said::Yes(format!("nobody is served by the candidate: {release} may be started"))
}

fn may_begin(release: &str, known: Known<'_>) -> Said {
    if known.is_registered {
        return Said::Yes(format!("{release} is registered: start its rollout"));
    }
    Said::No(format!("there is no release {release}: add it with `stagegate release add`"))
}

fn is_well(release: &str, known: Known<'_>) -> Said {
    match rollout_of(release, known.state) {
        None => Said::Yes(format!("no rollout of {release} has begun")),
        Some(rollout) => Said::Yes(format!("{}{}", at(rollout), waits_for(rollout, known))),
    }
}

fn may_grow(release: &str, known: Known<'_>) -> Said {
    let Some(rollout) = rollout_of(release, known.state) else { return not_begun(release) };
    let passes = rollout.status.verdict == Some(Verdict::Pass);
    if rollout.phase == Phase::Completed || (rollout.phase != Phase::Paused && passes) {
        return Said::Yes(at(rollout));
    }
    Said::No(format!("{}{}", at(rollout), waits_for(rollout, known)))
}

/// Flagger's promotion replaces the version before, so it comes when nobody needs the way back any more.
fn may_be_promoted(release: &str, known: Known<'_>) -> Said {
    let Some(rollout) = rollout_of(release, known.state) else { return not_begun(release) };
    if rollout.phase == Phase::Completed {
        return Said::Yes(at(rollout));
    }
    Said::No(format!("{}{}", at(rollout), waits_for(rollout, known)))
}

fn not_begun(release: &str) -> Said {
    Said::No(format!("no rollout of {release} has begun: `stagegate rollout start --to {release}`"))
}

/// Where a rollout is.
fn at(rollout: &Rollout) -> String {
    let (to, steps) = (&rollout.to, rollout.policy.steps.len());
    if !rollout.is_active() {
        return format!("the rollout of {to} is {}", rollout.phase);
    }
    let verdict = rollout.status.verdict.map_or("no verdict yet", Verdict::label);
    format!(
        "the rollout of {to} is {} at step {} of {steps}: {verdict}",
        rollout.phase,
        rollout.step + 1
    )
}

/// What its next step waits for.
fn waits_for(rollout: &Rollout, known: Known<'_>) -> String {
    let analysis = known.analysis.filter(|it| it.rollout == rollout.id);
    match analysis.map(|it| it.blocks.join("; ")) {
        Some(blocks) if !blocks.is_empty() => format!("; waits for: {blocks}"),
        _ => String::new(),
    }
}

/// What is to be done when Flagger has ended a canary of `release` and stops its pods.
pub(crate) fn at_the_end(
    phase: Option<FlaggerPhase>,
    release: &str,
    state: &WorkloadState,
) -> Option<Command> {
    if !matches!(phase, Some(FlaggerPhase::Succeeded | FlaggerPhase::Failed)) {
        return None;
    }
    let is_candidate = state.candidate.as_ref().is_some_and(|it| it.as_str() == release);
    match rollout_of(release, state) {
        Some(rollout) if rollout.is_active() => Some(Command::Abort),
        // It became stable, and its pods are gone: the one before has its version now.
        Some(rollout) if rollout.phase == Phase::Completed && state.stable == rollout.to => {
            state.previous.as_ref().map(|_| Command::Rollback)
        }
        _ if is_candidate && state.is_open() => Some(Command::Rollback),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
