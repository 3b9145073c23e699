//! Trying the way back before it is needed: the kill switch is thrown for a moment, and thrown back.
//!
//! Made so that nobody is harmed. Whatever the workload's fallback is, a drill falls back to stable,
//! and only after stable's endpoints were asked and answered. The killed state is published but
//! never recorded: a crash in the middle of a drill comes back with the switch off. The turn is
//! held throughout, so that no other change can be built on the drill's plan; that is why nothing
//! in here waits for longer than [`PATIENCE`] and [`HOLD`].

mod checks;

use super::execute::is_stale;
use super::results::unnumbered;
use super::{
    Action, Answer, Control, ExecuteError, IdempotencyKey, Inner, Live, Precondition,
    RollbackTiming, View, now_ms,
};
use crate::ports::{Probed, Settled};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stagegate_store::{Attachment, NewAudit, NewChange, NewDrill, Recorded};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the workers may take to follow.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the switch stays on once they follow: long enough that a worker that does not obey
/// would send something.
const HOLD: Duration = Duration::from_millis(300);
/// A drill that somebody wants held.
#[derive(Clone, Debug)]
pub struct DrillOrder {
    /// Who.
    pub actor: String,
    /// On which workload.
    pub workload: String,
    /// Why; may be empty.
    pub reason: String,
    /// What the caller believes the state to be.
    pub precondition: Precondition,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<DrillReport>>,
}

/// What a drill of the kill switch found. It is recorded whether it passed or not; field names are
/// those of the stored JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrillReport {
    /// The workload.
    pub workload: String,
    /// Whether every check passed.
    pub passed: bool,
    /// When it began, in Unix milliseconds.
    pub at_ms: u64,
    /// For how long the switch was on, in milliseconds.
    pub held_ms: f64,
    /// Epoch of the routing plan in force afterwards.
    pub epoch: u64,
    /// Number of the audit entry of its end.
    pub audit_seq: u64,
    /// Who held it.
    pub actor: String,
    /// The reason that was recorded; empty if none was given.
    pub reason: String,
    /// How fast the data plane followed the switch.
    pub timing: RollbackTiming,
    /// The checks, in order.
    pub checks: Vec<DrillCheck>,
}

/// One check of a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillCheck {
    /// What must hold.
    pub check: String,
    /// Whether it did.
    pub passed: bool,
    /// What was seen.
    pub seen: String,
}

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
    async fn drill(&self, order: DrillOrder) -> Result<Answer<DrillReport>, ExecuteError> {
        let stable = self.probe_stable(&order.workload).await?;
        let _turn = self.turn.lock().await;
        self.ledger()?;
        // Before anything else: a switch must not be thrown twice for one request.
        if let Some(kept) = self.answered(order.idempotency.as_ref(), &order.actor).await? {
            return Ok(Answer::Kept(kept));
        }
        let view = self.view();
        let (place, live) = view.find(&order.workload).ok_or_else(|| unknown(&view, &order))?;
        is_stale(&order.precondition, live)?;
        if let Some(kill) = &live.split.state().killed {
            return Err(ExecuteError::NotNow(format!(
                "the kill switch is on already, by {}: revive the workload first",
                kill.by
            )));
        }
        let at_ms = now_ms();
        let begun = entry(&order, "began", json!({}), at_ms);
        let begun = NewChange { makes_a_plan: true, ..NewChange::entry_only(begun) };
        self.append(view.epoch, begun).await?;
        let thrown = checks::thrown(live, &order, at_ms);
        let held = self.hold(&view, (place, live), thrown.clone()).await;
        let report = report(
            &order,
            live,
            view.epoch + 2,
            at_ms,
            &held,
            vec![stable, checks::asked(&thrown.split)],
        );
        let recorded = self.append(view.epoch + 1, ended(&order, live, &report)).await;
        // The switch goes back whatever the store says: it was never recorded as thrown.
        let epoch = view.epoch + 1 + u64::from(recorded.is_ok());
        self.publish_one(&self.view(), place, live.clone(), epoch, None);
        let audit_seq = match recorded? {
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

    /// Publishes the thrown switch and watches the workers for as long as it is on.
    async fn hold(&self, view: &View, (place, live): (usize, &Live), thrown: Live) -> Held {
        let on = Instant::now();
        self.publish_one(view, place, thrown, view.epoch + 1, None);
        let name = live.split.spec().name.clone();
        let first = self.plane.settled(name.clone(), PATIENCE).await;
        let followed = on.elapsed();
        tokio::time::sleep(HOLD).await;
        let last = self.plane.settled(name, PATIENCE).await;
        let timing = RollbackTiming::of(&first, on, followed);
        Held { timing, last, followed: on + followed, length: on.elapsed() }
    }

    /// Whether every endpoint of stable answers now; without that a drill could hurt.
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

/// What was seen while the switch was on.
struct Held {
    timing: RollbackTiming,
    /// The workers at the end.
    last: Settled,
    /// When every worker followed, or patience was over.
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

fn unknown(view: &View, order: &DrillOrder) -> ExecuteError {
    ExecuteError::UnknownWorkload { name: order.workload.clone(), known: view.known() }
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
