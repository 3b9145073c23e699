//! The facts of a checklist: configuration, store, data plane, channels and scorers, asked once each.

use super::kept::KeptStatement;
use super::subject::active;
use crate::ports::{Health, Probed};
use crate::{
    AdmittedPassport, EvalReport, EvalVerdict, Inner, Live, PATIENCE, StoreAccessError, View,
    now_ms, preflight,
};
use sha2::{Digest, Sha256};
use stagegate_config::{Artifact, Endpoint, Role};
use stagegate_readiness::{
    Calibration, ChannelSeen, Deployment, DrillSeen, Facts, OfflineSeen, OfflineVerdict,
    PassportSeen, Pins, Statement, TargetSeen, rollback_runbook,
};
use stagegate_rollout::{Fallback, Policy, ReleaseName, WorkloadName};
use stagegate_store::{FactKind, NewDrill, RegisteredRelease, Store, StoredEvalReport, StoredFact};
use std::sync::Arc;
use std::time::Instant;

/// Most statements about one release that are looked at.
const STATEMENTS: usize = 10_000;

/// The reason to look at a checklist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A person or a start asks: endpoints are probed.
    Asked,
    /// The program looks by itself, again and again: health checks are enough.
    Watching,
}

/// What the store knows.
struct Stored {
    offline: Option<StoredEvalReport>,
    registered: Option<RegisteredRelease>,
    drill: Option<NewDrill>,
    incident: Option<StoredFact>,
    capacity: Option<StoredFact>,
    passport: Option<StoredFact>,
    said: Vec<StoredFact>,
}

impl Inner {
    /// Everything that the checks of a release are judged by, and what people said.
    pub(super) async fn gathered(
        &self,
        view: &View,
        live: &Live,
        (release, policy): (&ReleaseName, &Arc<Policy>),
        look: Look,
    ) -> Result<(Facts, Vec<Statement>), StoreAccessError> {
        let name = live.split.spec().name.clone();
        let workload = view.config.workload(name.as_str());
        let declared = workload.and_then(|it| it.releases.get(release));
        let (stored, channels, target, settled) = tokio::join!(
            self.stored(&name, release),
            self.channels_of(view, &name),
            self.target(view, live, release, look),
            tokio::time::timeout(PATIENCE, self.plane.settled(name.clone(), PATIENCE))
        );
        let stored = stored?;
        let now = Instant::now();
        let mut unmeasurable =
            workload.map_or_else(Vec::new, |it| preflight::unmeasurable(it, policy));
        if let Some(why) = self.steering.costs.hopeless(name.as_str(), now) {
            preflight::unpriced(policy, &why, &mut unmeasurable);
        }
        let fingerprint = declared.map(stagegate_config::Release::fingerprint).unwrap_or_default();
        let state = live.split.state();
        let scorers = workload.map_or(0, |it| it.eval.scorers.iter().filter(|it| it.gate).count());
        let doubts = self.doubts.get();
        let tokens = view.config.admin.tokens.iter();
        let facts = Facts {
            now_ms: now_ms(),
            workload: name.to_string(),
            release: release.to_string(),
            stable: state.stable.to_string(),
            pins: declared.map(|it| pins(&it.artifact)).unwrap_or_default(),
            fingerprint,
            policy: Policy::clone(policy),
            settings: (*view.config.readiness(&policy.name)).clone(),
            unmeasurable,
            offline: stored.offline.as_ref().and_then(|it| offline(it, stored.registered.as_ref())),
            written_secrets: view.config.written.secrets_written_out(),
            channels,
            drill: stored.drill.map(|drill| DrillSeen {
                at_ms: drill.at_ms,
                passed: drill.passed,
                seen: format!("drill by {}", drill.actor),
            }),
            incident: stored.incident.as_ref().and_then(exercise),
            capacity: stored.capacity.as_ref().and_then(exercise),
            workers: settled
                .map_or((0, 1), |it| (it.acknowledged_workers as usize, it.workers as usize)),
            target,
            scorers,
            scored_ms: doubts.and_then(|it| it.scored_ms(name.as_str())),
            doubt: self.doubt(name.as_str()).map(|it| it.to_string()),
            budget: workload
                .and_then(|it| it.cost.daily_budget_nanos)
                .map(|nanos| nanos as f64 / 1e9),
            spend: self.steering.costs.daily(name.as_str(), now),
            exclusions: !live.split.spec().exclusions.is_empty() || !state.excluded.is_empty(),
            promoters: tokens
                .filter(|it| it.role >= Role::Operator)
                .map(|it| it.name.clone())
                .collect(),
            link: view.config.admin.public_url.clone(),
            passport: stored.passport.as_ref().and_then(passport),
            runbook: runbook(view, live, release).1,
        };
        let said = stored.said.iter().filter_map(|it| serde_json::from_str(&it.body).ok());
        Ok((facts, said.collect()))
    }

