//! Checklists of releases, and statements of people about their checks.

use super::{CheckCategory, CheckKind, CheckStanding, ReadinessDemand, StatementKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every check of a release, judged now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChecklistDetail {
    /// The workload.
    pub workload: String,
    /// The release.
    pub release: String,
    /// The policy whose gates and steps are judged.
    pub policy: String,
    /// The effect of open checks on a start.
    pub demand: ReadinessDemand,
    /// When it was judged, in Unix milliseconds.
    pub at_ms: u64,
    /// Number of checks that stand in the way of a rollout.
    pub open: u64,
    /// Number of checks that a person waived.
    pub waived: u64,
    /// The checks that count.
    pub checks: Vec<CheckLine>,
    /// Those that the policy drops.
    pub dropped: Vec<DroppedCheck>,
}

/// One check, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckLine {
    /// Its id: `A1` to `F30`, or the team's own.
    pub id: String,
    /// The part of the deployment that it is about.
    pub category: CheckCategory,
    /// The way in which it is met.
    pub kind: CheckKind,
    /// The condition that must hold.
    pub question: String,
    /// The owner.
    pub owner: String,
    /// The result.
    pub standing: CheckStanding,
    /// The evidence, or what is missing.
    pub seen: String,
    /// The command or key that meets it; absent where it is met.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// The actor of the signature, attachment or waiver that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Its time, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// Its end, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// Its reason.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A check that the policy drops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DroppedCheck {
    /// Its id.
    pub id: String,
    /// The reason.
    pub reason: String,
}

/// A check that was met at the start of the rollout and is not any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StaleCheck {
    /// Its id.
    pub id: String,
    /// The owner.
    pub owner: String,
    /// What is missing.
    pub why: String,
    /// The command or key that meets it again.
    pub remedy: String,
    /// When it was noticed, in Unix milliseconds.
    pub since_ms: u64,
}

/// `POST /v1/workloads/{workload}/checklist/{check}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateCheck {
    /// What is done.
    pub kind: StatementKind,
    /// The release; the one that is rolled out if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    pub release: Option<String>,
    /// The reason, at most 500 characters. A waiver and a withdrawal need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
    /// A link to more: one line of 1 to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^[^\u0000-\u001f\u007f-\u009f]{1,500}$")]
    pub link: Option<String>,
    /// The file that is handed over. Only its name and digest are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<CheckFile>,
    /// The end of the statement, in Unix milliseconds; the check's usual one if left out.
    #[serde(
        default,
        deserialize_with = "crate::number::stored_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub until_ms: Option<u64>,
    /// A day that the statement sets, in Unix milliseconds (`F30`).
    #[serde(
        default,
        deserialize_with = "crate::number::stored_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub date_ms: Option<u64>,
    /// Evidence with figures (`A2`, `B8`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<CheckEvidence>,
}

/// A file that was handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckFile {
    /// Its name: one line of 1 to 500 characters.
    #[schema(pattern = r"^[^\u0000-\u001f\u007f-\u009f]{1,500}$")]
    pub name: String,
    /// SHA-256 of its contents, in hex.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub sha256: String,
    /// Its length in bytes.
    #[serde(deserialize_with = "crate::number::stored")]
    pub bytes: u64,
}

/// Evidence with figures: one of its two parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckEvidence {
    /// Production requests against the frozen set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CoverageFound>,
    /// Shadow or smoke traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smoke: Option<SmokeFound>,
}

/// Production requests against the frozen set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageFound {
    /// Share of requests near a case, from 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub share: f64,
    /// Number of requests.
    #[serde(deserialize_with = "crate::number::stored")]
    pub samples: u64,
    /// Digest of the set, as in offline comparisons.
    pub content_hash: String,
    /// Digest of the ids alone: offline runs that do not pin their cases have this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids_hash: Option<String>,
}

/// Shadow or smoke traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SmokeFound {
    /// Its length in minutes.
    #[serde(deserialize_with = "crate::number::stored")]
    pub minutes: u64,
    /// Requests that the release answered.
    #[serde(deserialize_with = "crate::number::stored")]
    pub requests: u64,
    /// Those that failed.
    #[serde(deserialize_with = "crate::number::stored")]
    pub failed: u64,
}

/// A recorded statement about a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatementDetail {
    /// The workload.
    pub workload: String,
    /// The release.
    pub release: String,
    /// Number of the audit record.
    pub audit_seq: u64,
    /// The check's id.
    pub check: String,
    /// What was done.
    pub kind: StatementKind,
    /// The actor.
    pub by: String,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// Its end, in Unix milliseconds.
    pub until_ms: u64,
    /// The reason; empty if none was given.
    pub reason: String,
    /// Digest of the release's pins at that time. The statement counts for these pins only.
    pub fingerprint: String,
    /// A link to more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The file that was handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<CheckFile>,
    /// SHA-256 of the generated text that was signed, in hex (`C15`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// A day that it sets, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_ms: Option<u64>,
    /// Evidence with figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<CheckEvidence>,
}

/// The statements about a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Statements {
    /// The workload.
    pub workload: String,
    /// The release.
    pub release: String,
    /// Oldest first. Nothing is ever removed.
    pub statements: Vec<StatementDetail>,
}

/// The rollback runbook of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RollbackRunbook {
    /// The workload.
    pub workload: String,
    /// The page, as Markdown.
    pub text: String,
    /// SHA-256 of the page, in hex. A signature of check `C15` is bound to it.
    pub sha256: String,
}
