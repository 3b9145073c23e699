//! A passport that was admitted.

use serde::{Deserialize, Serialize};
use stagegate_readiness::Passport;

/// A passport that was admitted. Field names are those of the stored JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdmittedPassport {
    /// What it says.
    pub passport: Passport,
    /// The actor who admitted it.
    pub by: String,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// Number of the audit entry.
    pub audit_seq: u64,
}
