//! Requests to NATS, each with a time limit.

use crate::answer::{
    Described, Failure, Got, NO_MESSAGE, NO_STREAM, Purged, WRONG_LAST_SEQUENCE,
    WRONG_LAST_SEQUENCE_LATE, Written,
};
use crate::client::{Client, ClientError, Outgoing};
use crate::names::Names;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stagegate_fleet::{Member, OnStale, ReplicaName};
use stagegate_settings::Fleet;
use std::collections::BTreeMap;
use std::time::Duration;

/// A request that failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No answer in time, or no connection. A write may still take effect.
    #[error("NATS does not answer: {0}")]
    Silent(String),
    /// A newer message is there than the author knew.
    #[error("something newer was written in between")]
    Conflict,
    /// There is no such stream.
    #[error("there is no such stream")]
    NoStream,
    /// NATS refused.
    #[error("NATS refused: {0}")]
    Refused(String),
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
}

/// A message of the stream with its position.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) position: u64,
    pub(crate) payload: Bytes,
}

/// A connection to the servers of a fleet; cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    pub(crate) client: Client,
    pub(crate) names: Names,
    /// How long one request waits.
    pub(crate) patience: Duration,
}

impl Api {
    /// Connects in the background, and again whenever the connection is lost.
    ///
    /// # Errors
    /// When the settings cannot be used, a file that cannot be read for example.
    pub fn connect(settings: &Fleet, replica: &str) -> Result<Self, ApiError> {
        let client = Client::start(settings, &format!("stagegate {replica}"));
        Ok(Self {
            client: client.map_err(ApiError::Settings)?,
            names: Names::of(&settings.name),
            patience: settings.fresh_for / 3,
        })
    }

    /// Writes a message if the newest one of `expected.0` has the position `expected.1`. With `only`
    /// it replaces all former ones of its subject. Returns its position.
    pub(crate) async fn write(
        &self,
        subject: &str,
        payload: Bytes,
        (named, position): (&str, u64),
        only: bool,
    ) -> Result<u64, ApiError> {
        let mut headers = vec![("Nats-Expected-Last-Subject-Sequence", position.to_string())];
        if named != subject {
            headers.push(("Nats-Expected-Last-Subject-Sequence-Subject", named.to_owned()));
        }
        if only {
            headers.push(("Nats-Rollup", "sub".to_owned()));
        }
        let written: Written = self.ask(subject.to_owned(), headers, payload).await?;
        match written.error {
            None => Ok(written.seq),
            Some(failure) => Err(failed(&failure)),
        }
    }

    /// The first entry of the ledger after a position, as the stream's leader knows it.
    pub(crate) async fn next_entry(&self, after: u64) -> Result<Option<Stored>, ApiError> {
        self.get(&json!({ "seq": after + 1, "next_by_subj": self.names.ledger })).await
    }

    /// The newest entry of the ledger, as the stream's leader knows it.
    pub(crate) async fn last_entry(&self) -> Result<Option<Stored>, ApiError> {
        self.get(&json!({ "last_by_subj": self.names.ledger })).await
    }

    /// The newest message of a subject, as the stream's leader knows it.
    pub(crate) async fn last(&self, subject: &str) -> Result<Option<Stored>, ApiError> {
        self.get(&json!({ "last_by_subj": subject })).await
    }

    async fn get(&self, what: &Value) -> Result<Option<Stored>, ApiError> {
        let got: Got = self.api("STREAM.MSG.GET", what).await?;
        match (got.error, got.message) {
            (Some(failure), _) if failure.err_code == NO_MESSAGE => Ok(None),
            (Some(failure), _) => Err(failed(&failure)),
            (None, Some(raw)) => {
                let payload = raw.bytes().map_err(ApiError::Refused)?;
                Ok(Some(Stored { position: raw.seq, payload }))
            }
            (None, None) => Ok(None),
        }
    }

    /// The replicas that have renewed, and the position up to which that is known.
    pub(crate) async fn roster(&self) -> Result<(u64, BTreeMap<ReplicaName, Member>), ApiError> {
        let described = self.describe(&json!({ "subjects_filter": self.names.all_live() })).await?;
        let state = described.state.ok_or_else(|| ApiError::Refused("no state".to_owned()))?;
        let members = state.subjects.keys().filter_map(|subject| {
            let (name, on_stale) = self.names.replica(subject)?;
            Some((name, Member { on_stale }))
        });
        Ok((state.last_seq, members.collect()))
    }

    /// Takes a replica out of the roster, unless it has renewed after `position`; whatever it has done
    /// without one. Returns false if it was not in it.
    pub(crate) async fn forget(
        &self,
        replica: &ReplicaName,
        position: Option<u64>,
    ) -> Result<bool, ApiError> {
        let mut what = json!({ "filter": self.names.any_live(replica) });
        if let Some(position) = position {
            what["seq"] = json!(position + 1);
        }
        let purged: Purged = self.api("STREAM.PURGE", &what).await?;
        match purged.error {
            None => Ok(purged.purged > 0),
            Some(failure) => Err(failed(&failure)),
        }
    }

    /// Position of a replica's last renewal.
    pub(crate) async fn renewed(&self, replica: &ReplicaName) -> Result<Option<u64>, ApiError> {
        let mut newest = None;
        for on_stale in [OnStale::Stable, OnStale::Hold] {
            let subject = self.names.live(replica, on_stale);
            let found = self.get(&json!({ "last_by_subj": subject })).await?;
            newest = newest.max(found.map(|it| it.position));
        }
        Ok(newest)
    }

    /// Describes the stream.
    pub(crate) async fn describe(&self, what: &Value) -> Result<Described, ApiError> {
        let described: Described = self.api("STREAM.INFO", what).await?;
        match described.error {
            Some(failure) => Err(failed(&failure)),
            None => Ok(described),
        }
    }

    /// Asks JetStream's API about the stream of the fleet.
    pub(crate) async fn api<T: DeserializeOwned>(
        &self,
        verb: &str,
        what: &Value,
    ) -> Result<T, ApiError> {
        let subject = format!("$JS.API.{verb}.{}", self.names.stream);
        self.ask(subject, Vec::new(), what.to_string().into()).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        subject: String,
        headers: Vec<(&'static str, String)>,
        payload: Bytes,
    ) -> Result<T, ApiError> {
        let message = Outgoing { subject, reply: None, headers, payload };
        let answer =
            self.client.request(message, self.patience).await.map_err(|error| match error {
                ClientError::TooLarge { .. } => ApiError::Refused(error.to_string()),
                error => ApiError::Silent(error.to_string()),
            })?;
        serde_json::from_slice(&answer.payload)
            .map_err(|error| ApiError::Refused(format!("an answer cannot be read: {error}")))
    }
}

fn failed(failure: &Failure) -> ApiError {
    match failure.err_code {
        WRONG_LAST_SEQUENCE | WRONG_LAST_SEQUENCE_LATE => ApiError::Conflict,
        NO_STREAM => ApiError::NoStream,
        code => ApiError::Refused(format!("{} ({code})", failure.description)),
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiError, failed};
    use crate::answer::Failure;

    #[test]
    fn a_conflict_has_two_codes() {
        for err_code in [10071, 10164] {
            let failure = Failure { err_code, description: String::new() };
            assert!(matches!(failed(&failure), ApiError::Conflict));
        }
    }
}
