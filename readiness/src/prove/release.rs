//! The artifact, and the people who know of it.

use crate::proof::Proof;
use crate::{Evidence, Facts, Statement};
use stagegate_timing::moment;

/// Requests of a trial that are enough to say something.
const ENOUGH: u64 = 100;
/// Shortest trial in minutes.
const SHORTEST: u64 = 60;
/// Largest share of failures in a trial.
const FAILURES: f64 = 0.02;

/// B6: every pin is set.
pub(super) fn pins(facts: &Facts) -> Proof {
    let unset = facts.pins.all().into_iter().filter(|(_, pin)| pin.is_none());
    let missing: Vec<&str> = unset.map(|(name, _)| name).collect();
    if missing.is_empty() {
        let short: String = facts.fingerprint.chars().take(12).collect();
        return Proof::holds(format!("five pins, fingerprint {short}…"));
    }
    Proof::fails(
        format!("release {} does not pin: {}", facts.release, missing.join(", ")),
        format!(
            "set `workloads.{}.releases.{}.artifact.{{{}}}`",
            facts.workload,
            facts.release,
            missing.join(", ")
        ),
    )
}

/// B7: no secret is written out.
pub(super) fn secrets(facts: &Facts) -> Proof {
    match facts.written_secrets.as_slice() {
        [] => Proof::holds("no key of the file holds a secret as written"),
        keys => Proof::fails(
            format!("the file holds secrets: {}", keys.join(", ")),
            "write `${NAME}` and set the variable in the environment of the process",
        ),
    }
}

/// B8: an hour of shadow or smoke traffic.
pub(super) fn trial(statement: Option<&Statement>) -> Proof {
    let Some(Evidence::Smoke { minutes, requests, failed }) =
        statement.and_then(|it| it.evidence.as_ref())
    else {
        return Proof::fails("no trial is attached", "run `stagegate smoke` and attach its result");
    };
    let text = format!("{requests} requests in {minutes} minutes, {failed} failed");
    let again = "run `stagegate smoke` for an hour and attach its result";
    if *minutes < SHORTEST || *requests < ENOUGH {
        let least = format!("{text}; at least {ENOUGH} requests in {SHORTEST} minutes are needed");
        return Proof::fails(least, again);
    }
    if *failed as f64 > *requests as f64 * FAILURES {
        return Proof::fails(format!("{text}; at most 2% may fail"), again);
    }
    Proof::holds(text)
}

/// B9: a git tag, and the digest of the built file.
pub(super) fn artifact(facts: &Facts, statement: Option<&Statement>) -> Proof {
    let Some(tag) = &facts.pins.git_tag else {
        return Proof::fails(
            "the release has no git tag",
            format!("set `workloads.{}.releases.{}.artifact.git`", facts.workload, facts.release),
        );
    };
    let pinned = facts.pins.digest.as_deref().map(|it| it.trim_start_matches("sha256:"));
    let file = statement.and_then(|it| it.file.as_ref());
    match (pinned, file) {
        (Some(pinned), Some(file)) if pinned == file.sha256 => {
            Proof::holds(format!("{tag}; {} has the pinned digest", file.name))
        }
        _ => Proof::fails(
            "the digest of the built file is not shown to be the pinned one",
            format!(
                "`stagegate checklist attach {} B9 --release {} --file ARTIFACT`",
                facts.workload, facts.release
            ),
        ),
    }
}

/// B10: each channel received something, and nothing failed since.
pub(super) fn channels(facts: &Facts) -> Proof {
    if facts.channels.is_empty() {
        return Proof::fails(
            "no channel gets messages about this workload",
            "add one to `notify`, then `stagegate notify test NAME`",
        );
    }
    for channel in &facts.channels {
        let name = &channel.name;
        let test = format!("`stagegate notify test {name}`");
        match (channel.delivered_ms, &channel.failed) {
            (None, None) => {
                return Proof::fails(format!("channel {name} never received a message"), test);
            }
            (delivered, Some((at_ms, why))) if delivered.is_none_or(|it| it <= *at_ms) => {
                return Proof::fails(
                    format!("the last message to channel {name} failed: {why}"),
                    format!("mend the channel, then {test}"),
                );
            }
            _ => {}
        }
    }
    let oldest = facts.channels.iter().filter_map(|it| it.delivered_ms).min().unwrap_or(0);
    let names: Vec<&str> = facts.channels.iter().map(|it| it.name.as_str()).collect();
    Proof::holds(format!("{} delivered, the oldest {}", names.join(", "), moment(oldest)))
}
