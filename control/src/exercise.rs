//! Exercises beside the drill of the kill switch: an incident on a sandbox copy, and the capacity of the
//! release to go back to. No traffic of users is moved.

use super::draft::is_stale;
use super::results::unnumbered;
use super::{
    Action, Answer, Control, ExecuteError, IdempotencyKey, Inner, Precondition, View, now_ms,
    readiness,
};
use crate::ports::Probed;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stagegate_notify::{Notice, NoticeKind};
use stagegate_readiness::violation;
use stagegate_rollout::{ReleaseName, Severity, WorkloadName};
use stagegate_store::{Attachment, FactKind, NewAudit, NewChange, NewFact, Recorded};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long the probe of a capacity takes.
const PROBING: Duration = Duration::from_secs(3);
/// Most probes a second.
const MOST_A_SECOND: f64 = 100.0;
/// How long an alert may take to reach every channel.
const DELIVERY: Duration = Duration::from_secs(20);
/// How long an incident waits for its acknowledgement, in milliseconds.
const ACKNOWLEDGED_WITHIN_MS: u64 = 24 * 3_600_000;

/// What is exercised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exercise {
    /// The release to go back to is probed at the workload's rate.
    Capacity,
    /// A violation on a sandbox copy: rollback, alert, and then the acknowledgement of a person.
    Incident,
    /// The acknowledgement of the incident that waits for it.
    Acknowledge,
}

impl Exercise {
    /// The subject under which it is filed.
    const fn subject(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::Incident | Self::Acknowledge => "incident",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Capacity => "probe of the capacity to go back",
            Self::Incident => "drill of an incident",
            Self::Acknowledge => "acknowledgement of the incident",
        }
    }
}

/// The request for an exercise.
#[derive(Clone, Debug)]
pub struct ExerciseOrder {
    /// The actor.
    pub actor: String,
    /// The workload.
    pub workload: String,
    /// What is exercised.
    pub exercise: Exercise,
    /// The reason; may be empty.
    pub reason: String,
    /// The caller's precondition.
    pub precondition: Precondition,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<ExerciseReport>>,
}

/// One timed part of an exercise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExerciseStep {
    /// The part.
    pub step: String,
    /// True if it went as it should.
    pub passed: bool,
    /// Its duration in milliseconds; of a simulation, in made-up time.
    pub took_ms: u64,
    /// The observation.
    pub seen: String,
}

/// The result of an exercise. Field names are those of the stored JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExerciseReport {
    /// The workload.
    pub workload: String,
    /// True if everything went as it should, and a person acknowledged where that is asked for.
    pub passed: bool,
    /// True if it waits for the acknowledgement of a person.
    pub waiting: bool,
    /// When it began, in Unix milliseconds.
    pub at_ms: u64,
    /// The result in a few words.
    pub seen: String,
    /// The timed parts, in order.
    pub steps: Vec<ExerciseStep>,
    /// The actor.
    pub actor: String,
    /// Number of the audit entry.
    pub audit_seq: u64,
}

impl Control {
    /// Holds an exercise and files its result.
    ///
    /// # Errors
    /// An [`ExecuteError`] when it cannot be held now. One that found something wrong is no error.
    pub async fn exercise(
        &self,
        order: ExerciseOrder,
    ) -> Result<Answer<ExerciseReport>, ExecuteError> {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move { inner.exercise(order).await })
            .await
            .map_err(|error| ExecuteError::Lost(error.to_string()))?
    }
}

impl Inner {
    async fn exercise(
        self: &Arc<Self>,
        order: ExerciseOrder,
    ) -> Result<Answer<ExerciseReport>, ExecuteError> {
        self.ledger()?;
        if let Some(kept) = self.answered(order.idempotency.as_ref(), &order.actor).await? {
            return Ok(Answer::Kept(kept));
        }
        let view = self.view();
        let live = view.locate(&order.workload)?.1;
        is_stale(&order.precondition, live)?;
        let (name, at_ms) = (live.split.spec().name.clone(), now_ms());
        let (steps, waiting) = match order.exercise {
            Exercise::Capacity => {
                let stable = live.split.state().stable.clone();
                (vec![self.probe_capacity(&name, &stable).await], false)
            }
            Exercise::Incident => self.incident(&view, &name, &order, at_ms).await?,
            Exercise::Acknowledge => (self.acknowledged(&name, &order).await?, false),
        };
        let all_passed = steps.iter().all(|step| step.passed);
        let report = ExerciseReport {
            workload: name.to_string(),
            passed: all_passed && !waiting,
            waiting: all_passed && waiting,
            at_ms,
            seen: seen(&steps, all_passed && waiting),
            steps,
            actor: order.actor.clone(),
            audit_seq: 0,
        };
        self.file_exercise(name, order, report).await
    }

