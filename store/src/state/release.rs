//! The release registry: a release that took part in a rollout keeps its contents for ever.
//!
//! A rollback to `v42` means what it says only while `v42` is still what it was.

use super::{Store, StoreError};
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use serde::Serialize;
use stagegate_rollout::{ReleaseName, WorkloadName};

/// A release as the configuration declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRelease {
    /// Its workload.
    pub workload: WorkloadName,
    /// Its name.
    pub release: ReleaseName,
    /// Digest of what must never change under the name. Endpoints are not part of it: the same
    /// release may move to other machines.
    pub fingerprint: String,
    /// The pinned artifact, as JSON.
    pub artifact: serde_json::Value,
    /// Where it is served.
    pub endpoints: Vec<String>,
}

/// A release as it is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegisteredRelease {
    /// Its name.
    pub release: String,
    /// Digest of what must never change under the name.
    pub fingerprint: String,
    /// The pinned artifact, as JSON.
    pub artifact: serde_json::Value,
    /// Where it was last said to be served.
    pub endpoints: Vec<String>,
    /// When its present contents were registered, in Unix milliseconds.
    pub registered_ms: u64,
    /// Who registered them.
    pub registered_by: String,
    /// When it first was stable or candidate, in Unix milliseconds; from then on it cannot change.
    pub used_ms: Option<u64>,
}

/// A used release that was given other contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRelease {
    /// Its workload.
    pub workload: WorkloadName,
    /// Its name.
    pub release: ReleaseName,
    /// Digest it is registered with.
    pub registered: String,
    /// Digest it was given.
    pub given: String,
}

impl ChangedRelease {
    pub(super) fn describe(changed: &[Self]) -> String {
        let each: Vec<_> = changed
            .iter()
            .map(|it| {
                format!(
                    "release `{}` of workload `{}` has been used with other pins (registered {}, now {})",
                    it.release, it.workload, it.registered, it.given
                )
            })
            .collect();
        format!("{}: give the new pins a new release name", each.join("; "))
    }
}

impl Store {
    /// Registers a whole set of releases: either all, or none and why.
    ///
    /// Known ones with the same fingerprint take over their endpoints; unused ones may change.
    ///
    /// # Errors
    /// [`StoreError::ReleaseChanged`] naming every used release with another fingerprint; or the
    /// disk refuses. Nothing changed then.
    pub fn register_releases(
        &mut self,
        set: &[NewRelease],
        at_ms: u64,
        actor: &str,
    ) -> Result<(), StoreError> {
        let registering = StoreError::doing("registering releases");
        let change = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(registering)?;
        check(&change, set)?;
        for new in set {
            let endpoints = serde_json::json!(new.endpoints).to_string();
            change
                .execute(
                    "INSERT INTO release VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT DO UPDATE SET endpoints = excluded.endpoints,
                        registered_ms = iif(fingerprint = excluded.fingerprint, registered_ms, excluded.registered_ms),
                        registered_by = iif(fingerprint = excluded.fingerprint, registered_by, excluded.registered_by),
                        artifact = excluded.artifact, fingerprint = excluded.fingerprint",
                    params![
                        new.workload.as_str(),
                        new.release.as_str(),
                        new.fingerprint,
                        new.artifact.to_string(),
                        endpoints,
                        at_ms,
                        actor
                    ],
                )
                .map_err(registering)?;
        }
        change.commit().map_err(registering)
    }

    /// Whether [`Store::register_releases`] would take this set; writes nothing.
    ///
    /// # Errors
    /// As [`Store::register_releases`].
    pub fn check_releases(&self, set: &[NewRelease]) -> Result<(), StoreError> {
        check(&self.db, set)
    }

    /// The registered releases of a workload, by name.
    ///
    /// # Errors
    /// When the file cannot be read or makes no sense.
    pub fn releases(&self, workload: &str) -> Result<Vec<RegisteredRelease>, StoreError> {
        let reading = StoreError::doing("reading the release registry");
        let mut rows = self
            .db
            .prepare_cached(
                "SELECT r.name, fingerprint, artifact, endpoints, registered_ms, registered_by, u.at_ms
                 FROM release r LEFT JOIN release_used u USING (workload, name)
                 WHERE workload = ?1 ORDER BY r.name",
            )
            .map_err(reading)?;
        let rows = rows
            .query_map([workload], |row| {
                let read = RegisteredRelease {
                    release: row.get(0)?,
                    fingerprint: row.get(1)?,
                    artifact: serde_json::Value::Null,
                    endpoints: Vec::new(),
                    registered_ms: row.get(4)?,
                    registered_by: row.get(5)?,
                    used_ms: row.get(6)?,
                };
                Ok((read, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
            })
            .map_err(reading)?;
        rows.map(|row| {
            let (read, artifact, endpoints) = row.map_err(reading)?;
            let damaged = |e: serde_json::Error| StoreError::Damaged {
                what: format!("release `{}` of workload `{workload}`", read.release),
                why: e.to_string(),
            };
            let artifact = serde_json::from_str(&artifact).map_err(damaged)?;
            let endpoints = serde_json::from_str(&endpoints).map_err(damaged)?;
            Ok(RegisteredRelease { artifact, endpoints, ..read })
        })
        .collect()
    }
}

/// Refuses the set if any used release in it has another fingerprint than it was used with.
fn check(db: &rusqlite::Connection, set: &[NewRelease]) -> Result<(), StoreError> {
    let reading = StoreError::doing("checking releases");
    let mut registered = db
        .prepare_cached(
            "SELECT fingerprint FROM release JOIN release_used USING (workload, name)
             WHERE workload = ?1 AND name = ?2",
        )
        .map_err(reading)?;
    let mut changed = Vec::new();
    for new in set {
        let used: Option<String> = registered
            .query_row([new.workload.as_str(), new.release.as_str()], |row| row.get(0))
            .optional()
            .map_err(reading)?;
        if let Some(registered) = used.filter(|used| *used != new.fingerprint) {
            changed.push(ChangedRelease {
                workload: new.workload.clone(),
                release: new.release.clone(),
                registered,
                given: new.fingerprint.clone(),
            });
        }
    }
    if changed.is_empty() { Ok(()) } else { Err(StoreError::ReleaseChanged { changed }) }
}

/// Remembers, as part of a change, that the release was stable or candidate.
pub(super) fn mark_used(
    change: &Transaction<'_>,
    workload: &str,
    release: &str,
    at_ms: u64,
) -> Result<(), StoreError> {
    change
        .execute(
            "INSERT INTO release_used VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![workload, release, at_ms],
        )
        .map_err(StoreError::doing("marking a release as used"))?;
    Ok(())
}
