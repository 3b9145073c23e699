//! Flagger's webhooks: the kinds, and what Flagger sends.
//!
//! Source: `HookType` and `CanaryWebhookPayload` of `flagger.app/v1beta1`.

use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A kind of webhook that only asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlaggerHook {
    /// May the pods of the new version be started?
    ConfirmRollout,
    /// May the analysis begin?
    PreRollout,
    /// Is the new version still well? Asked at each interval.
    Rollout,
    /// May it get more traffic?
    ConfirmTrafficIncrease,
    /// May the new version be copied to the primary?
    ConfirmPromotion,
    /// Must it be rolled back? Here 200 means yes.
    Rollback,
    /// An event of Flagger, for the log.
    Event,
}

/// Where a canary of Flagger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum FlaggerPhase {
    /// Its objects are made.
    Initializing,
    /// Its objects are there.
    Initialized,
    /// It waits for a confirmation.
    Waiting,
    /// It is analysed.
    Progressing,
    /// Its promotion waits for a confirmation.
    WaitingPromotion,
    /// The new version is copied to the primary.
    Promoting,
    /// The primary has the new version.
    Finalising,
    /// It was promoted, and its own pods were stopped.
    Succeeded,
    /// It was rolled back, and its own pods were stopped.
    Failed,
    /// It is removed.
    Terminating,
    /// It was removed.
    Terminated,
}

impl FlaggerPhase {
    /// Flagger's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initializing => "Initializing",
            Self::Initialized => "Initialized",
            Self::Waiting => "Waiting",
            Self::Progressing => "Progressing",
            Self::WaitingPromotion => "WaitingPromotion",
            Self::Promoting => "Promoting",
            Self::Finalising => "Finalising",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Terminating => "Terminating",
            Self::Terminated => "Terminated",
        }
    }
}

/// The body of a webhook of Flagger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlaggerCall {
    /// Name of the Canary object.
    #[schema(example = "agent")]
    pub name: String,
    /// Its namespace.
    #[schema(example = "agents")]
    pub namespace: String,
    /// Its phase; left out, empty or a word of a later Flagger: unknown.
    #[serde(default, deserialize_with = "known_phase", skip_serializing_if = "Option::is_none")]
    pub phase: Option<FlaggerPhase>,
    /// A hash of the Canary's configuration.
    #[serde(default)]
    pub checksum: String,
    /// What `metadata` of the webhook says: `release` names the candidate's release. Events also have
    /// `eventMessage`, `eventType` and `timestamp`.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// A phase that is not known is none: Flagger may have new ones.
fn known_phase<'de, D: Deserializer<'de>>(from: D) -> Result<Option<FlaggerPhase>, D::Error> {
    let word: Option<String> = Option::deserialize(from)?;
    let word = word.unwrap_or_default();
    Ok(serde_json::from_value(serde_json::Value::String(word)).ok())
}

#[cfg(test)]
mod tests {
    use super::{FlaggerCall, FlaggerPhase};

    #[test]
    fn a_phase_of_a_later_flagger_is_no_error() {
        for (phase, read) in [
            ("\"Progressing\"", Some(FlaggerPhase::Progressing)),
            ("\"\"", None),
            ("\"Dreaming\"", None),
            ("null", None),
        ] {
            let text = format!(r#"{{"name":"a","namespace":"n","phase":{phase},"checksum":"c"}}"#);
            let call: FlaggerCall = serde_json::from_str(&text).expect("a payload");
            assert_eq!(call.phase, read, "{phase}");
        }
        let least: FlaggerCall = serde_json::from_str(r#"{"name":"a","namespace":"n"}"#).unwrap();
        assert_eq!(least.phase, None);
    }
}
