//! The stages of both arms by the agents' traces.

use crate::output::table::Table;
use crate::output::{grouped, millis, percent};
use stagegate_api::{ArmStatus, StageStatus, TracedStages};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Stages that are shown; `-o json` has all.
const SHOWN: usize = 12;

/// One row a stage and arm, below a line that says whether it is all of the requests; empty where no
/// traces are received.
pub(super) fn table(stable: &ArmStatus, candidate: Option<&ArmStatus>) -> String {
    let arms: Vec<(&str, &TracedStages)> = [("stable", Some(stable)), ("candidate", candidate)]
        .into_iter()
        .filter_map(|(role, arm)| Some((role, arm?.stages.as_ref()?)))
        .collect();
    let names: BTreeSet<&str> =
        arms.iter().flat_map(|(_, of)| &of.stages).map(|it| it.stage.as_str()).collect();
    if arms.iter().all(|(_, of)| of.requests == 0) {
        return String::new();
    }
    let mut text = String::from("  stages by the agents' traces, since the start\n");
    for (role, of) in &arms {
        let _ = writeln!(text, "    {role}: {}", covered(of));
    }
    let mut table = Table::new(["stage", "arm", "calls", "p50", "p95", "failed", "cost"])
        .right([2, 3, 4, 5, 6]);
    for name in names.iter().take(SHOWN) {
        for (role, of) in &arms {
            if let Some(stage) = of.stages.iter().find(|it| it.stage == *name) {
                table.row(row(role, stage));
            }
        }
    }
    let table = if names.is_empty() { String::new() } else { table.indented().to_string() };
    text.push_str(&table);
    if names.len() > SHOWN {
        let _ = writeln!(text, "    and {} more: `-o json` has all", names.len() - SHOWN);
    }
    text
}

fn covered(of: &TracedStages) -> String {
    let (traced, all) = (grouped(of.traced), grouped(of.requests));
    if of.exact {
        format!("all of {all} requests")
    } else {
        format!("{traced} of {all} requests: a sample")
    }
}

fn row(role: &str, stage: &StageStatus) -> Vec<String> {
    let time = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), millis);
    let failed = match stage.calls {
        0 => "-".to_owned(),
        calls => percent(stage.errors as f64 / calls as f64),
    };
    let cost = match (stage.cost_usd, stage.unpriced_calls) {
        (0.0, 0) => "-".to_owned(),
        (0.0, _) => "unknown".to_owned(),
        (usd, 0) => dollars(usd),
        (usd, _) => format!("{}+", dollars(usd)),
    };
    vec![
        stage.stage.clone(),
        role.to_owned(),
        grouped(stage.calls),
        time(stage.p50_ms),
        time(stage.p95_ms),
        failed,
        cost,
    ]
}

fn dollars(usd: f64) -> String {
    if usd < 1.0 { format!("${usd:.4}") } else { format!("${usd:.2}") }
}
