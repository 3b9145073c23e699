//! Trying the way back before it is needed: the kill switch is thrown for a moment, and thrown back.
//!
//! Made so that nobody is harmed. Whatever the workload's fallback is, a drill falls back to stable,
//! and only after stable's endpoints were asked and answered. The killed state is published but
//! never recorded: a crash in the middle of a drill comes back with the switch off. The right to
//! write is held throughout, so that no other change is built on the drill's plan. A rollback does
//! not wait for it.

mod checks;
mod report;

pub use report::{DrillCheck, DrillOrder, DrillReport};

use super::draft::is_stale;
use super::results::unnumbered;
use super::turn::WAIT;
use super::{
    Action, Answer, Control, ExecuteError, Inner, Live, RollbackTiming, StoreAccessError, View,
    now_ms,
};
use crate::ports::{Probed, Settled};
use serde_json::json;
use stagegate_store::{Attachment, NewAudit, NewChange, NewDrill, Recorded};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long the workers may take to follow.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the record of the end may take before the switch goes back without it.
const SOON: Duration = Duration::from_millis(300);
/// How long the switch stays on after they follow: long enough for a disobedient worker to send
/// something.
const HOLD: Duration = Duration::from_millis(300);

impl Control {
    /// Throws a workload's kill switch, checks that nothing new reaches the candidate, and throws
    /// it back.
    ///
    /// # Errors
    /// An [`ExecuteError`] when it cannot be held now; nothing was thrown then. A drill that was
    /// held and found something wrong is no error: its report says so.
    pub async fn drill(&self, order: DrillOrder) -> Result<Answer<DrillReport>, ExecuteError> {
        let inner = Arc::clone(&self.inner);
        // A task of its own: a caller that hangs up must not leave the switch on.
        tokio::spawn(async move { inner.drill(order).await })
            .await
            .map_err(|error| ExecuteError::Lost(error.to_string()))?
    }
}

impl Inner {
    async fn drill(
        self: &Arc<Self>,
        order: DrillOrder,
    ) -> Result<Answer<DrillReport>, ExecuteError> {
        let stable = self.probe_stable(&order.workload).await?;
        let wanted = order.clone();
        let begun = self.in_order(Some(&order.workload), move |inner, turn| async move {
            inner.begin_drill(&wanted).await.map(|begun| (begun, turn))
        });
        let (begun, turn) = begun.await?;
        let live = match begun {
            Begun::Before(kept) => return Ok(Answer::Kept(kept)),
            Begun::Now(live) => live,
        };
        let at_ms = now_ms();
        let thrown = checks::thrown(&live, &order, at_ms);
        let asked = checks::asked(&thrown.split);
        let held = self.hold(&live, thrown).await;
        let epoch = self.view().epoch + 1;
        let report = report(&order, &live, epoch, at_ms, &held, vec![stable, asked]);
        let (inner, end) = (Arc::clone(self), ended(&order, &live, &report));
        let recorded = tokio::spawn(async move {
            let _turn = turn;
            inner.record_plan(end).await
        });
        let audit_seq = match self.put_back(&order, recorded).await? {
            Recorded::Now(entry) => entry.seq,
            Recorded::Before(_) => return Err(ExecuteError::KeyReused),
        };
        tracing::info!(
            action = Action::Drill.label(),
            workload = report.workload,
            actor = report.actor,
            passed = report.passed,
            epoch,
            "the kill switch was drilled"
        );
        Ok(Answer::New(DrillReport { audit_seq, ..report }))
    }

    /// Checks, and records that a drill begins; the caller has the right to write.
    async fn begin_drill(&self, order: &DrillOrder) -> Result<Begun, ExecuteError> {
        self.ledger()?;
        // Before anything else: a switch must not be thrown twice for one request.
        if let Some(kept) = self.answered(order.idempotency.as_ref(), &order.actor).await? {
            return Ok(Begun::Before(kept));
        }
        let view = self.view();
        let (_, live) = view.locate(&order.workload)?;
        is_stale(&order.precondition, live)?;
        if let Some(kill) = &live.split.state().killed {
            return Err(ExecuteError::NotNow(format!(
                "the kill switch is on already, by {}: revive the workload first",
                kill.by
            )));
        }
        let begun = entry(order, "began", json!({}), now_ms());
        self.record_plan(NewChange { makes_a_plan: true, ..NewChange::entry_only(begun) }).await?;
        Ok(Begun::Now(live.clone()))
    }

    /// Records a plan in which no workload is another, and puts it in force; the caller has the
    /// right to write.
    async fn record_plan(&self, change: NewChange) -> Result<Recorded, StoreAccessError> {
        let expected = self.desk().recorded.epoch;
        let recorded = self.append(expected, change).await?;
        if let Recorded::Now(_) = recorded {
            let mut desk = self.desk();
            let next = View { epoch: expected + 1, ..View::clone(&desk.recorded) };
            desk.recorded = Arc::new(next);
            desk.thrown = None;
            self.put(&desk, None, None, true);
        }
        Ok(recorded)
    }

