//! Facts about a deployment that people and the program file: statements on checks, tasks of a runbook,
//! passports. A history: nothing is replaced, and the newest one counts. The store does not look inside.

use super::{Store, StoreError, body};
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use stagegate_rollout::WorkloadName;

/// The kind of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// A statement of a person about a check. Its subject is the release.
    Statement,
    /// The checklist as it was at the start of a rollout. Its subject is the rollout.
    ChecklistAtStart,
    /// A check that was met at the start and is not any more, or is again. Its subject is the rollout.
    ChecklistStale,
    /// Something about a task of the runbook. Its subject is the rollout.
    Runbook,
    /// A passport that was admitted. Its subject is the release.
    Passport,
    /// Something about a hand-off. Its subject is the rollout.
    Handoff,
    /// A drill of an incident or of the target's capacity. Its subject is what was exercised.
    Exercise,
}

impl FactKind {
    /// The word in the file.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::ChecklistAtStart => "checklist_at_start",
            Self::ChecklistStale => "checklist_stale",
            Self::Runbook => "runbook",
            Self::Passport => "passport",
            Self::Exercise => "exercise",
            Self::Handoff => "handoff",
        }
    }
}

/// A fact to be filed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewFact {
    /// Its kind.
    pub kind: FactKind,
    /// The workload.
    pub workload: WorkloadName,
    /// The release or the rollout that it is about.
    pub subject: String,
    /// A fact with a key is filed once for its kind, workload and subject: a second one refuses the change.
    pub once: Option<String>,
    /// The contents, as JSON.
    pub body: String,
}

/// A fact as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFact {
    /// Its number; later ones have higher numbers.
    pub number: u64,
    /// Number of the audit entry of the change that filed it.
    pub seq: u64,
    /// When it was filed, in Unix milliseconds.
    pub at_ms: u64,
    /// The actor.
    pub actor: String,
    /// The contents, as JSON.
    pub body: String,
}

impl Store {
    /// Facts of a kind about a subject, oldest first; the newest `limit` of them.
    ///
    /// # Errors
    /// When the file cannot be read or a fact is damaged.
    pub fn facts(
        &self,
        kind: FactKind,
        workload: &WorkloadName,
        subject: &str,
        limit: usize,
    ) -> Result<Vec<StoredFact>, StoreError> {
        let reading = StoreError::doing("reading facts");
        let mut rows = self
            .db
            .prepare_cached(
                "SELECT number, seq, at_ms, actor, body FROM fact
                 WHERE kind = ?1 AND workload = ?2 AND subject = ?3 ORDER BY number DESC LIMIT ?4",
            )
            .map_err(reading)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = rows
            .query_map(params![kind.label(), workload.as_str(), subject, limit], |row| {
                let fact = StoredFact {
                    number: row.get(0)?,
                    seq: row.get(1)?,
                    at_ms: row.get(2)?,
                    actor: row.get(3)?,
                    body: String::new(),
                };
                Ok((fact, row.get::<_, Vec<u8>>(4)?))
            })
            .map_err(reading)?;
        let mut facts = Vec::new();
        for row in found {
            let (mut fact, packed) = row.map_err(reading)?;
            let number = fact.number;
            fact.body = body::unpack(&packed, || format!("fact {number}"))?;
            facts.push(fact);
        }
        facts.reverse();
        Ok(facts)
    }
}

/// Files a fact as part of a change.
pub(super) fn put(
    change: &Transaction<'_>,
    new: &NewFact,
    (at_ms, actor): (u64, &str),
    seq: u64,
) -> Result<(), StoreError> {
    let NewFact { kind, workload, subject, once, body } = new;
    change
        .execute(
            "INSERT INTO fact (kind, workload, subject, once, at_ms, actor, seq, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                kind.label(),
                workload.as_str(),
                subject,
                once,
                at_ms,
                actor,
                seq,
                body::pack(body)?
            ],
        )
        .map_err(StoreError::doing("filing a fact"))?;
    Ok(())
}
