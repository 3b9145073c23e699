//! The runbook after a release has all traffic. It begins when the history of the rollout says 100%, so a
//! restart changes nothing. Automatic tasks are filed once: the ledger refuses a second result.

mod results;

use super::minutes::each_minute;
use super::results::unnumbered;
use super::{
    Action, Answer, Control, ExecuteError, IdempotencyKey, Inner, Live, StoreAccessError, View,
    now_ms,
};
use results::{errors, spend, tail, tenants};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stagegate_notify::{Notice, NoticeKind};
use stagegate_readiness::{
    Demand, Job, StatementRefusal, TASKS, TaskEvent, TaskLine, TaskNote, board, task, to_do,
    to_tell, violation,
};
use stagegate_rollout::{Analysis, Phase, Rollout, Series, Severity, Tick, WorkloadName};
use stagegate_store::{Attachment, FactKind, NewAudit, NewChange, NewFact};
use std::sync::Arc;
use std::time::Instant;

/// Most events of one runbook that are read.
const EVENTS: usize = 10_000;
/// Analyses before 100% that are looked through for a forecast.
const ANALYSES: usize = 50;
/// The time before 100% that is compared with, in milliseconds.
const BEFORE_MS: u64 = 24 * 3_600_000;

/// The runbook of a workload's last rollout that reached 100%.
#[derive(Clone, Debug)]
pub struct Runbook {
    /// The workload.
    pub workload: String,
    /// The rollout.
    pub rollout: String,
    /// The release.
    pub release: String,
    /// When it got all traffic, in Unix milliseconds.
    pub began_ms: u64,
    /// False once the release was taken out: nothing is due any more.
    pub active: bool,
    /// The tasks.
    pub tasks: Vec<TaskLine>,
}

/// The request to do something about a task.
#[derive(Clone, Debug)]
pub struct TaskOrder {
    /// The actor.
    pub actor: String,
    /// The workload.
    pub workload: String,
    /// The task's id.
    pub task: String,
    /// What is done.
    pub event: TaskEvent,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<TaskMade>>,
}

/// What was done about a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskMade {
    /// The workload.
    pub workload: String,
    /// The rollout.
    pub rollout: String,
    /// Number of the audit entry.
    pub audit_seq: u64,
    /// The event.
    pub note: TaskNote,
}

/// When the rollout's release got all traffic but the policy's holdback; none if it never did.
fn began_ms(rollout: &Rollout) -> Option<u64> {
    let all = rollout.policy.weight_at(rollout.policy.steps.len());
    let full = rollout.history.iter().find(|it| it.weight >= all)?;
    Some(full.mark.at_ms)
}

/// The rollout of a workload whose release got all traffic.
pub(super) fn full(live: &Live) -> Option<(&Rollout, u64)> {
    let rollout = live.split.state().rollout.as_deref()?;
    Some((rollout, began_ms(rollout)?))
}

pub(super) fn is_active(rollout: &Rollout) -> bool {
    matches!(rollout.phase, Phase::Watching | Phase::Completed | Phase::Paused)
}

impl Control {
    /// The runbook of a workload.
    ///
    /// # Errors
    /// When there is no such workload, its release did not get all traffic, or the store cannot be read.
    pub async fn runbook(&self, workload: &str) -> Result<Runbook, ExecuteError> {
        let view = self.view();
        let live = view.locate(workload)?.1;
        let (rollout, began_ms) = full(live).ok_or_else(|| nothing(workload))?;
        let notes = self.inner.notes(&live.split.spec().name, rollout).await?;
        let hour_ms = view.config.readiness(&rollout.policy.name).runbook_hour_ms;
        Ok(Runbook {
            workload: workload.to_owned(),
            rollout: rollout.id.to_string(),
            release: rollout.to.to_string(),
            began_ms,
            active: is_active(rollout) && hour_ms.is_some(),
            tasks: board(&notes, began_ms, hour_ms.unwrap_or(3_600_000), now_ms()),
        })
    }

    /// Files what a person does about a task.
    ///
    /// # Errors
    /// An [`ExecuteError`]; nothing was filed then.
    pub async fn task(&self, order: TaskOrder) -> Result<Answer<TaskMade>, ExecuteError> {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move { inner.task(order).await })
            .await
            .map_err(|error| ExecuteError::Lost(error.to_string()))?
    }

    /// Does the automatic tasks that are due, and tells the owners of those that are overdue. In a fleet
    /// one replica does.
    pub async fn look_at_runbooks(&self) {
        if !self.speaks() {
            return;
        }
        let view = self.inner.view();
        for live in &view.live {
            let Some((rollout, began_ms)) = full(live).filter(|(it, _)| is_active(it)) else {
                continue;
            };
            if let Err(error) = self.inner.look_at_runbook(&view, live, (rollout, began_ms)).await {
                let workload = live.split.spec().name.as_str();
                tracing::debug!(workload, %error, "cannot look at the runbook");
            }
        }
    }
}

