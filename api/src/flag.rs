//! Flags, and their changes at run time.

use super::{FlagAction, FlagDecider, FlagKey, FlagRuleKind, FleetOutcome};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// `POST /v1/flags/{flag}`
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeFlag {
    /// The command.
    pub action: FlagAction,
    /// The tenant, for `allow`, `deny` and `rm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The user, for `allow`, `deny` and `rm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The share, for `percent`: `0%` to `100%` in steps of `0.001%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "10%")]
    pub share: Option<String>,
    /// What `percent` divides; as before if left out, or else the targeting key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<FlagKey>,
    /// The variant; required for `set`. Left out, it is the one that means on, or off: `true` or
    /// `false`, the name `on` or `off`, the other one of two, or the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Only where the context has this `workload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// Only where the context has this `stage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The rule that `rm` removes, `set` or `percent`. Without it, and without a tenant or user, `rm`
    /// removes everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<FlagRuleKind>,
    /// All that is to be different, for `put`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overriding: Option<FlagOverride>,
    /// The reason; at most 500 characters. Required for `off`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 500)]
    pub reason: String,
    /// Say who would get another variant and change nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// What is different about a flag at run time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlagOverride {
    /// Replaces the state of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Rules that come before the rule of the file: off, deny, allow, set, percent, in this order.
    #[serde(default)]
    pub rules: Vec<FlagRule>,
}

/// One rule of run time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlagRule {
    /// Its kind.
    pub rule: FlagRuleKind,
    /// The tenant it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The user it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The share of a percentage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "10%")]
    pub share: Option<String>,
    /// What the percentage divides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<FlagKey>,
    /// Only where the context has this `workload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// Only where the context has this `stage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The variant that it gives.
    pub variant: String,
}

/// The result of a change of a flag. The `ETag` of the response is the flag's epoch.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlagChanged {
    /// The flag.
    #[schema(example = "new-prompt")]
    pub flag: String,
    /// The command as the audit names it.
    #[schema(example = "flag_off")]
    pub action: String,
    /// False when the flag already was as asked, or for a dry run.
    pub changed: bool,
    /// The change, as text.
    #[schema(example = "deny tenant acme: `off`")]
    pub summary: String,
    /// Epoch of the routing plan in force afterwards.
    pub epoch: u64,
    /// Epoch of the flag's last change; 0 if there was none.
    pub flag_epoch: u64,
    /// Number of the audit record; 0 while there is none.
    pub audit_seq: u64,
    /// False when the state store did not answer in time: `off` and `deny` are in force all the same,
    /// and are recorded as soon as the store answers. Left out when true.
    #[serde(default = "crate::change::yes", skip_serializing_if = "crate::change::is_true")]
    pub recorded: bool,
    /// The actor.
    pub actor: String,
    /// The reason that was recorded; empty if none was given.
    pub reason: String,
    /// The time until the change held everywhere; absent if nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<FlagTiming>,
    /// What became of it on each replica; present in a fleet if it takes a variant away. A fenced replica
    /// counts as unknown: a fence closes candidates and switches no flag off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetOutcome>,
    /// What was different about the flag before.
    pub before: FlagOverride,
    /// What is different about it now, or would be.
    pub after: FlagOverride,
    /// Who gets, or would get, another variant, one line each. The share is measured over made-up users.
    pub moves: Vec<String>,
    /// True if nothing was done because `dry_run` was set.
    #[serde(default)]
    pub dry_run: bool,
}

/// The time until a change of a flag held everywhere.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlagTiming {
    /// Milliseconds from the commit in the store until every worker and the server of flags followed.
    pub acknowledged_ms: f64,
    /// Workers that follow.
    pub acknowledged_workers: u32,
    /// Workers there are.
    pub workers: u32,
    /// True if everybody follows. If false, the change is in force but a stuck thread may still use
    /// the former flags.
    pub settled: bool,
}

/// All flags.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Flags {
    /// By key.
    pub flags: Vec<FlagDetail>,
    /// Flags that were changed at run time and that no file has any more.
    pub orphans: Vec<String>,
    /// Keys that were asked for and that no flag has, at most 100 of them.
    #[serde(default)]
    pub unknown: Vec<UnknownFlag>,
    /// From when on evaluations are known: the start of the process, in Unix milliseconds.
    #[serde(default)]
    pub since_ms: u64,
}

/// A key that no flag has.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UnknownFlag {
    /// The key.
    pub flag: String,
    /// How often it was asked for.
    pub count: u64,
}

/// One flag: its file, and what is different at run time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlagDetail {
    /// Its key.
    pub flag: String,
    /// False if callers use their own default.
    pub enabled: bool,
    /// Names of its variants.
    pub variants: Vec<String>,
    /// The variant for everyone whom no rule decides; absent if callers use their own default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_variant: Option<String>,
    /// True if its file has a rule.
    pub has_rule: bool,
    /// The file.
    pub file: String,
    /// Line in the file.
    pub line: u32,
    /// How percentages choose.
    #[schema(example = "v2")]
    pub bucketing: String,
    /// Its metadata, with those of its file.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// The definition in the file.
    #[schema(value_type = Object)]
    pub definition: Value,
    /// What is different at run time; absent if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overriding: Option<FlagOverride>,
    /// The same in words, one line each.
    pub words: Vec<String>,
    /// The definition that would make it permanent; absent if nothing is different.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub permanent: Option<Value>,
    /// Where the file and the changes of run time do not go together.
    pub remarks: Vec<String>,
    /// Epoch of its last change at run time; 0 if there was none.
    pub epoch: u64,
    /// Reasons to look at it: decided for everybody, expired, without an owner.
    #[serde(default)]
    pub stale: Vec<String>,
    /// Its last evaluation since the process started, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_evaluated_ms: Option<u64>,
}

/// The files of flags, as they are and as they would be with the changes of run time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlagFiles {
    /// In the order of the configuration.
    pub files: Vec<FlagFileText>,
}

/// One file of flags.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlagFileText {
    /// Its path on the server.
    pub path: String,
    /// Its text with the changes of run time in it.
    pub text: String,
    /// True if they make a difference to this file.
    pub differs: bool,
}

/// `POST /v1/flag-evaluations`: tries flags out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateFlags {
    /// The flag; all if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<String>,
    /// The context: `targetingKey`, `tenant`, `user`, `workload`, `stage` and what the rules ask for.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub context: Map<String, Value>,
}

/// Flags as they would be served.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlagEvaluations {
    /// By key.
    pub flags: Vec<FlagEvaluation>,
}

/// One flag as it would be served.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlagEvaluation {
    /// The flag.
    pub flag: String,
    /// The variant; absent if callers use their own default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub value: Option<Value>,
    /// OpenFeature's word for why.
    #[schema(example = "TARGETING_MATCH")]
    pub why: String,
    /// What decided.
    pub decided_by: FlagDecider,
    /// The failure, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}