    async fn file_exercise(
        self: &Arc<Self>,
        name: WorkloadName,
        order: ExerciseOrder,
        report: ExerciseReport,
    ) -> Result<Answer<ExerciseReport>, ExecuteError> {
        let body = unnumbered(json!(report));
        let fact = NewFact {
            kind: FactKind::Exercise,
            workload: name,
            subject: order.exercise.subject().to_owned(),
            once: None,
            body: json!(report).to_string(),
        };
        let how = match (report.passed, report.waiting) {
            (true, _) => "passed",
            (_, true) => "waits for an acknowledgement",
            _ => "failed",
        };
        let entry = NewAudit {
            at_ms: now_ms(),
            actor: order.actor.clone(),
            workload: Some(order.workload.clone()),
            action: Action::Exercise.label().to_owned(),
            reason: order.reason.clone(),
            summary: format!("{} {how}: {}", order.exercise.words(), report.seen),
            details: body,
        };
        let change = NewChange {
            answer: order.idempotency.as_ref().map(|key| key.keeping(&order.actor, &report)),
            attachments: vec![Attachment::Fact(fact)],
            ..NewChange::entry_only(entry)
        };
        let recorded: Recorded =
            self.append_in_order::<ExecuteError>(&order.workload, change).await?;
        let made = |audit_seq| ExerciseReport { audit_seq, ..report };
        Answer::of(recorded, order.idempotency.as_ref(), made)
    }

    /// Probes a release at the workload's rate for some seconds.
    async fn probe_capacity(&self, name: &WorkloadName, release: &ReleaseName) -> ExerciseStep {
        let begun = Instant::now();
        let rate = self.steering.costs.rate(name.as_str(), begun).clamp(5.0, MOST_A_SECOND);
        let pause = Duration::from_secs_f64(1.0 / rate);
        let (mut running, mut sent) = (JoinSet::new(), 0_u32);
        while begun.elapsed() < PROBING {
            let (plane, name, release) = (Arc::clone(&self.plane), name.clone(), release.clone());
            running.spawn(async move { plane.probe(name, release).await });
            sent += 1;
            tokio::time::sleep(pause).await;
        }
        let (mut slowest, mut answered, mut wrong) = (Duration::ZERO, 0_u32, None);
        while let Some(Ok(probed)) = running.join_next().await {
            if probed.is_empty() {
                wrong.get_or_insert_with(|| format!("release {release} has no endpoint"));
            }
            for Probed { address, answered: how } in probed {
                match how {
                    Ok(took) => {
                        answered += 1;
                        slowest = slowest.max(took);
                    }
                    Err(why) => {
                        wrong.get_or_insert_with(|| format!("{address}: {why}"));
                    }
                }
            }
        }
        let took = begun.elapsed();
        let a_second = f64::from(sent) / took.as_secs_f64();
        let figures = format!(
            "{answered} answers of {release} to {sent} rounds of probes, {a_second:.0} a second, the slowest after {} ms",
            slowest.as_millis()
        );
        ExerciseStep {
            step: format!("probe {release}"),
            passed: wrong.is_none() && answered > 0,
            took_ms: took.as_millis() as u64,
            seen: wrong.map_or_else(|| figures.clone(), |why| format!("{figures}; {why}")),
        }
    }

