//! Trying the way back before it is needed: the kill switch is thrown for a moment, and thrown back.
//!
//! Made so that nobody is harmed. Whatever the workload's fallback is, a drill falls back to stable,
//! and only after stable's endpoints were asked and answered. The killed state is published but
//! never recorded: a crash in the middle of a drill comes back with the switch off. The turn is
//! held throughout, so that no other change can be built on the drill's plan; that is why nothing
//! in here waits for longer than [`PATIENCE`] and [`HOLD`].

use super::execute::is_stale;
use super::keeper::Commit;
use super::{
    Action, Answer, Control, ExecuteError, IdempotencyKey, Inner, Live, Precondition,
    RollbackTiming, View, now_ms,
};
use crate::ports::{Probed, Settled};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stagegate_rollout::{Arm, Fallback, KillState, Split, Target, Who};
use stagegate_store::{Attachment, NewAudit, NewDrill, NewIdempotency};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the workers may take to follow.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the switch stays on once they follow: long enough that a worker that does not obey
/// would send something.
const HOLD: Duration = Duration::from_millis(300);
/// How many made-up callers the plan is asked about.
const ASKED: usize = 1000;

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
        let keeper = self.keeper()?;
        let key = order.idempotency.as_ref().map(|it| format!("{}\n{}", order.actor, it.key));
        if let Some(kept) = self.answered(order.idempotency.as_ref(), key.as_deref()).await? {
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
        let begun = Commit::entry_only(entry(&order, "began", json!({}), at_ms), view.epoch + 1);
        let recorded = keeper.commit(begun).await;
        self.note_commit(&recorded);
        recorded?;
        let thrown = thrown(live, &order, at_ms);
        let on = Instant::now();
        self.publish_one(&view, place, thrown.clone(), view.epoch + 1, None);
        let name = live.split.spec().name.clone();
        let first = self.plane.settled(view.epoch + 1, name.clone(), PATIENCE).await;
        let followed = on.elapsed();
        tokio::time::sleep(HOLD).await;
        let last = self.plane.settled(view.epoch + 1, name.clone(), PATIENCE).await;
        let held = on.elapsed();

        let mut report = DrillReport {
            workload: name.to_string(),
            passed: false,
            at_ms,
            held_ms: held.as_secs_f64() * 1e3,
            epoch: view.epoch + 2,
            audit_seq: 0,
            actor: order.actor.clone(),
            reason: order.reason.clone(),
            timing: RollbackTiming::of(&first, on, followed),
            checks: vec![stable, asked(&thrown.split)],
        };
        report.checks.extend(carried(&report.timing, &last, on + followed));
        report.passed = report.checks.iter().all(|check| check.passed);
        report.audit_seq = keeper.newest_seq().await.unwrap_or(0) + 1;
        let details = json!(report);
        let ended = Commit {
            entry: entry(
                &order,
                if report.passed { "passed" } else { "failed" },
                details,
                now_ms(),
            ),
            epoch: view.epoch + 2,
            states: Vec::new(),
            answer: key.zip(order.idempotency).map(|(key, given)| NewIdempotency {
                key,
                actor: order.actor.clone(),
                fingerprint: given.fingerprint,
                response: (given.write)(&report).to_string(),
            }),
        };
        let drill = Attachment::Drill(NewDrill {
            workload: name,
            at_ms,
            actor: order.actor.clone(),
            passed: report.passed,
            body: json!(report).to_string(),
        });
        let recorded = keeper.commit_with(ended, vec![drill]).await;
        self.note_commit(&recorded);
        // The switch goes back whatever the store says: it was never recorded as thrown.
        let epoch = view.epoch + 1 + u64::from(recorded.is_ok());
        self.publish_one(&self.view(), place, live.clone(), epoch, None);
        report.audit_seq = recorded?.seq;
        let (passed, actor) = (report.passed, &report.actor);
        tracing::info!(actor, workload = report.workload, passed, "kill switch drilled");
        Ok(Answer::New(report))
    }

    /// Whether every endpoint of stable answers now; without that a drill could hurt.
    async fn probe_stable(&self, workload: &str) -> Result<DrillCheck, ExecuteError> {
        let view = self.view();
        // An unknown workload is said below, with everything else that is checked under the turn.
        let Some((_, live)) = view.find(workload) else {
            return Ok(check("stable's endpoints answer", false, String::new()));
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
        Ok(check("stable's endpoints answer", silent.is_empty(), seen))
    }
}

/// The workload with its switch on and stable behind it.
fn thrown(live: &Live, order: &DrillOrder, at_ms: u64) -> Live {
    let mut spec = live.split.spec().as_ref().clone();
    spec.fallback = Fallback::Stable;
    let mut state = live.split.state().as_ref().clone();
    let reason = "drill: thrown back in a moment".to_owned();
    state.killed = Some(KillState { by: order.actor.clone(), reason, at_ms });
    Live { split: Arc::new(Split::new(Arc::new(spec), Arc::new(state))), epoch: live.epoch }
}

/// Asks the plan about many callers, by every rule that could lead to the candidate.
fn asked(split: &Split) -> DrillCheck {
    let to_candidate = (0..ASKED)
        .filter(|number| {
            let id = format!("drill-{number}");
            let tenant = split.spec().cohorts.first().and_then(|it| it.tenants.first());
            let who = Who {
                request: &id,
                user: Some(&id),
                conversation: Some(&id),
                tenant: tenant.map(|tenant| &**tenant),
            };
            [None, Some(Arm::Candidate)].into_iter().any(|arm| {
                let choices = [split.choose(&who, arm, None), split.choose(&who, None, arm)];
                choices.iter().any(|choice| choice.target != Target::Arm(Arm::Stable))
            })
        })
        .count();
    let seen = format!("{to_candidate} of {ASKED} callers, pinned and forced ones too");
    check("the plan leads nobody away from stable", to_candidate == 0, seen)
}

/// What the workers did while the switch was on.
fn carried(timing: &RollbackTiming, last: &Settled, followed: Instant) -> [DrillCheck; 2] {
    let all = format!(
        "{} of {} within {:.1} ms",
        timing.acknowledged_workers, timing.workers, timing.acknowledged_ms
    );
    let late = last.last_candidate_request.filter(|at| *at > followed);
    let seen = match late {
        None => "none".to_owned(),
        Some(at) => format!("one {} ms later", at.duration_since(followed).as_millis()),
    };
    [
        check("every worker follows", timing.settled, all),
        check("no new request leaves for the candidate", late.is_none(), seen),
    ]
}

fn check(check: &str, passed: bool, seen: String) -> DrillCheck {
    DrillCheck { check: check.to_owned(), passed, seen }
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
