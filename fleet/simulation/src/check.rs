//! What must hold in every history.

use crate::cluster::{Cluster, Micros};
use crate::host::Host;
use crate::message::Kind;
use stagegate_fleet::Place;
use std::collections::BTreeMap;

/// A history that breaks an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When, in microseconds.
    pub at: u64,
    /// What.
    pub what: String,
}

/// The memory of the checker.
#[derive(Debug, Default)]
pub(crate) struct Check {
    /// The newest rollback that was reported complete.
    complete: Option<Place>,
    /// Changes that callers were told are committed.
    acknowledged: BTreeMap<u64, Place>,
    /// The newest place that each replica had applied.
    applied: BTreeMap<usize, Place>,
    /// Requests that arrived at candidates.
    pub(crate) candidate_requests: u64,
    /// Requests that arrived.
    pub(crate) requests: u64,
    /// Rollbacks that were reported complete, with how long each took, in microseconds.
    pub(crate) completions: Vec<u64>,
}

impl Check {
    /// A replica serves a request, if its process runs.
    ///
    /// # Errors
    /// A [`Violation`].
    pub(crate) fn request(
        &mut self,
        host: &Host,
        cluster: &Cluster,
        at: Micros,
    ) -> Result<(), Violation> {
        if host.process.is_none() || host.paused {
            return Ok(());
        }
        self.requests += 1;
        let applied = host.disk.place;
        let before = self.applied.insert(host.number, applied).unwrap_or_default();
        if applied.number < before.number || applied.epoch < before.epoch {
            let what = format!("r{}: went back from {before:?} to {applied:?}", host.number);
            return Err(Violation { at, what });
        }
        let Some(place) = host.serves_candidate(at) else { return Ok(()) };
        self.candidate_requests += 1;
        if let Some(complete) = self.complete.filter(|it| it.number > place.number) {
            let what = format!(
                "r{}: a request went to the candidate under entry {} after the rollback of entry {} was complete",
                host.number, place.number, complete.number
            );
            return Err(Violation { at, what });
        }
        let log = cluster.log().get(..usize::try_from(place.number).unwrap_or(0)).unwrap_or(&[]);
        let last = log.iter().rev().find(|entry| entry.body.kind != Kind::Term);
        if last.is_some_and(|entry| entry.body.kind == Kind::Close) {
            let what = format!(
                "r{}: the candidate is open although entry {} closed it",
                host.number, place.number
            );
            return Err(Violation { at, what });
        }
        Ok(())
    }

    /// A caller was told that its change is committed.
    ///
    /// # Errors
    /// A [`Violation`].
    pub(crate) fn acknowledged(
        &mut self,
        id: u64,
        place: Place,
        cluster: &Cluster,
        at: Micros,
    ) -> Result<(), Violation> {
        self.acknowledged.insert(id, place);
        let is_there = cluster.log().iter().any(|it| it.body.id == id && it.place == place);
        if is_there {
            return Ok(());
        }
        Err(Violation {
            at,
            what: format!("change {id:x} was acknowledged and is not in the ledger"),
        })
    }

    /// A caller was told that its rollback is complete.
    ///
    /// # Errors
    /// A [`Violation`].
    pub(crate) fn completed(
        &mut self,
        place: Place,
        took: u64,
        hosts: &[Host],
        at: Micros,
    ) -> Result<(), Violation> {
        self.completions.push(took);
        if self.complete.is_none_or(|it| it.number < place.number) {
            self.complete = Some(place);
        }
        for host in hosts {
            let Some(process) = &host.process else { continue };
            let may_serve = process.node.may_serve(host.local(at));
            if may_serve && process.worker.0.number < place.number {
                let what = format!(
                    "r{}: live, not fenced and at entry {}, but the rollback of entry {} is reported complete",
                    host.number, process.worker.0.number, place.number
                );
                return Err(Violation { at, what });
            }
        }
        Ok(())
    }

    /// What must hold of the ledger.
    ///
    /// # Errors
    /// A [`Violation`].
    pub(crate) fn ledger(&self, cluster: &Cluster, at: Micros) -> Result<(), Violation> {
        let mut term = 0;
        for entry in cluster.log() {
            if let Some(acted) = entry.term {
                if acted < term {
                    let what =
                        format!("entry {} of term {acted} follows term {term}", entry.place.number);
                    return Err(Violation { at, what });
                }
                term = acted;
                if entry.body.kind == Kind::Open {
                    let what =
                        format!("entry {}: a machine opened the candidate", entry.place.number);
                    return Err(Violation { at, what });
                }
            }
        }
        let twice = cluster.saved().sums.0.iter().find(|(_, count)| **count > 1);
        if let Some((piece, count)) = twice {
            return Err(Violation {
                at,
                what: format!("evidence {piece:x} was counted {count} times"),
            });
        }
        for (id, place) in &self.acknowledged {
            let kept = cluster.log().get(usize::try_from(place.number).unwrap_or(1) - 1);
            if kept.is_none_or(|entry| entry.body.id != *id) {
                return Err(Violation { at, what: format!("acknowledged change {id:x} is lost") });
            }
        }
        Ok(())
    }

    /// What must hold a while after the last fault.
    ///
    /// # Errors
    /// A [`Violation`].
    pub(crate) fn quiet(
        &self,
        hosts: &[Host],
        cluster: &Cluster,
        at: Micros,
    ) -> Result<(), Violation> {
        let newest = cluster.newest();
        let mut leaders = 0;
        for host in hosts {
            let Some(process) = &host.process else { continue };
            let fail =
                |what: String| Err(Violation { at, what: format!("r{}: {what}", host.number) });
            if !process.node.may_serve(host.local(at)) {
                return fail(format!(
                    "not fresh long after the last fault: {:?}",
                    process.node.breach()
                ));
            }
            if host.disk.place != newest {
                return fail(format!("at {:?}, but the ledger is at {newest:?}", host.disk.place));
            }
            if process.out.unsaved().count() > 20 {
                let first = process.out.unsaved().next();
                return fail(format!(
                    "its evidence is not saved: holder {:?}, first {:?}, saved {:?}",
                    process.lead.holder(),
                    first.map(|it| (it.boot, it.number, it.floor)),
                    cluster.saved().through(&crate::cluster::replica(host.number))
                ));
            }
            leaders += u32::from(process.lead.steers(host.local(at)).is_some());
        }
        if leaders != 1 {
            return Err(Violation {
                at,
                what: format!("{leaders} replicas steer long after the last fault"),
            });
        }
        Ok(())
    }
}
