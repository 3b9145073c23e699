//! The stream of a fleet: made once, kept by several servers.

use crate::answer::Described;
use crate::api::{Api, ApiError};
use serde_json::{Value, json};

impl Api {
    /// Makes the stream if there is none. An existing one gets the subjects that it lacks.
    pub(crate) async fn ensure_stream(&self, copies: u64) -> Result<(), ApiError> {
        match self.describe(&json!({})).await {
            Ok(_) => return self.add_subjects().await,
            Err(ApiError::NoStream) => {}
            Err(error) => return Err(error),
        }
        let wanted = json!({
            "name": self.names.stream,
            "description": "The ledger of a Stagegate fleet. Do not write to it, purge it or delete it.",
            "subjects": self.names.kept(),
            "storage": "file",
            "num_replicas": copies,
            "retention": "limits",
            // A full disk refuses a change. It never removes an old one.
            "discard": "new",
            "max_consumers": -1,
            "max_msgs": -1,
            "max_bytes": -1,
            "max_age": 0,
            // Renewals replace their former ones.
            "allow_rollup_hdrs": true,
            // Answers come from the leader: other servers may be behind.
            "allow_direct": false,
            "deny_delete": true,
        });
        let made: Described = self.api("STREAM.CREATE", &wanted).await?;
        match made.error {
            None => {
                tracing::info!(stream = self.names.stream, copies, "made the fleet's stream");
                Ok(())
            }
            // Another replica was faster.
            Some(_) if self.describe(&json!({})).await.is_ok() => Ok(()),
            Some(failure) => Err(ApiError::Refused(format!(
                "the stream {} cannot be made: {}",
                self.names.stream, failure.description
            ))),
        }
    }

    /// A stream that an older version made keeps fewer subjects.
    async fn add_subjects(&self) -> Result<(), ApiError> {
        let described: Value = self.api("STREAM.INFO", &json!({})).await?;
        let mut config = described["config"].clone();
        let Some(subjects) = config["subjects"].as_array_mut() else { return Ok(()) };
        let before = subjects.len();
        for subject in self.names.kept() {
            if !subjects.iter().any(|it| *it == subject) {
                subjects.push(subject.into());
            }
        }
        if subjects.len() == before {
            return Ok(());
        }
        let updated: Described = self.api("STREAM.UPDATE", &config).await?;
        match updated.error {
            None => Ok(()),
            Some(failure) => Err(ApiError::Refused(format!(
                "the stream {} cannot be changed: {}",
                self.names.stream, failure.description
            ))),
        }
    }
}
