//! Bodies of requests.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `PUT /v1/workloads/{workload}/weight`
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetWeight {
    /// The candidate's new share: `0%` to `100%` in steps of `0.001%`.
    #[schema(
        example = "10%",
        pattern = r"^\s*(100(\.0{1,3})?|0?[0-9]{1,2}(\.[0-9]{1,3})?)\s*%\s*$"
    )]
    pub weight: String,
    /// The reason; at most 500 characters, may be left out. Recorded in the audit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 500)]
    pub reason: String,
    /// Set it although a rollout is under way, whose policy sets the weight, or although a
    /// gate rolled the candidate back. Needs a reason.
    #[serde(default, rename = "override", skip_serializing_if = "std::ops::Not::not")]
    pub overriding: bool,
}

/// A change that needs a reason: rollback, kill, revive, opt-in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The reason; 1 to 500 characters. Recorded in the audit.
    #[schema(min_length = 1, max_length = 500, example = "p99 doubled since 14:02")]
    pub reason: String,
}

/// A change whose reason may be left out. The whole body may be left out too.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionalReason {
    /// Why; at most 500 characters. Recorded in the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// `POST /v1/workloads/{workload}/cohorts/{cohort}/enable`
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnableCohort {
    /// Why; at most 500 characters. Needed when somebody is opted in, and for an override.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
    /// Excluded tenants of the cohort that are opted in with it, each named on purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opt_in: Vec<String>,
    /// Enable it although a gate rolled the candidate back. Needs a reason.
    #[serde(default, rename = "override", skip_serializing_if = "std::ops::Not::not")]
    pub overriding: bool,
}

/// `POST /v1/reload`. The whole body may be left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// Why; at most 500 characters. Recorded in the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
    /// Take over a stable release although a gate rolled it back. Needs a reason.
    #[serde(default, rename = "override", skip_serializing_if = "std::ops::Not::not")]
    pub overriding: bool,
}

/// `POST /v1/workloads/{workload}/exclusions/{tenant}/opt-in`
pub type OptIn = Reason;

/// `POST /v1/explain`: a dry run of the current plan; nothing is sent anywhere.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// Name of the workload.
    #[schema(example = "support-agent")]
    pub workload: String,
    /// Tenant id, if the request would carry one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// User id, if the request would carry one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Conversation id, if the request would carry one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The request's id, hashed where the wanted identity is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
