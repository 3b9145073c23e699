//! Exclusion groups and the allow and deny lists.

use super::send::{ConditionArgs, Order, below, goes_to};
use super::workload::workload_path;
use crate::client::{AdminClient, Failure, typed};
use crate::examples::examples;
use crate::output::table::Table;
use crate::output::{self, Format, grouped};
use clap::{Args, Subcommand, ValueEnum};
use stagegate_api::{OptIn, OptionalReason, WorkloadDetail};
use std::fmt::Write;
use std::process::ExitCode;
use ureq::http::Method;

/// The commands below `exclude`.
#[derive(Subcommand, Debug)]
pub(crate) enum ExcludeCommand {
    /// Add a tenant to an exclusion group.
    #[command(after_help = examples!("exclude add support-agent high_value initech --reason 'renewal this week'"))]
    Add(GroupArgs),
    /// Remove a tenant that was added at run time.
    #[command(after_help = examples!("exclude rm support-agent high_value initech"))]
    Rm(GroupArgs),
    /// Let an excluded tenant take part from now on.
    #[command(after_help = examples!("exclude opt-in support-agent initech --reason 'they agreed'"))]
    OptIn(OptInArgs),
    /// List the excluded tenants.
    #[command(after_help = examples!("exclude ls support-agent"))]
    Ls {
        /// The workload.
        workload: String,
    },
}

/// A tenant in a group.
#[derive(Args, Debug)]
pub(crate) struct GroupArgs {
    /// The workload.
    workload: String,
    /// The group, as `high_value` or `escalated`.
    group: String,
    /// The tenant.
    tenant: String,
    /// The reason; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// Options of `exclude opt-in`.
#[derive(Args, Debug)]
pub(crate) struct OptInArgs {
    /// The workload.
    workload: String,
    /// The tenant.
    tenant: String,
    /// The reason; it is recorded.
    #[arg(long, required_unless_present = "dry_run")]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// The commands below `allow` and `deny`.
#[derive(Subcommand, Debug)]
pub(crate) enum ListCommand {
    /// Add a tenant or user to the list.
    Add(SubjectArgs),
    /// Remove a tenant or user that was added at run time.
    Rm(SubjectArgs),
    /// Show the list.
    Ls {
        /// The workload.
        workload: String,
    },
}

/// The kind of an id: a tenant or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A tenant id.
    Tenant,
    /// A user id.
    User,
}

impl Kind {
    const fn label(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::User => "user",
        }
    }
}

