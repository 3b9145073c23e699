//! The steering lease, and what replicas tell each other about evidence.
//!
//! The lease is one message of the stream, replaced by compare-and-set. So is the evidence of each
//! workload. Reports go straight to the replica that has the lease and are not kept.

use crate::api::ApiError;
use crate::client::Outgoing;
use crate::host::{Host, RETRY};
use crate::ledger::{Inner, Maker};
use crate::pack::{pack, unpack};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stagegate_control::now_ms;
use stagegate_control::ports::{BoxFuture, Peers, SavedState};
use stagegate_fleet::{LeadEffect, ReplicaName, Seen};
use stagegate_rollout::WorkloadName;
use stagegate_store::{NewAudit, NewChange};
use std::sync::Arc;
use std::time::Duration;

/// Pause between two looks at what is due.
const TICK: Duration = Duration::from_millis(100);

/// The lease as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Lease {
    term: u64,
    /// None if it was given back.
    holder: Option<ReplicaName>,
}

/// What steering needs of a fleet; cheap to clone.
#[derive(Clone)]
pub struct Steering(Arc<Inner>);

impl Steering {
    pub(crate) const fn new(inner: Arc<Inner>) -> Self {
        Self(inner)
    }

    /// Takes the lease when nobody has it, renews it, and hands on what other replicas say about evidence,
    /// for as long as the future is polled. It may be begun again.
    pub async fn run(&self, host: Arc<dyn Host>) {
        tokio::join!(self.hold_lease(), self.hear(host));
    }

    async fn hold_lease(&self) {
        loop {
            let effects = {
                let mut lead = self.0.lead();
                let mut effects = lead.tick(self.0.now());
                effects.extend(lead.announce_again());
                effects
            };
            for effect in effects {
                self.carry_out(effect).await;
            }
            tokio::time::sleep(TICK).await;
        }
    }

    async fn carry_out(&self, effect: LeadEffect) {
        match effect {
            LeadEffect::Look => self.look().await,
            // Whoever does not know the newest entry does not steer, and keeps nobody from it.
            LeadEffect::Claim { .. } if !self.0.is_fresh() => self.look().await,
            LeadEffect::Claim { revision, term } => {
                for effect in self.claim(revision, term).await {
                    if let LeadEffect::Announce { term } = effect {
                        self.announce(term).await;
                    }
                }
            }
            LeadEffect::Announce { term } => self.announce(term).await,
        }
    }

    async fn look(&self) {
        let inner = &self.0;
        match inner.api.last(&inner.api.names.lease()).await {
            Ok(None) => {
                let seen = Seen { revision: 0, term: 0, holder: None };
                inner.lead().seen(seen, inner.now());
            }
            Ok(Some(found)) => match serde_json::from_slice::<Lease>(&found.payload) {
                Ok(Lease { term, holder }) => {
                    let seen = Seen { revision: found.position, term, holder };
                    inner.lead().seen(seen, inner.now());
                }
                Err(error) => tracing::error!(%error, "the steering lease cannot be read"),
            },
            Err(error) => tracing::debug!(%error, "the steering lease is not known"),
        }
    }

    async fn claim(&self, revision: u64, term: u64) -> Vec<LeadEffect> {
        let inner = &self.0;
        let asked = inner.now();
        let lease = Lease { term, holder: Some(inner.name.clone()) };
        match self.write(&lease, revision).await {
            Ok(revision) => inner.lead().claimed(asked, revision, term, inner.now()),
            Err(ApiError::Conflict) => {
                inner.lead().refused();
                Vec::new()
            }
            Err(error) => {
                tracing::debug!(%error, "the steering lease was not renewed");
                Vec::new()
            }
        }
    }

    async fn write(&self, lease: &Lease, revision: u64) -> Result<u64, ApiError> {
        let api = &self.0.api;
        let payload = serde_json::to_vec(lease).map_err(|it| ApiError::Refused(it.to_string()))?;
        let subject = api.names.lease();
        api.write(&subject, payload.into(), (&subject, revision), true).await
    }