    /// Statements about a release, oldest first.
    pub(super) async fn statements(
        &self,
        live: &Live,
        release: &ReleaseName,
    ) -> Result<Vec<KeptStatement>, StoreAccessError> {
        let (name, release) = (live.split.spec().name.clone(), release.to_string());
        let facts = self
            .ask(move |store| Ok(store.facts(FactKind::Statement, &name, &release, STATEMENTS)?))
            .await?;
        let kept = facts.into_iter().filter_map(|fact| {
            let statement = serde_json::from_str(&fact.body).ok()?;
            Some(KeptStatement { audit_seq: fact.seq, statement })
        });
        Ok(kept.collect())
    }

    /// Reads from the store over a connection of its own.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreAccessError> + Send + 'static,
    ) -> Result<T, StoreAccessError> {
        self.store.as_ref().ok_or(StoreAccessError::ReadOnly)?.ask(work).await
    }

    async fn stored(
        &self,
        name: &WorkloadName,
        release: &ReleaseName,
    ) -> Result<Stored, StoreAccessError> {
        let (name, release) = (name.clone(), release.clone());
        self.ask(move |store| {
            let registered = store.releases(name.as_str())?;
            let exercise =
                |what: &str| store.facts(FactKind::Exercise, &name, what, 1).map(|mut it| it.pop());
            Ok(Stored {
                offline: store.eval_reports(&name, &release, 1)?.pop(),
                registered: registered.into_iter().find(|it| it.release == release.as_str()),
                drill: store.drills(&name, 1)?.pop(),
                incident: exercise("incident")?,
                capacity: exercise("capacity")?,
                passport: store.facts(FactKind::Passport, &name, release.as_str(), 1)?.pop(),
                said: store.facts(FactKind::Statement, &name, release.as_str(), STATEMENTS)?,
            })
        })
        .await
    }

    /// The channels that get messages about the workload.
    pub(crate) async fn channels_of(&self, view: &View, name: &WorkloadName) -> Vec<ChannelSeen> {
        let Some(notifier) = self.notifier.get() else { return Vec::new() };
        let Ok(health) = notifier.health().await else { return Vec::new() };
        let wants = |channel: &str| {
            let channel = view.config.notify.iter().find(|it| it.name == channel);
            channel.is_some_and(|it| it.workloads.is_empty() || it.workloads.contains(name))
        };
        health
            .into_iter()
            .filter(|it| wants(&it.name))
            .map(|it| ChannelSeen {
                name: it.name,
                delivered_ms: it.last_success_ms,
                failed: it.last_failure,
            })
            .collect()
    }

    /// The release to go back to.
    async fn target(
        &self,
        view: &View,
        live: &Live,
        release: &ReleaseName,
        look: Look,
    ) -> TargetSeen {
        let (name, state) = (live.split.spec().name.clone(), live.split.state());
        let target =
            if state.stable == *release { &state.previous } else { &Some(state.stable.clone()) };
        let Some(target) = target.clone() else {
            return TargetSeen { release: "no former release".to_owned(), ..TargetSeen::default() };
        };
        let (answering, silent) = match look {
            Look::Asked => probed(self.plane.probe(name.clone(), target.clone()).await),
            Look::Watching => self.healthy(view, &name, &target),
        };
        // What it carried when the rollout began it can carry again.
        let began = active(state).filter(|(to, _)| *to == release).is_some();
        let weight = if state.is_open() { state.weight.ratio() } else { 0.0 };
        let now = if state.cohorts.is_empty() { 1.0 - weight } else { 0.0 };
        let (carries, when) = match (began, state.stable == *release) {
            (true, _) => (1.0, "when the rollout began"),
            (_, true) => (0.0, "now"),
            _ => (now, "now"),
        };
        TargetSeen {
            release: target.to_string(),
            answering,
            silent,
            carries,
            when: when.to_owned(),
        }
    }

    /// Endpoints by their health checks; those without a check count as answering.
    fn healthy(
        &self,
        view: &View,
        name: &WorkloadName,
        release: &ReleaseName,
    ) -> (usize, Vec<String>) {
        let status = self.plane.status();
        let found =
            status.releases.iter().find(|it| it.workload == *name && it.release == *release);
        let Some(found) = found else {
            let workload = view.config.workload(name.as_str());
            let release = workload.and_then(|it| it.releases.get(release));
            return (release.map_or(0, |it| it.endpoints.len()), Vec::new());
        };
        let sick = found.endpoints.iter().filter(|it| it.health == Health::Unhealthy);
        let sick: Vec<String> = sick.map(|it| format!("{} (health check)", it.address)).collect();
        (found.endpoints.len() - sick.len(), sick)
    }
}

