//! The release registry: a release that took part in a rollout keeps its contents for ever.
//!
//! A rollback to `v42` means what it says only while `v42` is still what it was.

use super::{ChangedRelease, Store, StoreError};
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use stagegate_rollout::{ReleaseName, WorkloadName};

/// A release as declared in the configuration or registered at run time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Its endpoints.
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
    /// Its last known endpoints.
    pub endpoints: Vec<String>,
    /// When its present contents were registered, in Unix milliseconds.
    pub registered_ms: u64,
    /// The actor who registered them.
    pub registered_by: String,
    /// When it first was stable or candidate, in Unix milliseconds; from then on it cannot change.
    pub used_ms: Option<u64>,
    /// True if it was registered at run time; then it stays even without the file.
    pub run_time: bool,
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
        declare(&change, set, at_ms, actor)?;
        change.commit().map_err(registering)
    }

    /// Checks if [`Store::register_releases`] would take this set. Writes nothing.
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
        let found = self.registered("workload = ?1", &[&workload])?;
        Ok(found.into_iter().map(|(_, release)| release).collect())
    }

    /// Every release that was registered while the program ran, with its workload.
    ///
    /// # Errors
    /// When the file cannot be read or makes no sense.
    pub fn run_time_releases(&self) -> Result<Vec<(WorkloadName, RegisteredRelease)>, StoreError> {
        self.registered("run_time = 1", &[])?
            .into_iter()
            .map(|(workload, release)| match workload.parse() {
                Ok(name) => Ok((name, release)),
                Err(error) => Err(StoreError::Damaged {
                    what: format!("release `{}` of workload `{workload}`", release.release),
                    why: format!("{error}"),
                }),
            })
            .collect()
    }

    fn registered(
        &self,
        which: &str,
        given: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<(String, RegisteredRelease)>, StoreError> {
        let reading = StoreError::doing("reading the release registry");
        let sql = format!(
            "SELECT workload, r.name, fingerprint, artifact, endpoints, registered_ms,
                registered_by, u.at_ms, run_time
             FROM release r LEFT JOIN release_used u USING (workload, name)
             WHERE {which} ORDER BY workload, r.name"
        );
        let mut rows = self.db.prepare_cached(&sql).map_err(reading)?;
        let rows = rows
            .query_map(given, |row| {
                let read = RegisteredRelease {
                    release: row.get(1)?,
                    fingerprint: row.get(2)?,
                    artifact: serde_json::Value::Null,
                    endpoints: Vec::new(),
                    registered_ms: row.get(5)?,
                    registered_by: row.get(6)?,
                    used_ms: row.get(7)?,
                    run_time: row.get(8)?,
                };
                let texts = (row.get::<_, String>(3)?, row.get::<_, String>(4)?);
                Ok((row.get::<_, String>(0)?, read, texts))
            })
            .map_err(reading)?;
        rows.map(|row| {
            let (workload, read, (artifact, endpoints)) = row.map_err(reading)?;
            let damaged = |e: serde_json::Error| StoreError::Damaged {
                what: format!("release `{}` of workload `{workload}`", read.release),
                why: e.to_string(),
            };
            let artifact = serde_json::from_str(&artifact).map_err(damaged)?;
            let endpoints = serde_json::from_str(&endpoints).map_err(damaged)?;
            Ok((workload, RegisteredRelease { artifact, endpoints, ..read }))
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

/// Registers a release while the program runs, as part of a change. One that took part in a
/// rollout keeps its pins.
pub(super) fn add(
    change: &Transaction<'_>,
    new: &NewRelease,
    at_ms: u64,
    actor: &str,
) -> Result<(), StoreError> {
    check(change, std::slice::from_ref(new))?;
    change
        .execute(
            "INSERT INTO release VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)
             ON CONFLICT DO UPDATE SET fingerprint = excluded.fingerprint,
                artifact = excluded.artifact, endpoints = excluded.endpoints,
                registered_ms = iif(run_time = 1 AND fingerprint = excluded.fingerprint
                    AND endpoints = excluded.endpoints, registered_ms, excluded.registered_ms),
                registered_by = iif(run_time = 1 AND fingerprint = excluded.fingerprint
                    AND endpoints = excluded.endpoints, registered_by, excluded.registered_by),
                run_time = 1",
            params![
                new.workload.as_str(),
                new.release.as_str(),
                new.fingerprint,
                new.artifact.to_string(),
                serde_json::json!(new.endpoints).to_string(),
                at_ms,
                actor
            ],
        )
        .map_err(StoreError::doing("registering a release"))?;
    Ok(())
}

/// Forgets, as part of a change, a release that was registered while the program ran.
pub(super) fn remove(
    change: &Transaction<'_>,
    workload: &WorkloadName,
    release: &ReleaseName,
) -> Result<(), StoreError> {
    let removing = StoreError::doing("removing a release");
    let key = [workload.as_str(), release.as_str()];
    let used: Option<u64> = change
        .query_row("SELECT at_ms FROM release_used WHERE workload = ?1 AND name = ?2", key, |row| {
            row.get(0)
        })
        .optional()
        .map_err(removing)?;
    if used.is_some() {
        return Err(StoreError::ReleaseUsed {
            workload: workload.clone(),
            release: release.clone(),
        });
    }
    change
        .execute("DELETE FROM release WHERE workload = ?1 AND name = ?2 AND run_time = 1", key)
        .map_err(removing)?;
    Ok(())
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

/// Registers a whole set of releases as part of a change; see [`Store::register_releases`].
pub(super) fn declare(
    change: &Transaction<'_>,
    set: &[NewRelease],
    at_ms: u64,
    actor: &str,
) -> Result<(), StoreError> {
    let registering = StoreError::doing("registering releases");
    check(change, set)?;
    for new in set {
        let endpoints = serde_json::json!(new.endpoints).to_string();
        change
            .execute(
                "INSERT INTO release VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)
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
    Ok(())
}
