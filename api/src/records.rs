//! The audit, and who is asking.

use super::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Audit records, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    /// Newest first.
    pub entries: Vec<AuditRecord>,
    /// Pass as `before` to get older ones; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_before: Option<u64>,
}

/// One record of the hash-chained audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// Its number, from 1 without gaps.
    pub seq: u64,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The actor.
    pub actor: String,
    /// On which workload, if on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The requested action.
    pub action: String,
    /// The reason.
    pub reason: String,
    /// The change, as text.
    pub summary: String,
    /// Epoch before.
    pub epoch_before: u64,
    /// Epoch after.
    pub epoch_after: u64,
    /// The request's details.
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
    /// Hash of the record before, in hex.
    pub prev_hash: String,
    /// Hash of this record, in hex.
    pub hash: String,
}

/// The result of a check of the audit chain.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditCheck {
    /// True if the hash of every record is correct and every record follows the one before it.
    pub intact: bool,
    /// Records that were checked; when broken, those before the first broken one.
    pub entries: u64,
    /// Hash of the newest record, in hex; keep it elsewhere to notice a rewritten audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Number of the first broken record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_at: Option<u64>,
    /// The problem of that record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// `GET /v1/whoami`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// The name changes are recorded under.
    pub actor: String,
    /// `viewer`, `operator` or `admin`: for every workload.
    pub role: Role,
    /// The workloads for which the caller may do more.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub workloads: std::collections::BTreeMap<String, Role>,
}
