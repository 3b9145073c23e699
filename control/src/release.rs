//! Releases that come and go while the program runs.
//!
//! Like a reload of one release: the data plane gets ready first (endpoints, health checks), then
//! the release, the record of who added it and the new epoch are one transaction, and only then the
//! plan that knows it is published. Nobody is sent to it: that takes a rollout.

use super::registry::{self, Verdict};
use super::{
    Answer, ChangeKind, Changed, Control, ExecuteError, IdempotencyKey, Inner, Live, Precondition,
    ReleaseRefusal, View, now_ms,
};
use crate::ports::Prepared;
use serde_json::{Value, json};
use stagegate_config::{Config, Endpoint, Release};
use stagegate_rollout::{ReleaseName, Split};
use stagegate_store::{Attachment, NewAudit, NewChange, Recorded};
use std::sync::Arc;

/// A change of the registered releases.
#[derive(Clone, Debug)]
pub enum ReleaseChange {
    /// Register it.
    Add {
        /// Its name.
        name: ReleaseName,
        /// The release.
        release: Box<Release>,
    },
    /// Forget it.
    Remove {
        /// Its name.
        name: ReleaseName,
    },
}

impl ReleaseChange {
    /// The kind of change.
    #[must_use]
    pub const fn kind(&self) -> ChangeKind {
        match self {
            Self::Add { .. } => ChangeKind::AddRelease,
            Self::Remove { .. } => ChangeKind::RemoveRelease,
        }
    }

    /// The release it is about.
    #[must_use]
    pub const fn name(&self) -> &ReleaseName {
        match self {
            Self::Add { name, .. } | Self::Remove { name } => name,
        }
    }

    /// The request's details for the audit entry.
    pub(super) fn details(&self) -> Value {
        match self {
            Self::Remove { name } => json!({ "release": name }),
            Self::Add { name, release } => json!({
                "release": name,
                "endpoints": release.endpoints.iter().map(Endpoint::to_string).collect::<Vec<_>>(),
                "artifact": registry::stored_artifact(&release.artifact),
                "fingerprint": release.fingerprint(),
            }),
        }
    }
}

/// A change of a release and everything that came with it.
#[derive(Clone, Debug)]
pub struct ReleaseOrder {
    /// The actor.
    pub actor: String,
    /// The workload.
    pub workload: String,
    /// The change.
    pub change: ReleaseChange,
    /// The reason; may be empty.
    pub reason: String,
    /// The caller's precondition.
    pub precondition: Precondition,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<Changed>>,
}

impl Control {
    /// Adds or removes a release.
    ///
    /// # Errors
    /// An [`ExecuteError`]; nothing changed then.
    pub async fn change_release(
        &self,
        order: ReleaseOrder,
    ) -> Result<Answer<Changed>, ExecuteError> {
        let inner = Arc::clone(&self.inner);
        // A task of its own: a caller that hangs up must not leave the change half done.
        tokio::spawn(async move { inner.change_release(order).await })
            .await
            .map_err(|error| ExecuteError::Lost(error.to_string()))?
    }
}

impl Inner {
    async fn change_release(
        self: &Arc<Self>,
        order: ReleaseOrder,
    ) -> Result<Answer<Changed>, ExecuteError> {
        // Who holds this alone changes the configuration in force.
        let _queue = self.reloading.lock().await;
        let mut races = 0;
        let refusal = loop {
            match self.try_change(&order).await {
                Ok(answer) => return Ok(answer),
                Err(ExecuteError::Store(error)) if self.goes_again(&error, &mut races) => {}
                Err(refusal) => break refusal,
            }
        };
        let key = order.idempotency.as_ref();
        match self.answer_before(key, &order.actor, refusal).await {
            Ok(kept) => Ok(Answer::Kept(kept)),
            Err(error) => {
                if let ExecuteError::Release(refusal) = &error {
                    self.audit_refused_release(&order, refusal).await;
                }
                Err(error)
            }
        }
    }

    async fn try_change(
        self: &Arc<Self>,
        order: &ReleaseOrder,
    ) -> Result<Answer<Changed>, ExecuteError> {
        let view = self.view();
        find(&view, order)?;
        let next = match self.judge(&view, order).await? {
            Verdict::Already => None,
            Verdict::Changes(summary) => {
                let config = Arc::new(with_change(&view.config, order));
                let prepared = self.plane.prepare(Arc::clone(&config)).await;
                let prepared =
                    prepared.map_err(|error| ReleaseRefusal::Unservable(error.to_string()))?;
                Some(Next { summary, config, prepared })
            }
        };
        let wanted = order.clone();
        let work = move |inner: Arc<Self>, turn| async move {
            let _turn = turn;
            // Getting ready may have taken long: a rollout may have begun to use the release.
            inner.judge(&inner.view(), &wanted).await?;
            inner.put_release_in_force(&wanted, next).await
        };
        self.in_order(Some(&order.workload), work).await
    }

    /// Checks that the change is permitted now.
    async fn judge(&self, view: &View, order: &ReleaseOrder) -> Result<Verdict, ExecuteError> {
        let workload = order.workload.clone();
        let registered = self.with_store(move |store| Ok(store.releases(&workload)?)).await?;
        let name = order.change.name();
        let registered = registered.iter().find(|it| it.release == name.as_str());
        let workload = view.config.workload(&order.workload).ok_or_else(|| unknown(view, order))?;
        Ok(match &order.change {
            ReleaseChange::Add { release, .. } => {
                registry::check_add(workload, registered, name, release)?
            }
            ReleaseChange::Remove { .. } => registry::check_remove(workload, registered, name)?,
        })
    }