pub(super) fn nothing(workload: &str) -> ExecuteError {
    ExecuteError::Unknown(format!(
        "workload `{workload}` has no runbook: its tasks begin when a rollout reaches 100%"
    ))
}

impl Inner {
    async fn notes(
        &self,
        name: &WorkloadName,
        rollout: &Rollout,
    ) -> Result<Vec<TaskNote>, StoreAccessError> {
        let (name, id) = (name.clone(), rollout.id.to_string());
        let facts =
            self.ask(move |store| Ok(store.facts(FactKind::Runbook, &name, &id, EVENTS)?));
        let facts = facts.await?;
        Ok(facts.iter().filter_map(|it| serde_json::from_str(&it.body).ok()).collect())
    }

    async fn task(self: &Arc<Self>, order: TaskOrder) -> Result<Answer<TaskMade>, ExecuteError> {
        let wanted = order.clone();
        let work = move |inner: Arc<Self>| async move { inner.try_task(&wanted).await };
        let key = order.idempotency.as_ref();
        self.once_in_order(&order.workload, key, &order.actor, work).await
    }

    async fn try_task(&self, order: &TaskOrder) -> Result<Answer<TaskMade>, ExecuteError> {
        self.ledger()?;
        let view = self.view();
        let live = view.locate(&order.workload)?.1;
        let (rollout, _) = full(live).ok_or_else(|| nothing(&order.workload))?;
        if task(&order.task).is_none() {
            let ids: Vec<&str> = TASKS.iter().map(|it| it.id).collect();
            let why = format!("there is no task `{}`; there are: {}", order.task, ids.join(", "));
            return Err(ExecuteError::Check(StatementRefusal(why)));
        }
        let note = TaskNote {
            task: order.task.clone(),
            event: order.event.clone(),
            by: order.actor.clone(),
            at_ms: now_ms(),
        };
        let made = TaskMade {
            workload: order.workload.clone(),
            rollout: rollout.id.to_string(),
            audit_seq: 0,
            note,
        };
        let change = NewChange {
            answer: order.idempotency.as_ref().map(|key| key.keeping(&order.actor, &made)),
            ..filed(&live.split.spec().name, rollout, &made.note, None)
        };
        let recorded = self.append(view.epoch, change).await?;
        let made = |audit_seq| TaskMade { audit_seq, ..made };
        Answer::of(recorded, order.idempotency.as_ref(), made)
    }

    async fn look_at_runbook(
        self: &Arc<Self>,
        view: &View,
        live: &Live,
        (rollout, began_ms): (&Rollout, u64),
    ) -> Result<(), StoreAccessError> {
        let settings = view.config.readiness(&rollout.policy.name);
        let Some(hour_ms) = settings.runbook_hour_ms else { return Ok(()) };
        let name = &live.split.spec().name;
        let tasks = board(&self.notes(name, rollout).await?, began_ms, hour_ms, now_ms());
        for (line, job) in to_do(&tasks) {
            let (passed, result) = self.result(view, name, (rollout, began_ms), job).await?;
            let event = TaskEvent::Filed { passed, result: result.clone() };
            let note = note(line, event);
            let severity = if passed { Severity::Info } else { Severity::Warning };
            let tells = !passed || job == Job::Report;
            let notice = tells.then(|| notice(name, rollout, line, severity, &result));
            self.file_task(view, name, rollout, &note, notice).await?;
        }
        for line in to_tell(&tasks) {
            let severity = match settings.demand {
                Demand::Required => Severity::Warning,
                _ => Severity::Info,
            };
            let why = format!("overdue: {}", line.task.title);
            let notice = notice(name, rollout, line, severity, &why);
            let note = note(line, TaskEvent::Overdue);
            self.file_task(view, name, rollout, &note, Some(notice)).await?;
        }
        Ok(())
    }

    /// Files an event once, with its message.
    async fn file_task(
        self: &Arc<Self>,
        view: &View,
        name: &WorkloadName,
        rollout: &Rollout,
        note: &TaskNote,
        notice: Option<Notice>,
    ) -> Result<(), StoreAccessError> {
        let once = match note.event {
            TaskEvent::Filed { .. } => format!("filed {}", note.task),
            _ => format!("overdue {}", note.task),
        };
        let mut change = filed(name, rollout, note, Some(once));
        let notice = notice.map(|it| crate::tell::linked(it, view));
        change.attachments.extend(notice.iter().flat_map(|it| self.told(it)));
        self.append_by_itself(name.as_str(), change).await?;
        self.send_messages();
        Ok(())
    }

