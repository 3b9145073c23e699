//! `stagegate cohort`: tenants rolled forward cohort by cohort, back latest first.

use super::preview;
use super::send::{ConditionArgs, Order, below};
use super::workload::workload_path;
use crate::client::{AdminClient, Failure, typed};
use crate::examples::examples;
use crate::output::table::Table;
use crate::output::{self, Format, grouped};
use clap::{Args, Subcommand};
use stagegate_api::{Cohorts, EnableCohort, OptionalReason};
use std::process::ExitCode;
use ureq::http::Method;

/// The commands below `cohort`.
#[derive(Subcommand, Debug)]
pub(crate) enum CohortCommand {
    /// Enable the next cohort.
    #[command(after_help = examples!("cohort enable support-agent pilots", "cohort enable support-agent mid-market --opt-in initech --reason 'they agreed'"))]
    Enable(EnableArgs),
    /// Close the cohort that was enabled last.
    #[command(after_help = examples!("cohort rollback support-agent --reason 'complaints'"))]
    Rollback(RollbackArgs),
    /// List the cohorts in the order they open.
    #[command(after_help = examples!("cohort ls support-agent"))]
    Ls {
        /// The workload.
        workload: String,
    },
}

/// Options of `cohort enable`.
#[derive(Args, Debug)]
pub(crate) struct EnableArgs {
    /// The workload.
    workload: String,
    /// The cohort; must be the next one in order.
    cohort: String,
    /// An excluded tenant of the cohort to opt in with it; may be given several times.
    #[arg(long, value_name = "TENANT", requires = "reason")]
    opt_in: Vec<String>,
    /// Enable it although a gate rolled the candidate back.
    #[arg(long = "override", requires = "reason")]
    overriding: bool,
    /// The reason; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// Options of `cohort rollback`.
#[derive(Args, Debug)]
pub(crate) struct RollbackArgs {
    /// The workload.
    workload: String,
    /// The reason; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

pub(crate) fn run(
    client: &AdminClient,
    command: &CohortCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        CohortCommand::Enable(args) => {
            let path = below(&["cohorts", &args.cohort, "enable"]);
            let body = EnableCohort {
                reason: args.reason.clone(),
                opt_in: args.opt_in.clone(),
                overriding: args.overriding,
            };
            let (workload, conditions) = (args.workload.as_str(), &args.conditions);
            Order { workload, method: Method::POST, path, body, conditions }.run(
                client,
                format,
                |now, seen| {
                    preview::enable(now, &args.cohort, &args.opt_in, seen);
                    preview::condemned(now, now.candidate.as_deref(), args.overriding, seen);
                    Ok(())
                },
            )
        }
        CohortCommand::Rollback(args) => {
            let path = "/cohorts/rollback".to_owned();
            let body = OptionalReason { reason: args.reason.clone() };
            let (workload, conditions) = (args.workload.as_str(), &args.conditions);
            Order { workload, method: Method::POST, path, body, conditions }.run(
                client,
                format,
                |now, seen| {
                    preview::close(now, seen);
                    Ok(())
                },
            )
        }
        CohortCommand::Ls { workload } => {
            let answer = client.get(&workload_path(workload, "/cohorts"))?;
            let cohorts: Cohorts = typed(&answer)?;
            output::show(format, &answer, || list(&cohorts));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(cohorts: &Cohorts) -> String {
    let mut table = Table::new(["cohort", "state", "tenants", "excluded"]).right([2]);
    for cohort in &cohorts.cohorts {
        let state = match (cohort.enabled, &cohorts.next) {
            (true, _) => "enabled",
            (false, Some(next)) if *next == cohort.name => "next",
            (false, _) => "closed",
        };
        table.row(vec![
            cohort.name.clone(),
            state.to_owned(),
            grouped(cohort.tenants),
            cohort.excluded.join(", "),
        ]);
    }
    table.or("no cohorts")
}
