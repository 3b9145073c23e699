//! Flags that are past their day and gate a risk: nobody may remember what they hold back. Pure.

use super::View;
use stagegate_flags::{FlagSet, expired, is_by_stage};

/// What a flag gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlagRisk {
    /// The kill switch of a workload.
    KillSwitch,
    /// A stage inside an agent.
    Stage,
    /// A release pins it, and a rollout of that release is under way.
    Rollout,
}

impl FlagRisk {
    /// Every risk.
    pub const ALL: [Self; 3] = [Self::KillSwitch, Self::Stage, Self::Rollout];

    /// The word in metrics and messages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::KillSwitch => "kill_switch",
            Self::Stage => "stage",
            Self::Rollout => "rollout",
        }
    }
}

/// One flag that is past its day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpiredFlag {
    /// The flag.
    pub flag: String,
    /// What it gates.
    pub risk: FlagRisk,
    /// The workload, if it gates something of one.
    pub workload: Option<String>,
    /// Its last day, like `2026-12-31`.
    pub expired: String,
    /// Its owner; empty without one.
    pub owner: String,
}

/// The flags that are past their day on `today` (like `2026-12-31`) and gate a risk, sorted.
#[must_use]
pub fn expired_flags(view: &View, set: &FlagSet, today: &str) -> Vec<ExpiredFlag> {
    let mut found = Vec::new();
    for flag in set.flags() {
        let Some(day) = expired(flag, today) else { continue };
        let owner = flag.metadata().get("owner").and_then(|owner| owner.as_str());
        let mut add = |risk, workload: Option<&str>| {
            found.push(ExpiredFlag {
                flag: flag.key().to_owned(),
                risk,
                workload: workload.map(str::to_owned),
                expired: day.to_owned(),
                owner: owner.unwrap_or_default().to_owned(),
            });
        };
        if is_by_stage(flag, set.overriding(flag.key())) {
            add(FlagRisk::Stage, None);
        }
        for (workload, live) in view.config.workloads.iter().zip(&view.live) {
            let name = Some(workload.spec.name.as_str());
            if workload.settings.kill_flag.as_deref() == Some(flag.key()) {
                add(FlagRisk::KillSwitch, name);
            }
            let state = live.split.state();
            let runs = state.rollout.as_ref().is_some_and(|rollout| rollout.is_active());
            let arms = [Some(&state.stable), state.candidate.as_ref()].into_iter().flatten();
            let pins = arms.filter_map(|arm| workload.releases.get(arm)?.artifact.request.as_ref());
            let mut pinned = pins.flat_map(|request| &request.changes().flags);
            if runs && pinned.any(|(key, _)| key == flag.key()) {
                add(FlagRisk::Rollout, name);
            }
        }
    }
    found.sort_unstable();
    found
}
