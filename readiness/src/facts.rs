//! The facts that checks are judged by. The caller collects them.

use crate::{Passport, Settings};
use stagegate_rollout::{GateId, Policy};
use std::collections::BTreeMap;

/// The pins of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// The model.
    pub model: Option<String>,
    /// The prompt.
    pub prompt: Option<String>,
    /// The tools.
    pub tools: Option<String>,
    /// The git tag.
    pub git_tag: Option<String>,
    /// `sha256:` and 64 hex digits.
    pub digest: Option<String>,
}

impl Pins {
    /// Every pin with its name.
    pub(crate) fn all(&self) -> [(&'static str, Option<&String>); 5] {
        let Self { model, prompt, tools, git_tag, digest } = self;
        [
            ("model", model),
            ("prompt", prompt),
            ("tools", tools),
            ("git", git_tag),
            ("digest", digest),
        ]
        .map(|(name, pin)| (name, pin.as_ref()))
    }

    /// The pins that are set, by name.
    #[must_use]
    pub fn named(&self) -> BTreeMap<String, String> {
        let set = self.all().into_iter();
        set.filter_map(|(name, pin)| Some((name.to_owned(), pin?.clone()))).collect()
    }
}

/// The verdict of an offline comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineVerdict {
    /// No case fell.
    Held,
    /// A case fell.
    Fell,
    /// Some cases cannot be compared.
    Incomparable,
}

/// Calibration of the confidence that a run states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Expected calibration error, from 0 to 1.
    pub error: f64,
    /// Brier score, from 0 to 1.
    pub brier: f64,
    /// Number of pairs of confidence and verdict.
    pub pairs: u64,
}

/// The newest offline comparison of the release.
#[derive(Clone, Debug, PartialEq)]
pub struct OfflineSeen {
    /// When it was attached, in Unix milliseconds.
    pub at_ms: u64,
    /// The actor.
    pub by: String,
    /// The verdict.
    pub verdict: OfflineVerdict,
    /// Compared cases that the release passes.
    pub passed: u64,
    /// Compared cases.
    pub cases: u64,
    /// Cases that fell.
    pub fell: u64,
    /// Cases that cannot be compared.
    pub incomparable: u64,
    /// The release that it is compared with, where the run names it.
    pub baseline: Option<String>,
    /// True if the release has the same pins as then.
    pub same_pins: bool,
    /// Digest of the set.
    pub content_hash: String,
    /// Calibration of the release's run, where its lines state a confidence.
    pub calibration: Option<Calibration>,
}

/// A notification channel that gets messages about the workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSeen {
    /// Its name.
    pub name: String,
    /// The last delivery, in Unix milliseconds.
    pub delivered_ms: Option<u64>,
    /// The last failure and its reason.
    pub failed: Option<(u64, String)>,
}

/// A drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillSeen {
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// True if everything worked.
    pub passed: bool,
    /// The result in a few words.
    pub seen: String,
}

/// A passport that was admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassportSeen {
    /// What it says.
    pub passport: Passport,
    /// The actor who admitted it.
    pub by: String,
}

/// The release to go back to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetSeen {
    /// Its name.
    pub release: String,
    /// Endpoints that answer.
    pub answering: usize,
    /// Endpoints that do not, with the reason.
    pub silent: Vec<String>,
    /// Share of the workload's traffic that it carries or carried, from 0 to 1.
    pub carries: f64,
    /// When it carried that share: `now`.
    pub when: String,
}

/// The spending of the workload.
#[derive(Clone, Debug, PartialEq)]
pub enum SpendSeen {
    /// Too little traffic came to say.
    TooFew,
    /// The cost of responses is not known; why.
    Unknown(String),
    /// Expected dollars a day, from the last minutes.
    Daily(f64),
}

/// Everything that checks are judged by.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The time, in Unix milliseconds.
    pub now_ms: u64,
    /// The workload.
    pub workload: String,
    /// The release that is to be rolled out.
    pub release: String,
    /// The stable release.
    pub stable: String,
    /// The pins of the release.
    pub pins: Pins,
    /// Digest of the release's pins. Signatures are bound to it.
    pub fingerprint: String,
    /// The policy.
    pub policy: Policy,
    /// The bounds and owners.
    pub settings: Settings,
    /// Gates of the policy that cannot be measured, with the reason.
    pub unmeasurable: Vec<(GateId, String)>,
    /// The newest offline comparison.
    pub offline: Option<OfflineSeen>,
    /// Keys of secrets that are written in the file.
    pub written_secrets: Vec<String>,
    /// Channels that get messages about the workload; none where nobody can be told.
    pub channels: Vec<ChannelSeen>,
    /// The newest drill of the kill switch.
    pub drill: Option<DrillSeen>,
    /// The newest drill of an incident.
    pub incident: Option<DrillSeen>,
    /// The newest probe of the target's capacity.
    pub capacity: Option<DrillSeen>,
    /// Workers that route by the newest plan, and their number.
    pub workers: (usize, usize),
    /// The release to go back to.
    pub target: TargetSeen,
    /// Number of scorers whose verdict counts.
    pub scorers: usize,
    /// The last response that a scorer judged, in Unix milliseconds.
    pub scored_ms: Option<u64>,
    /// The reason why scorers are not believed.
    pub doubt: Option<String>,
    /// The daily budget in dollars.
    pub budget: Option<f64>,
    /// The spending.
    pub spend: SpendSeen,
    /// True if the workload names exclusion groups.
    pub exclusions: bool,
    /// Names of the tokens that may promote; empty where everybody on the machine may.
    pub promoters: Vec<String>,
    /// The address of the dashboard for people.
    pub link: Option<String>,
    /// The passport that was admitted last.
    pub passport: Option<PassportSeen>,
    /// SHA-256 of the rollback runbook, in hex.
    pub runbook: String,
}