/// A tenant or user.
#[derive(Args, Debug)]
pub(crate) struct SubjectArgs {
    /// The workload.
    workload: String,
    /// The kind of the id.
    kind: Kind,
    /// The id.
    id: String,
    /// The reason; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

pub(crate) fn exclude(
    client: &AdminClient,
    command: &ExcludeCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    let (method, args) = match command {
        ExcludeCommand::Add(args) => (Method::PUT, args),
        ExcludeCommand::Rm(args) => (Method::DELETE, args),
        ExcludeCommand::OptIn(args) => return opt_in(client, args, format),
        ExcludeCommand::Ls { workload } => return list_excluded(client, workload, format),
    };
    let adds = method == Method::PUT;
    let path = below(&["exclusions", &args.group, &args.tenant]);
    let body = OptionalReason { reason: args.reason.clone() };
    let (workload, conditions) = (args.workload.as_str(), &args.conditions);
    Order { workload, method, path, body, conditions }.run(client, format, |now, seen| {
        let from = goes_to(client, workload, "tenant", &args.tenant)?;
        let to = if adds {
            format!("{} (stable): excluded as {}", now.stable, args.group)
        } else {
            AFTER_THE_ENTRY.to_owned()
        };
        seen.moves(&format!("tenant {}", args.tenant), from, to);
        Ok(())
    })
}

/// The destination of a subject after its entry is removed.
const AFTER_THE_ENTRY: &str =
    "wherever the rules below this one send them (lists, cohorts, weight)";

fn opt_in(client: &AdminClient, args: &OptInArgs, format: Format) -> Result<ExitCode, Failure> {
    let path = below(&["exclusions", &args.tenant, "opt-in"]);
    let body = OptIn { reason: args.reason.clone().unwrap_or_default() };
    let (workload, conditions) = (args.workload.as_str(), &args.conditions);
    Order { workload, method: Method::POST, path, body, conditions }.run(
        client,
        format,
        |_, seen| {
            let from = goes_to(client, workload, "tenant", &args.tenant)?;
            seen.moves(&format!("tenant {}", args.tenant), from, AFTER_THE_ENTRY);
            Ok(())
        },
    )
}

/// `allow` and `deny`: the same commands on two lists.
pub(crate) fn list(
    client: &AdminClient,
    list: &str,
    command: &ListCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    let (method, args) = match command {
        ListCommand::Add(args) => (Method::PUT, args),
        ListCommand::Rm(args) => (Method::DELETE, args),
        ListCommand::Ls { workload } => return show_list(client, list, workload, format),
    };
    let adds = method == Method::PUT;
    let kind = args.kind.label();
    let path = below(&[list, kind, &args.id]);
    let body = OptionalReason { reason: args.reason.clone() };
    let (workload, conditions) = (args.workload.as_str(), &args.conditions);
    Order { workload, method, path, body, conditions }.run(client, format, |now, seen| {
        let from = goes_to(client, workload, kind, &args.id)?;
        let candidate = now.candidate.as_deref().unwrap_or("none");
        let to = match (adds, list) {
            (true, "allow") => format!("{candidate} (candidate): on the allow list"),
            (true, _) => format!("{} (stable): on the deny list", now.stable),
            (false, _) => AFTER_THE_ENTRY.to_owned(),
        };
        seen.moves(&format!("{kind} {}", args.id), from, to);
        if adds && list == "allow" && !now.open {
            seen.who("the candidate is closed: nobody goes there before it is open again");
        }
        Ok(())
    })
}

fn list_excluded(
    client: &AdminClient,
    workload: &str,
    format: Format,
) -> Result<ExitCode, Failure> {
    let answer = client.get(&workload_path(workload, ""))?;
    let detail: WorkloadDetail = typed(&answer)?;
    output::show(format, &answer["exclusions"], || excluded_text(&detail));
    Ok(ExitCode::SUCCESS)
}

fn excluded_text(detail: &WorkloadDetail) -> String {
    let mut table = Table::new(["tenant", "group", "from", "state"]);
    let mut unlisted = 0;
    for group in &detail.exclusions {
        unlisted += group.config_total.saturating_sub(group.config_tenants.len() as u64);
        let config = group.config_tenants.iter().map(|tenant| ("config", tenant));
        let runtime = group.tenants.iter().map(|tenant| ("runtime", tenant));
        for (from, tenant) in config.chain(runtime) {
            let state = if detail.opted_in.contains(tenant) { "opted in" } else { "excluded" };
            table.row([tenant, &group.group, from, state].map(str::to_owned).to_vec());
        }
    }
    with_unlisted(table.or("nobody is excluded"), unlisted)
}

/// Says how many more the configuration file names than the API lists.
fn with_unlisted(mut text: String, unlisted: u64) -> String {
    if unlisted > 0 {
        let _ = writeln!(text, "and {} more in the configuration file", grouped(unlisted));
    }
    text
}

fn show_list(
    client: &AdminClient,
    list: &str,
    workload: &str,
    format: Format,
) -> Result<ExitCode, Failure> {
    let answer = client.get(&workload_path(workload, ""))?;
    let detail: WorkloadDetail = typed(&answer)?;
    let entries = if list == "allow" { &detail.allow } else { &detail.deny };
    output::show(format, &answer[list], || {
        let mut table = Table::new(["kind", "id", "from"]);
        for (kind, from, ids) in [
            ("tenant", "config", &entries.config_tenants),
            ("user", "config", &entries.config_users),
            ("tenant", "runtime", &entries.tenants),
            ("user", "runtime", &entries.users),
        ] {
            for id in ids {
                table.row(vec![kind.to_owned(), id.clone(), from.to_owned()]);
            }
        }
        let listed = entries.config_tenants.len() + entries.config_users.len();
        let unlisted = entries.config_total.saturating_sub(listed as u64);
        with_unlisted(table.or("the list is empty"), unlisted)
    });
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::{Kind, ListCommand, SubjectArgs, excluded_text, list};
    use crate::canned;
    use crate::command::send::ConditionArgs;
    use crate::output::Format;
    use serde_json::json;

    #[test]
    fn taking_somebody_off_a_list_sends_the_reason_too() {
        let changed = json!({
            "command": "unlist", "changed": true, "summary": "ann no longer denied", "epoch": 6,
            "audit_seq": 10, "actor": "deployer", "reason": "resolved",
            "workload": canned::workload("10%"),
        });
        let (client, asked) = canned::answer("200 OK", &changed.to_string());
        let command = ListCommand::Rm(SubjectArgs {
            workload: "agent".into(),
            kind: Kind::User,
            id: "ann@example.com".into(),
            reason: Some("resolved".into()),
            conditions: ConditionArgs::default(),
        });
        list(&client, "deny", &command, Format::Json).expect("done");
        let asked = asked.join().expect("one request");
        let line = "DELETE /v1/workloads/agent/deny/user/ann%40example.com HTTP/1.1\r\n";
        assert!(asked.starts_with(line), "{asked}");
        assert!(asked.contains(r#"{"reason":"resolved"}"#), "{asked}");
    }

    #[test]
    fn shows_who_is_excluded_who_was_opted_in_and_how_many_more_there_are() {
        let detail = serde_json::from_value(canned::workload("10%")).expect("the API's own shape");
        let text = excluded_text(&detail);
        let line =
            |tenant: &str| text.lines().find(|line| line.starts_with(tenant)).expect("listed");
        assert!(line("medco").ends_with("excluded"), "{text}");
        assert!(line("initech").ends_with("opted in"), "{text}");
        assert!(text.contains("119 more"), "{text}");
    }
}
