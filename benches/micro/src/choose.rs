//! Decisions: a compiled split and requests that all take the same rule.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use stagegate_rollout::{
    Cohort, CohortName, Reason, Split, Sticky, Weight, Who, WorkloadSpec, WorkloadState,
};

use crate::Operation;

/// Requests of one scene, in turn: enough that no branch predictor learns them by heart.
pub(crate) const ASKERS: u32 = 1024;
const MILLION: u32 = 1_000_000;

/// A split and requests that it decides by one and the same rule.
pub(crate) struct Scene {
    split: Split,
    askers: Vec<Asker>,
}

struct Asker {
    request: String,
    tenant: String,
    user: String,
    conversation: String,
}

impl Asker {
    fn new(number: u32, tenant: String) -> Self {
        Self {
            request: format!("01JD{number:022}"),
            tenant,
            user: format!("user-{number:08}"),
            conversation: format!("conversation-{number:010}"),
        }
    }

    fn who(&self) -> Who<'_> {
        Who {
            request: &self.request,
            tenant: Some(&self.tenant),
            user: Some(&self.user),
            conversation: Some(&self.conversation),
            unreadable: false,
        }
    }
}

/// Users below a weight of 10%, in a workload with short lists.
pub(crate) fn weight_hit() -> Result<Scene> {
    let askers = (0..).map(|number| Asker::new(number, stranger(number)));
    Scene::new(split(64, &["pilots"])?, askers, Reason::Weight)
}

/// Users above a weight of 10%, in a workload with short lists.
pub(crate) fn weight_miss() -> Result<Scene> {
    let askers = (0..).map(|number| Asker::new(number, stranger(number)));
    Scene::new(split(64, &["pilots"])?, askers, Reason::Default)
}

/// Tenants of an enabled cohort.
pub(crate) fn cohort_member() -> Result<Scene> {
    let askers = (0..ASKERS).map(|number| Asker::new(number, pilot(number % 64)));
    Scene::new(split(64, &["pilots"])?, askers, Reason::Cohort)
}

/// Tenants of an exclusion group.
pub(crate) fn excluded() -> Result<Scene> {
    let askers = (0..ASKERS).map(|number| Asker::new(number, regulated(number % 64)));
    Scene::new(split(64, &["pilots"])?, askers, Reason::Excluded)
}

/// Tenants of an enabled cohort that has a million, a thousand of them from all over the list.
pub(crate) fn member_of_a_million() -> Result<Scene> {
    let far_apart = MILLION / ASKERS;
    let askers = (0..ASKERS).map(|number| Asker::new(number, pilot(number * far_apart)));
    Scene::new(split(MILLION, &["pilots"])?, askers, Reason::Cohort)
}

/// Tenants that are not among a million; their weight decides.
pub(crate) fn stranger_to_a_million() -> Result<Scene> {
    let askers = (0..).map(|number| Asker::new(number, stranger(number)));
    Scene::new(split(MILLION, &["pilots"])?, askers, Reason::Default)
}

impl Scene {
    /// Keeps the first [`ASKERS`] of those that the split decides by `reason`.
    fn new(split: Split, askers: impl Iterator<Item = Asker>, reason: Reason) -> Result<Self> {
        let askers: Vec<Asker> = askers
            .filter(|asker| split.choose(&asker.who(), None, None).reason == reason)
            .take(ASKERS as usize)
            .collect();
        ensure!(
            askers.len() == ASKERS as usize,
            "only {} of {ASKERS} requests are decided by {reason:?}",
            askers.len()
        );
        Ok(Self { split, askers })
    }

    /// Deciding one request, each time the next one's.
    pub(crate) fn operation(self) -> Operation {
        let Self { split, askers } = self;
        let mut next = 0;
        Box::new(move || {
            let who = askers[next].who();
            black_box(split.choose(black_box(&who), None, None));
            next = (next + 1) % askers.len();
        })
    }
}

/// A workload at 10%, sticky by user, with `tenants` in the cohort and a tenth of that, but at
/// least 64, in the exclusion group.
fn split(tenants: u32, enabled: &[&str]) -> Result<Split> {
    let mut spec = WorkloadSpec::new("support-agent".parse()?, "v42".parse()?);
    let candidate = "v43".parse()?;
    spec.releases.extend([spec.stable.clone(), candidate]);
    spec.candidate = spec.releases.last().cloned();
    spec.sticky = Sticky::User;
    spec.initial_weight = Weight::from_parts(Weight::SCALE / 10)?;
    spec.cohorts = vec![Cohort { name: "pilots".parse()?, tenants: list(tenants, pilot) }];
    let kept_back = list((tenants / 10).max(64), regulated);
    spec.exclusions = BTreeMap::from([("regulated".parse()?, kept_back)]);
    let spec = spec.check().map_err(|errors| anyhow!("the workload is refused: {errors:?}"))?;
    let mut state = WorkloadState::initial(&spec);
    state.cohorts =
        enabled.iter().map(|name| name.parse()).collect::<Result<Vec<CohortName>, _>>()?;
    Ok(Split::new(Arc::new(spec), Arc::new(state)))
}

fn list(length: u32, name: fn(u32) -> String) -> Vec<Arc<str>> {
    (0..length).map(|number| name(number).into()).collect()
}

fn pilot(number: u32) -> String {
    format!("tenant-{number:08}")
}

fn regulated(number: u32) -> String {
    format!("bank-{number:08}")
}

fn stranger(number: u32) -> String {
    format!("visitor-{number:08}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scene_is_decided_by_the_rule_it_is_named_after() {
        for (scene, reason, detail) in [
            (weight_hit(), Reason::Weight, None),
            (weight_miss(), Reason::Default, None),
            (cohort_member(), Reason::Cohort, Some("pilots")),
            (excluded(), Reason::Excluded, Some("regulated")),
        ] {
            let scene = scene.expect("the inputs fit");
            assert_eq!(scene.askers.len(), ASKERS as usize);
            for asker in &scene.askers {
                let choice = scene.split.choose(&asker.who(), None, None);
                assert_eq!((choice.reason, choice.detail), (reason, detail));
            }
        }
    }

    #[test]
    fn a_scene_without_enough_requests_is_refused() {
        let split = split(64, &[]).expect("the inputs fit");
        let few = (0..3).map(|number| Asker::new(number, regulated(number)));
        let error = Scene::new(split, few, Reason::Excluded).err().expect("too few").to_string();
        assert!(error.starts_with("only 3 of 1024"), "{error}");
    }
}