    /// Appends an entry with the term. What a former holder decided names an older entry, so it cannot be
    /// appended any more.
    async fn announce(&self, term: u64) {
        let inner = &self.0;
        let entry = NewAudit {
            at_ms: now_ms(),
            actor: "stagegate".to_owned(),
            workload: None,
            action: "steer".to_owned(),
            reason: String::new(),
            summary: format!("replica {} steers the fleet from now on (term {term})", inner.name),
            details: json!({ "replica": inner.name, "term": term }),
        };
        let change = NewChange::entry_only(entry);
        match inner.append(None, change, Maker::Announcing(term)).await {
            Ok(_) => {
                inner.lead().announced(term);
                tracing::info!(term, "this replica steers the fleet");
            }
            Err(error) => tracing::warn!(%error, term, "cannot begin to steer the fleet yet"),
        }
    }

    /// Gives the lease back, if this replica has it: another one takes it at once.
    pub(crate) async fn give_back(&self) {
        let given = self.0.lead().give_back(self.0.now());
        let Some((revision, term)) = given else { return };
        if let Err(error) = self.write(&Lease { term, holder: None }, revision).await {
            tracing::debug!(%error, "the steering lease was not given back: it ends by itself");
        }
    }

    /// Hands on what other replicas say about evidence.
    async fn hear(&self, host: Arc<dyn Host>) {
        let (api, name) = (&self.0.api, &self.0.name);
        loop {
            let reports = api.client.subscribe(api.names.reports(name)).await;
            let steered = api.client.subscribe(api.names.steered()).await;
            let (Ok(mut reports), Ok(mut steered)) = (reports, steered) else {
                tokio::time::sleep(RETRY).await;
                continue;
            };
            loop {
                let message = tokio::select! {
                    message = reports.recv() => message,
                    message = steered.recv() => message,
                };
                let Some(message) = message else { break };
                match unpack(&message.payload) {
                    Ok(message) => host.heard(&message),
                    Err(error) => tracing::debug!(error, "a message cannot be read"),
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    fn send(&self, subject: String, message: &[u8]) {
        let Ok(packed) = pack(message) else { return };
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let payload = packed.into();
            let message = Outgoing { subject, reply: None, headers: Vec::new(), payload };
            let sent = tokio::time::timeout(inner.api.patience, inner.api.client.publish(message));
            if let Ok(Err(error)) = sent.await {
                tracing::debug!(%error, "cannot tell other replicas of evidence");
            }
        });
    }
}

impl Peers for Steering {
    fn name(&self) -> ReplicaName {
        self.0.name.clone()
    }

    fn term(&self) -> Option<u64> {
        self.0.term()
    }

    fn leader(&self) -> Option<(ReplicaName, u64)> {
        let lead = self.0.lead();
        lead.leads(self.0.now()).map(|(leader, term)| (leader.clone(), term))
    }

    fn report(&self, message: Vec<u8>) {
        if let Some((leader, _)) = self.leader() {
            self.send(self.0.api.names.reports(&leader), &message);
        }
    }

    fn tell(&self, message: Vec<u8>) {
        self.send(self.0.api.names.steered(), &message);
    }

    fn load(
        &self,
        workload: &WorkloadName,
    ) -> BoxFuture<'static, Result<Option<SavedState>, String>> {
        let inner = Arc::clone(&self.0);
        let subject = inner.api.names.evidence(workload.as_str());
        Box::pin(async move {
            let found = inner.api.last(&subject).await.map_err(|error| error.to_string())?;
            let unpacked = found.map(|it| Ok((it.position, unpack(&it.payload)?)));
            unpacked.transpose()
        })
    }

    fn save(
        &self,
        workload: &WorkloadName,
        replaces: u64,
        state: Vec<u8>,
    ) -> BoxFuture<'static, Result<u64, String>> {
        let inner = Arc::clone(&self.0);
        let subject = inner.api.names.evidence(workload.as_str());
        Box::pin(async move {
            let packed = pack(&state)?;
            let written = inner.api.write(&subject, packed.into(), (&subject, replaces), true);
            written.await.map_err(|error| error.to_string())
        })
    }
}