    /// A violation on a sandbox copy, and the alert about it.
    async fn incident(
        &self,
        view: &View,
        name: &WorkloadName,
        order: &ExerciseOrder,
        at_ms: u64,
    ) -> Result<(Vec<ExerciseStep>, bool), ExecuteError> {
        let live = view.locate(&order.workload)?.1;
        let release = readiness::subject(live, None)?;
        let policy = readiness::policy_for(view, live, &release);
        let (workload, from, to) =
            (name.clone(), live.split.state().stable.clone(), release.clone());
        let judged =
            tokio::task::spawn_blocking(move || violation(&policy, &workload, (&from, &to)));
        let judged = judged.await.map_err(|error| ExecuteError::Lost(error.to_string()))?;
        let first = match judged {
            Ok(found) => ExerciseStep {
                step: "violation to rollback, simulated".to_owned(),
                passed: true,
                took_ms: found.after_ms,
                seen: found.trigger,
            },
            Err(why) => ExerciseStep {
                step: "violation to rollback, simulated".to_owned(),
                passed: false,
                took_ms: 0,
                seen: why,
            },
        };
        let alert = self.alert(view, name, (&release, at_ms), &first.seen).await;
        Ok((vec![first, alert], true))
    }

    /// Sends the alert and waits until every channel of the workload has it.
    async fn alert(
        &self,
        view: &View,
        name: &WorkloadName,
        (release, at_ms): (&ReleaseName, u64),
        trigger: &str,
    ) -> ExerciseStep {
        let step = |passed, took: Duration, seen: String| ExerciseStep {
            step: "alert delivered".to_owned(),
            passed,
            took_ms: took.as_millis() as u64,
            seen,
        };
        let channels = self.channels_of(view, name).await;
        let (Some(notifier), false) = (self.notifier.get(), channels.is_empty()) else {
            return step(false, Duration::ZERO, "no channel gets messages about it".to_owned());
        };
        let title = format!(
            "Drill, nothing is wrong: {release} of {name} was rolled back on a sandbox copy. Acknowledge with `stagegate drill {name} --acknowledge`"
        );
        let id = format!("{name}~incident-drill~{at_ms}");
        let mut notice =
            Notice::new(id, NoticeKind::Test, Severity::Critical, name.as_str(), at_ms, title)
                .fact("trigger", trigger);
        notice.subject = "incident-drill".to_owned();
        let begun = Instant::now();
        let enqueued_ms = now_ms();
        if let Err(error) = notifier.notify(vec![crate::tell::linked(notice, view)]).await {
            return step(false, begun.elapsed(), error.to_string());
        }
        loop {
            let channels = self.channels_of(view, name).await;
            let waits =
                channels.iter().filter(|it| it.delivered_ms.is_none_or(|at| at < enqueued_ms));
            let waits: Vec<&str> = waits.map(|it| it.name.as_str()).collect();
            if waits.is_empty() {
                let names: Vec<&str> = channels.iter().map(|it| it.name.as_str()).collect();
                return step(true, begun.elapsed(), format!("to {}", names.join(", ")));
            }
            if begun.elapsed() > DELIVERY {
                let why = format!("no delivery to: {}", waits.join(", "));
                return step(false, begun.elapsed(), why);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The steps of the incident that waits, with the acknowledgement.
    async fn acknowledged(
        &self,
        name: &WorkloadName,
        order: &ExerciseOrder,
    ) -> Result<Vec<ExerciseStep>, ExecuteError> {
        let wanted = name.clone();
        let newest = self
            .ask(move |store| Ok(store.facts(FactKind::Exercise, &wanted, "incident", 1)?.pop()))
            .await?;
        let waiting = newest
            .and_then(|fact| serde_json::from_str::<ExerciseReport>(&fact.body).ok())
            .filter(|it| it.waiting)
            .ok_or_else(|| {
                ExecuteError::NotNow(format!(
                    "no drill of an incident waits for an acknowledgement: `stagegate drill {name} --incident` begins one"
                ))
            })?;
        let took_ms = now_ms().saturating_sub(waiting.at_ms);
        let mut steps = waiting.steps;
        steps.push(ExerciseStep {
            step: "acknowledged by a person".to_owned(),
            passed: took_ms <= ACKNOWLEDGED_WITHIN_MS,
            took_ms,
            seen: format!("by {}", order.actor),
        });
        Ok(steps)
    }
}

/// The result in a few words.
fn seen(steps: &[ExerciseStep], waiting: bool) -> String {
    let mut words: Vec<String> = steps
        .iter()
        .map(|it| {
            let failed = if it.passed { "" } else { "FAILED: " };
            format!("{failed}{} ({:.1} s): {}", it.step, it.took_ms as f64 / 1e3, it.seen)
        })
        .collect();
    if waiting {
        words.push("waits for the acknowledgement of a person".to_owned());
    }
    words.join("; ")
}