    /// Puts the switch back with the record of the drill's end, or without it if that takes longer
    /// than a moment: it was never recorded as thrown.
    async fn put_back(
        &self,
        order: &DrillOrder,
        mut recorded: JoinHandle<Result<Recorded, StoreAccessError>>,
    ) -> Result<Recorded, ExecuteError> {
        let soon = tokio::time::timeout(SOON, &mut recorded).await;
        let done = match soon {
            Ok(done) => Ok(done),
            Err(_) => {
                self.throw(None);
                tokio::time::timeout(WAIT, recorded).await
            }
        };
        let Ok(done) = done else { return Err(self.slow(Some(&order.workload), true).into()) };
        let recorded = done.map_err(|lost| ExecuteError::Lost(lost.to_string()));
        if !matches!(recorded, Ok(Ok(Recorded::Now(_)))) {
            self.throw(None);
        }
        Ok(recorded??)
    }

    /// Publishes the thrown switch and watches the workers while it is on.
    async fn hold(&self, live: &Live, thrown: Live) -> Held {
        let on = Instant::now();
        self.throw(Some(thrown));
        let name = live.split.spec().name.clone();
        let first = self.plane.settled(name.clone(), PATIENCE).await;
        let followed = on.elapsed();
        tokio::time::sleep(HOLD).await;
        let last = self.plane.settled(name, PATIENCE).await;
        let timing = RollbackTiming::of(&first, on, followed);
        Held { timing, last, followed: on + followed, length: on.elapsed() }
    }

    fn throw(&self, thrown: Option<Live>) {
        let mut desk = self.desk();
        desk.thrown = thrown;
        self.put(&desk, None, None, true);
    }

    /// Probes every endpoint of stable. A drill while they do not answer could harm users.
    async fn probe_stable(&self, workload: &str) -> Result<DrillCheck, ExecuteError> {
        let view = self.view();
        // An unknown workload is said below, with everything else that is checked under the turn.
        let Some((_, live)) = view.find(workload) else {
            return Ok(checks::check("stable's endpoints answer", false, String::new()));
        };
        let (name, stable) = (live.split.spec().name.clone(), live.split.state().stable.clone());
        let probed = self.plane.probe(name, stable.clone()).await;
        let silent: Vec<&Probed> = probed.iter().filter(|it| it.answered.is_err()).collect();
        if probed.is_empty() || silent.len() == probed.len() {
            let why = silent.first().and_then(|it| it.answered.as_ref().err());
            return Err(ExecuteError::NotNow(format!(
                "no endpoint of the stable release {stable} answers ({}): a drill would harm its users",
                why.map_or("it has none", String::as_str)
            )));
        }
        let seen = format!("{} of {} of {stable}", probed.len() - silent.len(), probed.len());
        Ok(checks::check("stable's endpoints answer", silent.is_empty(), seen))
    }
}

/// The beginning of a drill.
enum Begun {
    /// It was held before under the same key.
    Before(String),
    /// It is recorded; the workload before.
    Now(Live),
}

/// The measurements made while the switch was on.
struct Held {
    timing: RollbackTiming,
    /// The workers at the end.
    last: Settled,
    /// When every worker had followed, or the wait was over.
    followed: Instant,
    length: Duration,
}

fn report(
    order: &DrillOrder,
    live: &Live,
    epoch: u64,
    at_ms: u64,
    held: &Held,
    before: Vec<DrillCheck>,
) -> DrillReport {
    let mut checks = before;
    checks.extend(checks::carried(&held.timing, &held.last, held.followed));
    DrillReport {
        workload: live.split.spec().name.to_string(),
        passed: checks.iter().all(|check| check.passed),
        at_ms,
        held_ms: held.length.as_secs_f64() * 1e3,
        epoch,
        audit_seq: 0,
        actor: order.actor.clone(),
        reason: order.reason.clone(),
        timing: held.timing,
        checks,
    }
}

/// The end of a drill as it is recorded.
fn ended(order: &DrillOrder, live: &Live, report: &DrillReport) -> NewChange {
    let how = if report.passed { "passed" } else { "failed" };
    let body = unnumbered(json!(report));
    let drill = NewDrill {
        workload: live.split.spec().name.clone(),
        at_ms: report.at_ms,
        actor: order.actor.clone(),
        passed: report.passed,
        body: body.to_string(),
    };
    NewChange {
        entry: entry(order, how, body, now_ms()),
        states: Vec::new(),
        makes_a_plan: true,
        answer: order.idempotency.as_ref().map(|key| key.keeping(&order.actor, report)),
        attachments: vec![Attachment::Drill(drill)],
    }
}

fn entry(order: &DrillOrder, how: &str, details: serde_json::Value, at_ms: u64) -> NewAudit {
    NewAudit {
        at_ms,
        actor: order.actor.clone(),
        workload: Some(order.workload.clone()),
        action: Action::Drill.label().to_owned(),
        reason: order.reason.clone(),
        summary: format!("drill of the kill switch {how}"),
        details,
    }
}