fn probed(all: Vec<Probed>) -> (usize, Vec<String>) {
    let count = all.len();
    let silent: Vec<String> = all
        .into_iter()
        .filter_map(|it| Some(format!("{} ({})", it.address, it.answered.err()?)))
        .collect();
    (count - silent.len(), silent)
}

/// The pins of a release.
pub(crate) fn pins(artifact: &Artifact) -> Pins {
    let Artifact { model, prompt, tools, git_tag, digest, .. } = artifact.clone();
    Pins { model, prompt, tools, git_tag, digest }
}

fn offline(
    stored: &StoredEvalReport,
    registered: Option<&RegisteredRelease>,
) -> Option<OfflineSeen> {
    let report: EvalReport = serde_json::from_str(&stored.report.body).ok()?;
    let comparison = &report.comparison;
    Some(OfflineSeen {
        at_ms: report.at_ms,
        by: report.by.clone(),
        verdict: match comparison.verdict() {
            EvalVerdict::Held => OfflineVerdict::Held,
            EvalVerdict::Fell => OfflineVerdict::Fell,
            EvalVerdict::Incomparable => OfflineVerdict::Incomparable,
        },
        passed: comparison.candidate.passed,
        cases: comparison.cases,
        fell: comparison.fell,
        incomparable: comparison.incomparable,
        baseline: comparison.baseline.release.clone(),
        same_pins: registered.is_some_and(|it| it.fingerprint == report.fingerprint),
        content_hash: comparison.content_hash.clone(),
        calibration: comparison.calibration.as_ref().map(|it| Calibration {
            error: it.error,
            brier: it.brier,
            pairs: it.pairs,
        }),
    })
}

fn passport(fact: &StoredFact) -> Option<PassportSeen> {
    let admitted: AdmittedPassport = serde_json::from_str(&fact.body).ok()?;
    Some(PassportSeen { passport: admitted.passport, by: admitted.by })
}

fn exercise(fact: &StoredFact) -> Option<DrillSeen> {
    #[derive(serde::Deserialize)]
    struct Kept {
        passed: bool,
        seen: String,
    }
    let Kept { passed, seen } = serde_json::from_str(&fact.body).ok()?;
    Some(DrillSeen { at_ms: fact.at_ms, passed, seen })
}

/// The rollback runbook of a release.
pub(crate) fn runbook_page(view: &View, live: &Live, release: &ReleaseName) -> String {
    runbook(view, live, release).0
}

/// The rollback runbook of a release, with its SHA-256 in hex.
pub(super) fn runbook(view: &View, live: &Live, release: &ReleaseName) -> (String, String) {
    let (spec, state) = (live.split.spec(), live.split.state());
    let stable = if state.stable == *release {
        state.previous.clone().unwrap_or_else(|| state.stable.clone())
    } else {
        state.stable.clone()
    };
    let workload = view.config.workload(spec.name.as_str());
    let endpoints = workload.and_then(|it| it.releases.get(&stable));
    let endpoints = endpoints.into_iter().flat_map(|it| &it.endpoints);
    let channels = view.config.notify.iter();
    let channels =
        channels.filter(|it| it.workloads.is_empty() || it.workloads.contains(&spec.name));
    let page = rollback_runbook(&Deployment {
        workload: spec.name.to_string(),
        candidate: release.to_string(),
        stable: stable.to_string(),
        endpoints: endpoints.map(Endpoint::to_string).collect(),
        admin: admin_address(view),
        link: view
            .config
            .admin
            .public_url
            .as_ref()
            .map(|url| crate::tell::page_of(url, spec.name.as_str())),
        fallback: fallback(&spec.fallback),
        channels: channels.map(|it| it.name.clone()).collect(),
    });
    let sha256 = hex::encode(Sha256::digest(page.as_bytes()));
    (page, sha256)
}

/// The address of the admin API, for the command line. Under TLS it is the address for people, if there is one:
/// its name is the certificate's.
fn admin_address(view: &View) -> String {
    let admin = &view.config.admin;
    let named = admin.public_url.as_ref().filter(|url| url.starts_with("https://"));
    match (&admin.tls, named) {
        (None, _) => format!("http://{}", admin.address),
        (Some(_), Some(url)) => url.clone(),
        (Some(_), None) => format!("https://{}", admin.address),
    }
}

fn fallback(fallback: &Fallback) -> String {
    match fallback {
        Fallback::Stable => "stable".to_owned(),
        Fallback::Release(release) => format!("release {release}"),
        Fallback::Respond(response) => format!("a fixed response with status {}", response.status),
        Fallback::Queue(_) => {
            "a queue; what waits is sent to stable after `stagegate revive`".to_owned()
        }
    }
}