    /// Does an automatic task.
    async fn result(
        &self,
        view: &View,
        name: &WorkloadName,
        (rollout, began_ms): (&Rollout, u64),
        job: Job,
    ) -> Result<(bool, String), StoreAccessError> {
        Ok(match job {
            Job::Armed => match violation(&rollout.policy, name, (&rollout.from, &rollout.to)) {
                Ok(it) => (true, format!("{} after {} s", it.trigger, it.after_ms / 1000)),
                Err(why) => (false, why),
            },
            Job::Errors | Job::Tail | Job::Tenants => {
                let (before, after) = self.series_around(name, rollout, began_ms).await?;
                match job {
                    Job::Errors => errors(&before, &after),
                    Job::Tail => tail(&before, &after),
                    _ => tenants(&before.units, &after.units),
                }
            }
            Job::Spend => {
                let workload = view.config.workload(name.as_str());
                let budget = workload.and_then(|it| it.cost.daily_budget_nanos);
                let seen = self.steering.costs.daily(name.as_str(), Instant::now());
                let forecast = self.forecast_before(name, rollout, began_ms).await?;
                spend(budget.map(|nanos| nanos as f64 / 1e9), forecast, &seen)
            }
            Job::Report => (true, format!("stagegate report --rollout {}", rollout.id)),
        })
    }

    /// The dollars of a day that the last analysis before 100% forecast for it.
    async fn forecast_before(
        &self,
        name: &WorkloadName,
        rollout: &Rollout,
        began_ms: u64,
    ) -> Result<Option<f64>, StoreAccessError> {
        let (name, id) = (name.clone(), rollout.id.to_string());
        let kept = self.ask(move |store| {
            let before = began_ms.saturating_add(1);
            Ok(store.analyses(&name, Some(&id), Some(before), ANALYSES)?)
        });
        let forecast = |body: &str| {
            let analysis: Analysis = serde_json::from_str(body).ok()?;
            Some(analysis.forecast?.usd_per_day)
        };
        Ok(kept.await?.iter().find_map(|it| forecast(&it.analysis.body)))
    }

    /// The counts of both arms in the day before 100%, and of the release since.
    async fn series_around(
        &self,
        name: &WorkloadName,
        rollout: &Rollout,
        began_ms: u64,
    ) -> Result<(Series, Series), StoreAccessError> {
        let (name, to) = (name.clone(), rollout.to.clone());
        let begun = self.steering.windows().begun(&name);
        self.ask(move |store| {
            let (mut before, mut after) = (Series::default(), Series::default());
            let from = began_ms.saturating_sub(BEFORE_MS);
            let span_ms = (from, now_ms().saturating_add(1));
            each_minute(store, (&name, begun), span_ms, &mut |window| {
                let Ok(tick) = serde_json::from_str::<Tick>(&window.body) else { return };
                if window.at_ms <= began_ms {
                    before.merge(&tick.stable);
                    before.merge(&tick.candidate);
                } else if window.candidate.as_ref() == Some(&to) {
                    after.merge(&tick.candidate);
                }
            })?;
            Ok((before, after))
        })
        .await
    }
}

/// The change that files an event.
fn filed(
    name: &WorkloadName,
    rollout: &Rollout,
    note: &TaskNote,
    once: Option<String>,
) -> NewChange {
    let words = match &note.event {
        TaskEvent::Filed { passed: true, result } => format!("done: {result}"),
        TaskEvent::Filed { result, .. } => format!("found something: {result}"),
        TaskEvent::Done { result } => format!("done: {result}"),
        TaskEvent::Assigned { owner } => format!("assigned to {owner}"),
        TaskEvent::Comment { text } => format!("comment: {text}"),
        TaskEvent::Overdue => "overdue".to_owned(),
    };
    let entry = NewAudit {
        at_ms: note.at_ms,
        actor: note.by.clone(),
        workload: Some(name.to_string()),
        action: Action::Runbook.label().to_owned(),
        reason: String::new(),
        summary: format!("task {} of rollout {}: {words}", note.task, rollout.id),
        details: unnumbered(json!({ "rollout": rollout.id.to_string(), "note": note })),
    };
    let fact = NewFact {
        kind: FactKind::Runbook,
        workload: name.clone(),
        subject: rollout.id.to_string(),
        once,
        body: json!(note).to_string(),
    };
    NewChange { attachments: vec![Attachment::Fact(fact)], ..NewChange::entry_only(entry) }
}

fn note(line: &TaskLine, event: TaskEvent) -> TaskNote {
    TaskNote {
        task: line.task.id.to_owned(),
        event,
        by: Rollout::ITSELF.to_owned(),
        at_ms: now_ms(),
    }
}

fn notice(
    name: &WorkloadName,
    rollout: &Rollout,
    line: &TaskLine,
    severity: Severity,
    why: &str,
) -> Notice {
    let at_ms = now_ms();
    let id = format!("{}~runbook~{}~{at_ms}", rollout.id, line.task.id);
    let title = format!("Task {} after {} got all traffic: {why}", line.task.id, rollout.to);
    let command = line.task.command.replace("WORKLOAD", name.as_str());
    let step = (rollout.step + 1).to_string();
    let mut notice =
        Notice::new(id, NoticeKind::RunbookTask, severity, name.as_str(), at_ms, title)
            .of(rollout.id.to_string(), rollout.to.as_str(), step)
            .owned_by(&*line.owner)
            .fact("command", command);
    notice.subject = format!("runbook-{}", line.task.id);
    match &rollout.ticket {
        Some(ticket) => notice.fact("ticket", &**ticket),
        None => notice,
    }
}
