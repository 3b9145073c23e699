//! `stagegate analysis`: the evaluations of a rollout's gates.

use super::evidence;
use super::workload::workload_path;
use crate::client::{AdminClient, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::Table;
use crate::output::{self, Format, moment};
use clap::Subcommand;
use stagegate_api::{Analyses, KeptAnalysis};
use std::process::ExitCode;

/// The commands below `analysis`.
#[derive(Subcommand, Debug)]
pub(crate) enum AnalysisCommand {
    /// Show the measurements of one analysis.
    #[command(after_help = examples!("analysis show support-agent~v43~2~1~7~0a1b2c3d"))]
    Show {
        /// The analysis' id.
        id: String,
    },
    /// List a workload's analyses, newest first.
    #[command(after_help = examples!("analysis ls support-agent --limit 5"))]
    Ls {
        /// The workload.
        workload: String,
        /// Only those of this rollout.
        #[arg(long)]
        rollout: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
}

pub(crate) fn run(
    client: &AdminClient,
    command: &AnalysisCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        AnalysisCommand::Show { id } => show(client, id, format),
        AnalysisCommand::Ls { workload, rollout, limit } => {
            list(client, workload, rollout.as_deref(), *limit, format)
        }
    }
}

fn show(client: &AdminClient, id: &str, format: Format) -> Result<ExitCode, Failure> {
    // An id begins with its workload's name.
    let Some((workload, _)) = id.split_once('~') else {
        return Err(Failure::Usage(format!(
            "`{id}` is no analysis: an id looks like agent~v43~2~1~7~0a1b2c3d; \
             `stagegate analysis ls WORKLOAD` lists them"
        )));
    };
    let path = workload_path(workload, &format!("/analyses/{}", segment(id)));
    let raw = client.get(&path)?;
    let kept: KeptAnalysis = typed(&raw)?;
    output::show(format, &raw, || {
        let analysis = &kept.analysis;
        let rests = if kept.decisive { ", a change rests on it" } else { "" };
        format!(
            "{}   step {}   {}{rests}\n{}",
            analysis.id,
            analysis.step,
            moment(analysis.at_ms),
            evidence::text(analysis)
        )
    });
    Ok(ExitCode::SUCCESS)
}

fn list(
    client: &AdminClient,
    workload: &str,
    rollout: Option<&str>,
    limit: u32,
    format: Format,
) -> Result<ExitCode, Failure> {
    let only = rollout.map_or_else(String::new, |id| format!("&rollout={}", segment(id)));
    let raw = client.get(&workload_path(workload, &format!("/analyses?limit={limit}{only}")))?;
    let analyses: Analyses = typed(&raw)?;
    output::show(format, &raw, || {
        let mut ids = String::new();
        let mut table = Table::new(["at", "step", "verdict", "first reason"]).whole([0]);
        for kept in &analyses.analyses {
            let analysis = &kept.analysis;
            ids.push_str(&format!("{}\n", analysis.id));
            table.row(vec![
                moment(analysis.at_ms),
                analysis.step.to_string(),
                analysis.verdict.to_string(),
                analysis
                    .trigger
                    .clone()
                    .or_else(|| analysis.blocks.first().cloned())
                    .unwrap_or_default(),
            ]);
        }
        if !ids.is_empty() {
            ids = format!("\nin the same order, for `stagegate analysis show ID`:\n{ids}");
        }
        table.or("no analyses yet") + &ids
    });
    Ok(ExitCode::SUCCESS)
}
