//! From what the state machine decided to what is in force: recorded first, then published.
//!
//! People's commands and what the evidence does by itself come through here alike: an automatic
//! rollback is a rollback.

use super::keeper::Commit;
use super::tell::told;
use super::{Inner, KeeperError, Live, View};
use serde_json::{Value, json};
use stagegate_rollout::{
    Analysis, AnalysisId, Effect, Notice, Rollout, Split, Stepped, WorkloadName, WorkloadState,
};
use stagegate_store::{
    Attachment, AuditEntry, NewAnalysis, NewAudit, NewIdempotency, RolloutRecord,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a rollback waits for the store before it happens all the same.
const RECORD_PATIENCE: Duration = Duration::from_secs(1);

/// A change that was decided and is neither recorded nor in force yet.
#[derive(Clone, Debug)]
pub(super) struct Decided {
    /// Place of the workload in the view.
    pub(super) place: usize,
    /// The workload afterwards.
    pub(super) after: Live,
    /// Number of the plan afterwards.
    pub(super) epoch: u64,
    /// Whether anything changed at all.
    pub(super) is_new: bool,
    /// Whether only the rollout's own books changed: then the plan stays as it is.
    pub(super) quiet: bool,
    /// What goes into the audit.
    pub(super) entry: NewAudit,
    /// Rows that belong to the change.
    pub(super) attached: Vec<Attachment>,
    /// Whether running responses of the candidate are aborted too.
    pub(super) cut: bool,
}

/// A change that is in force.
#[derive(Debug)]
pub(super) struct InForce {
    /// Its record; none while the store refuses and users had to be protected all the same.
    pub(super) record: Option<AuditEntry>,
    /// When it was recorded, or else published.
    pub(super) at: Instant,
}

impl Inner {
    /// Prepares what the state machine decided. `entry` holds who, what and why; what the decision
    /// rests on is added to its details. `quiet` changes are the rollout's own book-keeping: they
    /// make no new plan, and a person's `If-Match` goes on to hold.
    pub(super) fn decide(
        &self,
        view: &View,
        (place, live): (usize, &Live),
        stepped: Stepped,
        mut entry: NewAudit,
        analysis: Option<&Analysis>,
        quiet: bool,
    ) -> Decided {
        let Stepped { state, summary, effects } = stepped;
        let (spec, before) = (live.split.spec(), live.split.state());
        let is_new = !summary.is_empty();
        let epoch = view.epoch + u64::from(is_new && !quiet);
        entry.summary = summary;
        let mut attached = Vec::new();
        let (mut notices, mut cut) = (Vec::new(), false);
        for effect in effects {
            match effect {
                Effect::Record(said) => {
                    if let Some(id) = &said.analysis {
                        add(&mut entry.details, "analysis", json!(id));
                        attached.extend(decisive(&spec.name, id, analysis));
                    }
                    if !said.against.is_empty() {
                        add(&mut entry.details, "against", json!(said.against));
                    }
                }
                Effect::Cut => cut = true,
                Effect::Notify(notice) => notices.push(*notice),
                // Every new state makes a new plan.
                Effect::Publish => {}
            }
        }
        attached.extend(of_rollout(&spec.name, before, &state));
        if is_new && quiet {
            let (workload, state) = (spec.name.clone(), Box::new(state.clone()));
            attached.push(Attachment::State { workload, state });
        }
        attached.extend(self.messages(&spec.name, &notices));
        let after = Live {
            split: Arc::new(Split::new(Arc::clone(spec), Arc::new(state))),
            epoch: if is_new && !quiet { epoch } else { live.epoch },
        };
        Decided { place, after, epoch, is_new, quiet, entry, attached, cut }
    }

    /// Records and publishes; the caller holds the turn.
    ///
    /// # Errors
    /// When the store refuses; nothing changed then.
    pub(super) async fn perform(
        &self,
        view: &View,
        decided: Decided,
        answer: Option<NewIdempotency>,
    ) -> Result<InForce, KeeperError> {
        let keeper = self.keeper()?;
        let recorded = keeper.commit_with(decided.commit(answer), decided.attached.clone()).await;
        self.note_commit(&recorded);
        let record = recorded?;
        let at = Instant::now();
        self.publish_decided(view, decided);
        Ok(InForce { record: Some(record), at })
    }

    /// As [`Inner::perform`], for a rollback that no person can repeat: users are protected whether
    /// the store works or not. A store that refuses, or takes its time, does not keep the candidate
    /// in; what could not be recorded is handed back, to be tried again.
    ///
    /// While it is not recorded, the plan in force bears the number of the one before, and a crash
    /// would bring the candidate back, with the evidence that was saved last.
    pub(super) async fn perform_anyway(
        &self,
        view: &View,
        decided: Decided,
    ) -> (InForce, Option<KeeperError>) {
        let (commit, attached) = (decided.commit(None), decided.attached.clone());
        let recording = async move { self.keeper()?.commit_with(commit, attached).await };
        let mut recording = std::pin::pin!(recording);
        let recorded = match tokio::time::timeout(RECORD_PATIENCE, &mut recording).await {
            Ok(recorded) => recorded,
            Err(_) => {
                tracing::error!(
                    workload = decided.after.split.spec().name.as_str(),
                    "the state store does not answer: rolling back without a record"
                );
                let unrecorded = Decided { epoch: view.epoch, ..decided.clone() };
                self.publish_decided(view, unrecorded);
                recording.await
            }
        };
        self.note_commit(&recorded);
        let at = Instant::now();
        match recorded {
            Ok(record) => {
                self.publish_decided(view, decided);
                (InForce { record: Some(record), at }, None)
            }
            Err(error) => {
                self.publish_decided(view, Decided { epoch: view.epoch, ..decided });
                (InForce { record: None, at }, Some(error))
            }
        }
    }

    fn publish_decided(&self, view: &View, decided: Decided) {
        if !decided.is_new {
            return;
        }
        let Decided { place, after, epoch, entry, cut, quiet, .. } = decided;
        let name = after.split.spec().name.clone();
        if quiet {
            let mut next = View::clone(view);
            if let Some(slot) = next.live.get_mut(place) {
                *slot = after;
            }
            self.set_view(next);
        } else {
            let cut = cut.then(|| name.clone());
            self.publish_one(view, place, after, epoch, cut);
        }
        tracing::info!(
            actor = entry.actor,
            workload = name.as_str(),
            epoch,
            summary = entry.summary,
            "changed"
        );
        self.steering.wake();
        if let Some(notifier) = self.notifier.get() {
            notifier.wake();
        }
    }

    /// What people are told of it: recorded with the change, sent if and only if it was made.
    fn messages(&self, workload: &WorkloadName, notices: &[Notice]) -> Vec<Attachment> {
        let Some(notifier) = self.notifier.get().filter(|_| !notices.is_empty()) else {
            return Vec::new();
        };
        let told: Vec<_> = notices.iter().map(|notice| told(workload, notice)).collect();
        notifier.messages(&told).into_iter().map(Attachment::Tell).collect()
    }
}

impl Decided {
    fn commit(&self, answer: Option<NewIdempotency>) -> Commit {
        let (spec, state) = (self.after.split.spec(), self.after.split.state());
        let states =
            (self.is_new && !self.quiet).then(|| (spec.name.clone(), WorkloadState::clone(state)));
        Commit {
            entry: self.entry.clone(),
            states: states.into_iter().collect(),
            epoch: self.epoch,
            answer,
        }
    }
}

/// Adds a member to an audit entry's details.
fn add(details: &mut Value, key: &str, value: Value) {
    if let Value::Object(members) = details {
        members.insert(key.to_owned(), value);
    } else {
        *details = json!({ key: value });
    }
}

/// An analysis as it is stored.
pub(super) fn stored(workload: &WorkloadName, analysis: &Analysis) -> NewAnalysis {
    NewAnalysis {
        id: analysis.id.to_string(),
        workload: workload.clone(),
        rollout: analysis.rollout.to_string(),
        step: analysis.step as u32,
        at_ms: analysis.at_ms,
        verdict: analysis.verdict.label().to_owned(),
        body: json!(analysis).to_string(),
    }
}

/// The analysis that a change rests on, kept for ever.
fn decisive(
    workload: &WorkloadName,
    id: &AnalysisId,
    analysis: Option<&Analysis>,
) -> Vec<Attachment> {
    let Some(analysis) = analysis.filter(|analysis| analysis.id == *id) else { return Vec::new() };
    vec![
        Attachment::Analysis(stored(workload, analysis)),
        Attachment::Decisive { id: id.to_string() },
    ]
}

/// What a change means for the rollout's row of the history and for its evidence.
fn of_rollout(
    workload: &WorkloadName,
    before: &WorkloadState,
    after: &WorkloadState,
) -> Vec<Attachment> {
    let Some(rollout) = after.rollout.as_deref() else { return Vec::new() };
    let mut attached = Vec::new();
    let stage = |rollout: &Rollout| (rollout.id.clone(), rollout.step);
    let was = before.rollout.as_deref();
    if was.map(|it| (stage(it), &it.history)) != Some((stage(rollout), &rollout.history)) {
        attached.push(Attachment::Rollout(RolloutRecord {
            workload: workload.clone(),
            rollout: rollout.id.to_string(),
            started_ms: rollout.started.at_ms,
            ended_ms: (!rollout.is_active()).then_some(rollout.since.at_ms),
            phase: rollout.phase.label().to_owned(),
            body: json!(rollout).to_string(),
        }));
    }
    // The last step takes stable's figures from the step before: only another rollout begins bare.
    if was.map(|it| &it.id) != Some(&rollout.id) {
        attached.push(Attachment::ForgetEvidence { workload: workload.clone() });
    }
    attached
}
