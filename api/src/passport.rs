//! Passports of releases.

use super::CheckStanding;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A signed envelope: whoever changes a byte of its text breaks the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedPassport {
    /// The form: `stagegate-passport/1`.
    pub schema: String,
    /// The passport, as JSON text. The signature is over these bytes.
    pub payload: String,
    /// The public key (Ed25519), in hex.
    pub key: String,
    /// The signature, in hex.
    pub signature: String,
}

/// `POST /v1/workloads/{workload}/passports`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportPassport {
    /// The release; the one that is rolled out if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    pub release: Option<String>,
    /// The reason, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// `PUT /v1/workloads/{workload}/releases/{release}/passport`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdmitPassport {
    /// The passport.
    pub passport: SignedPassport,
    /// The reason, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
    /// Say if it would be admitted, and admit nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A passport that was admitted, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PassportDetail {
    /// The environment that issued it.
    pub environment: String,
    /// The workload.
    pub workload: String,
    /// The release.
    pub release: String,
    /// Digest of the release's pins.
    pub fingerprint: String,
    /// The pins, by name.
    pub pins: BTreeMap<String, String>,
    /// When it was issued, in Unix milliseconds.
    pub issued_ms: u64,
    /// The actor who issued it.
    pub issued_by: String,
    /// The checklist of that moment.
    pub checks: Vec<PassportCheck>,
    /// The actor who admitted it; absent for one that was only judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_by: Option<String>,
    /// When it was admitted, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_ms: Option<u64>,
    /// Number of the audit record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_seq: Option<u64>,
}

/// A check as it was when the passport was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PassportCheck {
    /// Its id.
    pub id: String,
    /// The result.
    pub standing: CheckStanding,
    /// The evidence, or what was missing.
    pub seen: String,
    /// The actor of the signature, attachment or waiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
