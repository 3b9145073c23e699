//! The right to act by itself: a process on its own has it, and in a fleet the replica that steers.

use super::steering::Shown;
use super::{Control, ExecuteError, Inner, StoreAccessError};
use crate::ports::Peers;
use crate::sharing::share::Message;
use stagegate_fleet::ReplicaName;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An analysis of the fleet is made each second. An older one is not the newest.
const RECENT: Duration = Duration::from_secs(4);

/// Whose evidence the newest analysis of a workload rests on, in a fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetEvidence {
    /// The replica that judged.
    pub leader: String,
    /// Its term.
    pub term: u64,
    /// How long ago it judged.
    pub age: Duration,
    /// The share of the fleet's traffic whose evidence has arrived there, from 0 to 1.
    pub coverage: f64,
    /// Replicas whose evidence has not.
    pub missing: Vec<String>,
}

impl Control {
    /// From now on this replica shares its evidence, and acts by itself only while it steers. Only the
    /// first call counts.
    pub fn share_evidence(&self, peers: Arc<dyn Peers>) {
        let _ = self.inner.peers.set(peers);
        self.inner.steering.wake();
    }

    /// Takes in what another replica has said about evidence. Does not wait; what cannot be read is left
    /// out, because it comes again.
    pub fn hear(&self, message: &[u8]) {
        match serde_json::from_slice::<Message>(message) {
            Ok(message) => self.inner.steering.hear(message),
            Err(error) => tracing::debug!(%error, "a message of another replica cannot be read"),
        }
    }

    /// Returns true if this process judges gates and tells people what nobody asked for: for a process on
    /// its own, and in a fleet for the replica that steers.
    #[must_use]
    pub fn speaks(&self) -> bool {
        self.inner.speaks()
    }

    /// The replica that steers the fleet and its term; none if nobody does, or this process is on its
    /// own.
    #[must_use]
    pub fn fleet_leader(&self) -> Option<(String, u64)> {
        let (leader, term) = self.inner.peers.get()?.leader()?;
        Some((leader.to_string(), term))
    }

    /// Whose evidence the newest analysis of a workload rests on; none for a process on its own, and
    /// before the first one.
    #[must_use]
    pub fn fleet_evidence(&self, workload: &str) -> Option<FleetEvidence> {
        self.inner.peers.get()?;
        let Shown { leader, term, coverage, missing, at } = self.inner.steering.shown(workload)?;
        Some(FleetEvidence {
            leader: leader.to_string(),
            term,
            age: at.elapsed(),
            coverage,
            missing: missing.iter().map(ToString::to_string).collect(),
        })
    }

    /// The smallest share of the fleet's traffic whose evidence has arrived, among the rollouts in
    /// progress; 1 without one, and 0 while nobody steers.
    #[must_use]
    pub fn fleet_coverage(&self) -> f64 {
        let view = self.view();
        let active = view.live.iter().filter(|live| {
            live.split.state().rollout.as_ref().is_some_and(|rollout| rollout.is_active())
        });
        let coverage = |evidence: Option<Shown>| match evidence {
            Some(it) if it.at.elapsed() < RECENT => it.coverage,
            _ => 0.0,
        };
        let shown = active.map(|live| self.inner.steering.shown(live.split.spec().name.as_str()));
        shown.map(coverage).fold(1.0, f64::min)
    }
}

impl Inner {
    /// The right to act without a person.
    ///
    /// # Errors
    /// [`StoreAccessError::NotSteering`] where another replica has it, or none. Otherwise the term in
    /// which this replica steers; none for a process on its own.
    pub(super) fn right(&self) -> Result<Option<u64>, StoreAccessError> {
        if !self.is_shared() {
            return Ok(None);
        }
        let term = self.peers.get().and_then(|peers| peers.term());
        term.map(Some).ok_or(StoreAccessError::NotSteering)
    }

    /// Returns true if what was decided under this right may still be done.
    pub(super) fn still_has(&self, right: Option<u64>) -> bool {
        self.right().is_ok_and(|now| now == right)
    }

    /// See [`Control::speaks`].
    pub(super) fn speaks(&self) -> bool {
        self.right().is_ok()
    }

    /// Checks that the newest analysis of a workload rests on the evidence of every replica: only then
    /// may more traffic follow from it.
    pub(super) fn whole_evidence(&self, workload: &str) -> Result<(), ExecuteError> {
        let Some(peers) = self.peers.get() else { return Ok(()) };
        let insist = "to promote without it, an admin can use --force and a reason";
        let Some(shown) = self.steering.shown(workload) else { return Ok(()) };
        let age = Instant::now().saturating_duration_since(shown.at);
        if age >= RECENT {
            let who = match peers.leader() {
                Some((leader, _)) => format!("replica {leader} steers and has not told it"),
                None => "no replica steers the fleet".to_owned(),
            };
            return Err(ExecuteError::NotNow(format!(
                "the newest analysis is {} s old: {who}; look at `stagegate fleet status`, or {insist}",
                age.as_secs()
            )));
        }
        if shown.missing.is_empty() {
            return Ok(());
        }
        let missing: Vec<&str> = shown.missing.iter().map(ReplicaName::as_str).collect();
        Err(ExecuteError::NotNow(format!(
            "the evidence of replica {} has not arrived, so {:.0}% of the traffic is not judged: start it, or take it out with `stagegate fleet forget NAME` if it is gone for good; {insist}",
            missing.join(", "),
            (1.0 - shown.coverage) * 100.0
        )))
    }
}