    /// Records, and publishes what was prepared; the caller has the right to write.
    async fn put_release_in_force(
        &self,
        order: &ReleaseOrder,
        next: Option<Next>,
    ) -> Result<Answer<Changed>, ExecuteError> {
        // Weights may have moved meanwhile; the configuration has not.
        let view = Arc::clone(&self.desk().recorded);
        let (place, live) = find(&view, order)?;
        let (makes_a_plan, at_ms) = (next.is_some(), now_ms());
        let epoch = view.epoch + u64::from(makes_a_plan);
        let after = match &next {
            None => live.clone(),
            Some(next) => live_under(&next.config, live, place, epoch),
        };
        let summary = next.as_ref().map_or("", |it| &*it.summary);
        let mut changed = answer(order, summary, epoch, &after);
        let entry = NewAudit {
            at_ms,
            actor: order.actor.clone(),
            workload: Some(order.workload.clone()),
            action: order.change.kind().label().to_owned(),
            reason: order.reason.clone(),
            summary: summary.to_owned(),
            details: order.change.details(),
        };
        let change = NewChange {
            entry,
            states: Vec::new(),
            makes_a_plan,
            answer: order.idempotency.as_ref().map(|key| key.keeping(&order.actor, &changed)),
            attachments: next.iter().map(|_| attachment(&after, &order.change)).collect(),
        };
        match (self.append(view.epoch, change).await?, &order.idempotency) {
            (Recorded::Now(entry), _) => changed.audit_seq = entry.seq,
            (Recorded::Before(kept), Some(key)) => return Ok(Answer::Kept(key.recognise(kept)?)),
            (Recorded::Before(_), None) => return Err(ExecuteError::KeyReused),
        }
        if let Some(next) = next {
            self.publish_release(place, after, next, epoch);
            tracing::info!(
                action = changed.kind.label(),
                workload = order.workload,
                release = order.change.name().as_str(),
                actor = order.actor,
                epoch,
                summary = changed.summary,
                "the releases of the workload changed"
            );
        }
        Ok(Answer::New(changed))
    }

    fn publish_release(&self, place: usize, after: Live, next: Next, epoch: u64) {
        let Next { config, prepared, .. } = next;
        let mut desk = self.desk();
        let mut recorded = View { epoch, config, ..View::clone(&desk.recorded) };
        if let Some(slot) = recorded.live.get_mut(place) {
            *slot = after;
        }
        desk.recorded = Arc::new(recorded);
        self.put(&desk, Some(prepared), None, true);
    }
}

/// A configuration that is ready to be published.
struct Next {
    summary: String,
    config: Arc<Config>,
    prepared: Prepared,
}

fn find<'a>(view: &'a View, order: &ReleaseOrder) -> Result<(usize, &'a Live), ExecuteError> {
    let (place, live) = view.locate(&order.workload)?;
    if order.precondition.holds(live.epoch) {
        Ok((place, live))
    } else {
        Err(ExecuteError::Stale { live: live.clone() })
    }
}

fn unknown(view: &View, order: &ReleaseOrder) -> ExecuteError {
    ExecuteError::UnknownWorkload { name: order.workload.clone(), known: view.known() }
}

/// The configuration with the release, or without it.
fn with_change(config: &Config, order: &ReleaseOrder) -> Config {
    let mut config = config.clone();
    let found = config.workloads.iter_mut().find(|it| it.spec.name.as_str() == order.workload);
    if let Some(workload) = found {
        match &order.change {
            ReleaseChange::Add { name, release } => {
                workload.put_release(name.clone(), Release::clone(release));
            }
            ReleaseChange::Remove { name } => workload.remove_release(name),
        }
    }
    config
}

/// The workload's present state under the changed configuration.
fn live_under(config: &Config, live: &Live, place: usize, epoch: u64) -> Live {
    let state = Arc::clone(live.split.state());
    let spec = config
        .workloads
        .get(place)
        .map_or_else(|| Arc::clone(live.split.spec()), |workload| Arc::clone(&workload.spec));
    Live { split: Arc::new(Split::new(spec, state)), epoch }
}

fn attachment(after: &Live, change: &ReleaseChange) -> Attachment {
    let workload = &after.split.spec().name;
    match change {
        ReleaseChange::Add { name, release } => {
            Attachment::AddRelease(registry::entry(workload, name, release))
        }
        ReleaseChange::Remove { name } => {
            Attachment::RemoveRelease { workload: workload.clone(), release: name.clone() }
        }
    }
}

/// The answer, as far as it is known before the record is written.
fn answer(order: &ReleaseOrder, summary: &str, epoch: u64, after: &Live) -> Changed {
    let changed = !summary.is_empty();
    Changed {
        kind: order.change.kind(),
        changed,
        summary: if changed { summary } else { "already so" }.to_owned(),
        epoch,
        audit_seq: 0,
        recorded: true,
        actor: order.actor.clone(),
        reason: order.reason.clone(),
        rollback: None,
        fleet: None,
        workload: after.clone(),
    }
}
