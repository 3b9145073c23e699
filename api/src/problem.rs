//! Errors (RFC 9457, `application/problem+json`).

use super::{AnalysisDetail, WorkloadDetail};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The reason why a request failed. Nothing changed, unless the text says otherwise.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem, for programs: `/problems/<kind>`.
    #[serde(rename = "type")]
    #[schema(example = "/problems/stale")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The problem with this request and the correction.
    pub detail: String,
    /// The path that was asked.
    pub instance: String,
    /// The request's id, to find it in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// On 412: epoch of the workload's last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// On 412: the workload as it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Box<WorkloadDetail>>,
    /// The newest analysis, if the evidence does not permit a promotion or has changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Box<AnalysisDetail>>,
    /// Fields that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
    /// Problems of the configuration file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<ConfigProblem>,
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// The field, header or path part.
    pub field: String,
    /// The problem and the correction.
    pub problem: String,
}

/// One problem or warning of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigProblem {
    /// The file.
    pub file: String,
    /// Line, from 1; 0 if unknown.
    pub line: u32,
    /// Column, from 1; 0 if unknown.
    pub column: u32,
    /// Path of the key.
    pub key: String,
    /// The problem.
    pub message: String,
    /// The correction; may be empty.
    pub hint: String,
}
