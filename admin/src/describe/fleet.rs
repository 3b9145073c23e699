//! The fleet as it goes over the wire.

use stagegate_api as api;
use stagegate_control::FleetEvidence;
use stagegate_control::ports::{FleetFinding, FleetOutcome, ReplicaRow, ReplicaStanding, Replicas};
use std::collections::BTreeSet;

/// What became of a change on each replica.
#[must_use]
pub fn fleet_outcome(outcome: &FleetOutcome) -> api::FleetOutcome {
    let count = |wanted: ReplicaStanding| {
        outcome.replicas.iter().filter(|it| it.standing == wanted).count() as u32
    };
    let replicas = outcome.replicas.iter().map(|it| api::ReplicaOutcome {
        replica: it.replica.clone(),
        standing: match it.standing {
            ReplicaStanding::Acked => api::ReplicaStanding::Acked,
            ReplicaStanding::Fenced => api::ReplicaStanding::Fenced,
            ReplicaStanding::Unknown => api::ReplicaStanding::Unknown,
        },
        acked_ms: it.acked_ms,
    });
    api::FleetOutcome {
        complete: outcome.complete,
        acked: count(ReplicaStanding::Acked),
        fenced: count(ReplicaStanding::Fenced),
        unknown: count(ReplicaStanding::Unknown),
        replicas: replicas.collect(),
    }
}

/// The replica that steers, and its term.
type Leader = Option<(String, u64)>;

/// Whose evidence an analysis rests on.
#[must_use]
pub fn fleet_evidence(evidence: FleetEvidence) -> api::FleetEvidence {
    let FleetEvidence { leader, term, age, coverage, missing } = evidence;
    let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    api::FleetEvidence { leader, term, age_ms, coverage, missing }
}

/// The fleet as it was last seen: without what changes all the time.
#[must_use]
pub fn fleet_seen(replicas: &dyn Replicas, leader: Leader) -> api::FleetStatus {
    let mut fleet = fleet(replicas, &replicas.seen(), leader);
    for replica in &mut fleet.replicas {
        (replica.at_ms, replica.fresh_for_ms) = (None, None);
    }
    fleet
}

/// The fleet by the rows of its replicas.
#[must_use]
pub fn fleet(replicas: &dyn Replicas, rows: &[ReplicaRow], leader: Leader) -> api::FleetStatus {
    let mut warnings = warnings(rows);
    if leader.is_none() {
        warnings.insert(
            0,
            "no replica steers the fleet: gates are not judged until one does, within seconds of NATS being well"
                .to_owned(),
        );
    }
    api::FleetStatus {
        fleet: replicas.fleet(),
        replica: replicas.own().name,
        leader: leader.map(|(replica, term)| api::FleetLeader { replica, term }),
        warnings,
        replicas: rows.iter().map(replica).collect(),
    }
}

fn replica(row: &ReplicaRow) -> api::ReplicaStatus {
    let state = match row {
        row if !row.answered => api::ReplicaState::Silent,
        row if row.fenced => api::ReplicaState::Fenced,
        row if row.fresh_for_ms.is_none() => api::ReplicaState::Stale,
        _ => api::ReplicaState::Fresh,
    };
    api::ReplicaStatus {
        name: row.name.clone(),
        state,
        version: row.version.clone(),
        epoch: row.epoch,
        entry: row.entry,
        fresh_for_ms: row.fresh_for_ms,
        holds: row.holds,
        config: row.config.clone(),
        at_ms: row.answered.then_some(row.at_ms),
        problem: row.problem.clone(),
    }
}

fn warnings(rows: &[ReplicaRow]) -> Vec<String> {
    let mut warnings = Vec::new();
    for row in rows {
        let name = &row.name;
        match &row.problem {
            Some(problem) => warnings.push(format!("replica {name}: {problem}")),
            None if row.fenced => warnings.push(format!(
                "replica {name} does not know the newest changes and sends everybody to stable"
            )),
            None if row.fresh_for_ms.is_none() => warnings.push(format!(
                "replica {name} may not know the newest changes and keeps its plan (on_stale: hold)"
            )),
            None => {}
        }
    }
    let digests: BTreeSet<&str> =
        rows.iter().filter(|row| row.answered).map(|row| row.config.as_str()).collect();
    if digests.len() > 1 {
        warnings.push(
            "the replicas have different configurations: `stagegate fleet doctor` says which"
                .to_owned(),
        );
    }
    warnings
}

/// Something that was looked at.
#[must_use]
pub fn fleet_finding(finding: FleetFinding) -> api::FleetFinding {
    let FleetFinding { ok, what, found, remedy } = finding;
    api::FleetFinding { ok, what, found, remedy }
}
