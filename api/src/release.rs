//! Releases: what they are, how two differ, and how one is registered.

use super::{Arm, EvalReportDetail, ReleasePart};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The releases of one workload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Releases {
    /// Epoch of the workload's last change.
    pub epoch: u64,
    /// The running releases: one line for each arm.
    #[serde(default)]
    #[schema(example = json!(["stable v42: model m-5, prompt p-118, 2/2 endpoints healthy"]))]
    pub running: Vec<String>,
    /// By name.
    pub releases: Vec<ReleaseDetail>,
}

/// One release: an immutable version of the workload's backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseDetail {
    /// Its name.
    pub name: String,
    /// `stable`, `candidate`, or absent while it serves neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Arm>,
    /// True if the configuration file defines it.
    pub configured: bool,
    /// True if it was registered at run time; then it stays even without the file.
    #[serde(default)]
    pub run_time: bool,
    /// True if it was ever stable or candidate; from then on it cannot be changed or removed.
    pub used: bool,
    /// When it first was stable or candidate, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at_ms: Option<u64>,
    /// SHA-256 over the artifact's pins, in hex.
    pub fingerprint: String,
    /// Its artifact: the pinned parts.
    pub artifact: Artifact,
    /// Its endpoints as `host:port`.
    pub endpoints: Vec<String>,
    /// When its present contents were registered, in Unix milliseconds.
    pub registered_at_ms: u64,
    /// The actor who registered them: a token's name, or `config`.
    #[serde(default)]
    pub registered_by: String,
    /// The newest offline comparison attached to it, where one release is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_report: Option<Box<EvalReportDetail>>,
}

/// The pinned parts of a release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Artifact {
    /// Model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Prompt version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Tools version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<String>,
    /// Git tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_tag: Option<String>,
    /// Image or package digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What makes a request one of this release, in JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = r#"{"set_body":{"/model":"m-6"}}"#)]
    pub request: Option<String>,
    /// Free text; not a pin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// `POST /v1/workloads/{workload}/releases`
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddRelease {
    /// Its name: 1 to 63 letters, digits, `.`, `_` or `-`.
    #[schema(example = "v44", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    pub name: String,
    /// Its endpoints, `http://host:port` each; at least one.
    #[schema(min_items = 1, example = json!(["http://10.0.2.1:9001"]))]
    pub endpoints: Vec<String>,
    /// Its artifact: the pinned parts.
    #[serde(default)]
    pub artifact: NewArtifact,
    /// The reason; at most 500 characters. Recorded in the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// The pins of a new release, one line of text each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewArtifact {
    /// Model name and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Prompt version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Version of the tool set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<String>,
    /// Git tag the backend was built from.
    #[serde(skip_serializing_if = "Option::is_none", alias = "git")]
    pub git_tag: Option<String>,
    /// Digest of the image or bundle, `sha256:` and 64 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Free text for people, at most 4096 characters; not a pin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// The differences between two releases of a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseDiff {
    /// The first release.
    pub from: String,
    /// The second release.
    pub to: String,
    /// True if no pin differs.
    pub same_pins: bool,
    /// The differences, pins first.
    pub differences: Vec<ReleaseDifference>,
}

/// One part in which two releases differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseDifference {
    /// `model`, `prompt`, `tools`, `git_tag`, `digest`, `request`, `endpoints` or `notes`.
    pub part: ReleasePart,
    /// True if this part is a pin.
    pub pin: bool,
    /// The value in the first release; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The value in the second release; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}
