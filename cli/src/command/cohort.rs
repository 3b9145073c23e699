//! `stagegate cohort`: tenants rolled forward cohort by cohort, back latest first.

use super::change::{ConditionArgs, show_changed, workload_path};
use crate::client::{AdminClient, Failure, segment, typed};
use crate::output::table::Table;
use crate::output::{self, Format, grouped};
use clap::{Args, Subcommand};
use stagegate_api::{Cohorts, EnableCohort, OptionalReason};
use std::process::ExitCode;
use ureq::http::Method;

/// What can be done with cohorts.
#[derive(Subcommand, Debug)]
pub(crate) enum CohortCommand {
    /// Open the next cohort.
    Enable(EnableArgs),
    /// Close the cohort that was opened last.
    Rollback(RollbackArgs),
    /// List the cohorts in the order they open.
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
    /// Why; it is recorded.
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
    /// Why; it is recorded.
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
            let path = format!("/cohorts/{}/enable", segment(&args.cohort));
            let path = workload_path(&args.workload, &path);
            let body = EnableCohort { reason: args.reason.clone(), opt_in: args.opt_in.clone() };
            let answer = client.send(&Method::POST, &path, &body, args.conditions.conditions())?;
            show_changed(format, &answer)
        }
        CohortCommand::Rollback(args) => {
            let path = workload_path(&args.workload, "/cohorts/rollback");
            let body = OptionalReason { reason: args.reason.clone() };
            let answer = client.send(&Method::POST, &path, &body, args.conditions.conditions())?;
            show_changed(format, &answer)
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
