//! Passports: what a release earned in one environment, signed, to be shown in another.
//!
//! A passport is an envelope: a text (the JSON of a [`Passport`]), the public key, and the signature over the
//! text's bytes. Whoever changes a byte of the text breaks the signature. Keys are Ed25519 (RFC 8032); the
//! caller verifies.

use crate::Standing;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The form of the envelope.
pub(crate) const SCHEMA: &str = "stagegate-passport/1";

/// A check as it was when the passport was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassportCheck {
    /// Its id.
    pub id: String,
    /// The result.
    pub standing: Standing,
    /// The evidence, or what was missing.
    pub seen: String,
    /// The actor of the signature, attachment or waiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What a release earned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passport {
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
    /// Number of the newest audit entry of that environment.
    pub audit_seq: u64,
    /// Its hash.
    pub audit_hash: String,
}

/// The signed envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedPassport {
    /// The form: `stagegate-passport/1`.
    pub schema: String,
    /// The passport, as JSON text. The signature is over these bytes.
    pub payload: String,
    /// The public key, 64 hex digits.
    pub key: String,
    /// The signature, 128 hex digits.
    pub signature: String,
}

/// A passport that is not admitted: why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassportRefusal(pub String);

impl std::fmt::Display for PassportRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PassportRefusal {}

impl Passport {
    /// True if this check was met or waived there.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.checks.iter().any(|it| it.id == id && !it.standing.is_open())
    }
}

impl SignedPassport {
    /// The envelope of a text.
    #[must_use]
    pub fn of(payload: String, key: String, signature: String) -> Self {
        Self { schema: SCHEMA.to_owned(), payload, key, signature }
    }
}
