//! Arguments of the commands below `flag`.

use crate::command::send::ConditionArgs;
use crate::duration::Duration;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use stagegate_flags::Bucketing;
use stagegate_rollout::Weight;
use std::path::PathBuf;

/// Files that are one set of flags.
#[derive(Args, Debug)]
pub(crate) struct FilesArgs {
    /// A file of flags instead of the running server; give it again for more files.
    #[arg(short, long = "file", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How percentages choose, for files that do not say it: v1, v2 or v3.
    #[arg(long, value_name = "VERSION", default_value = "v2", requires = "files")]
    pub(crate) bucketing: Bucketing,
}

/// Options of `flag lint`.
#[derive(Args, Debug)]
pub(crate) struct LintArgs {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Warnings fail the check too.
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Options of `flag ls`.
#[derive(Args, Debug)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    pub(crate) files: FilesArgs,
    /// Only flags that may be removed: decided for everybody, past `expires`, without an owner, or not
    /// evaluated for some time. Says why.
    #[arg(long, conflicts_with = "files")]
    pub(crate) stale: bool,
    /// A flag counts as unused after so long without an evaluation.
    #[arg(long, value_name = "TIME", default_value = "30d", requires = "stale")]
    pub(crate) unused: Duration,
}

/// Options of `flag show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The flag's key.
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) files: FilesArgs,
}

/// Options of `flag test`.
#[derive(Args, Debug)]
pub(crate) struct TestArgs {
    /// The flag's key; all flags if left out.
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) files: FilesArgs,
    /// `user` of the context, and its targeting key unless `--set targetingKey=…` is given.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// `tenant` of the context.
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// A field of the context. JSON is taken as such, anything else as text.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = field)]
    pub(crate) fields: Vec<(String, Value)>,
}

impl TestArgs {
    /// The context.
    pub(crate) fn context(&self) -> Map<String, Value> {
        let mut context = Map::new();
        for (name, value) in [
            ("targetingKey", &self.user),
            ("user", &self.user),
            ("tenant", &self.tenant),
            ("workload", &self.place.workload),
            ("stage", &self.place.stage),
        ] {
            if let Some(value) = value {
                context.insert(name.to_owned(), Value::from(value.as_str()));
            }
        }
        context.extend(self.fields.iter().cloned());
        context
    }
}

fn field(text: &str) -> Result<(String, Value), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("write it as NAME=VALUE".into());
    };
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

/// Where a rule holds.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PlaceArgs {
    /// Only where the context has this `workload`.
    #[arg(short = 'w', long)]
    pub(crate) workload: Option<String>,
    /// Only where the context has this `stage`.
    #[arg(long)]
    pub(crate) stage: Option<String>,
}

/// Options of every change.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ChangeArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// The reason; it is recorded.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) conditions: ConditionArgs,
}

/// Options of `flag off`.
#[derive(Args, Debug)]
pub(crate) struct OffArgs {
    /// The flag's key.
    pub(crate) key: String,
    /// The variant that everybody gets; the one that means off if left out.
    #[arg(long)]
    pub(crate) variant: Option<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// The reason; it is recorded.
    #[arg(long, required_unless_present = "dry_run")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) conditions: ConditionArgs,
}

/// Options of `flag on`.
#[derive(Args, Debug)]
pub(crate) struct OnArgs {
    /// The flag's key.
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// Options of `flag set`.
#[derive(Args, Debug)]
pub(crate) struct SetArgs {
    /// The flag's key.
    pub(crate) key: String,
    /// The variant.
    pub(crate) variant: String,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// A tenant or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Who {
    /// `tenant` of the context.
    Tenant,
    /// `user` of the context, or else its targeting key.
    User,
}

/// Options of `flag allow` and `flag deny`.
#[derive(Args, Debug)]
pub(crate) struct SubjectArgs {
    /// The flag's key.
    pub(crate) key: String,
    /// The kind of the id.
    pub(crate) kind: Who,
    /// The id.
    pub(crate) id: String,
    /// The variant; the one that means on, or off, if left out.
    #[arg(long)]
    pub(crate) variant: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// What a percentage divides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Divided {
    /// The targeting key of the context.
    TargetingKey,
    /// The user, or else the targeting key.
    User,
    /// The tenant.
    Tenant,
    /// The conversation.
    Conversation,
}

/// Options of `flag percent`.
#[derive(Args, Debug)]
pub(crate) struct PercentArgs {
    /// The flag's key.
    pub(crate) key: String,
    /// The share: 0% to 100% in steps of 0.001%.
    pub(crate) share: Weight,
    /// What is divided; as before if left out, or else the targeting key.
    #[arg(long)]
    pub(crate) by: Option<Divided>,
    /// The variant; as before if left out, or else the one that means on.
    #[arg(long)]
    pub(crate) variant: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// Rules that `flag rm` removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Removed {
    /// The rule about a tenant.
    Tenant,
    /// The rule about a user.
    User,
    /// The variant for everybody.
    Set,
    /// The percentage.
    Percent,
}

/// Options of `flag rm`.
#[derive(Args, Debug)]
pub(crate) struct RmArgs {
    /// The flag's key.
    pub(crate) key: String,
    /// The rule; all that was changed at run time if left out.
    pub(crate) rule: Option<Removed>,
    /// The tenant or user.
    #[arg(required_if_eq_any = [("rule", "tenant"), ("rule", "user")])]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// Options of `flag put`.
#[derive(Args, Debug)]
pub(crate) struct PutArgs {
    /// The flag's key.
    pub(crate) key: String,
    /// All that is to be different, as `flag show -o json` prints it in `overriding`.
    #[arg(value_name = "JSON")]
    pub(crate) overriding: String,
    /// The reason; it is recorded.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) conditions: ConditionArgs,
}

/// Options of `flag history`.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// The flag's key.
    pub(crate) key: String,
    /// Only records before this number.
    #[arg(long, value_name = "SEQ")]
    pub(crate) before: Option<u64>,
    /// At most this many.
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(crate) limit: u32,
}

/// Options of `flag diff`.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// The flag's key; all flags if left out.
    pub(crate) key: Option<String>,
}

/// Options of `flag export`.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// The file as the server names it, or the end of its path; needed where there are several.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// Write it here instead of to standard output.
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
}
