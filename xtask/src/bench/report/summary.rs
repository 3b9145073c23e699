//! `target/bench/summary.json`: a list with an entry per case, number of connections and set-up.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::bench::case::Load;
use crate::bench::proxy::Kind;
use crate::bench::report::cell::{Cell, cpu_us, rate, rss_kib};
use crate::bench::report::{cost_of_one, peer};
use crate::project::Project;

/// Writes the file.
pub(in crate::bench) fn write(project: &Project, cells: &[Cell]) -> Result<()> {
    let rows: Vec<Value> = cells.iter().map(|cell| row(cells, cell)).collect();
    let file = project.scratch("bench")?.join("summary.json");
    let text = serde_json::to_string_pretty(&rows).context("writing the summary as JSON")?;
    fs::write(&file, text + "\n").with_context(|| format!("writing {}", file.display()))?;
    println!("\nwritten to {}", file.display());
    Ok(())
}

/// One entry; a figure that was not measured is null.
fn row(cells: &[Cell], cell: &Cell) -> Value {
    let haproxy = peer(cells, cell, Kind::Haproxy);
    let mut row = json!({
        "case": cell.case.name,
        "connections": cell.connections,
        "proxy": cell.setup.kind.label(),
        "features": cell.setup.features,
        "cpu_us_per_request": round(cell.median(cpu_us), 2),
        "cpu_us_per_request_rounds": cell.rounds.iter()
            .map(|one| round(cpu_us(one), 2)).collect::<Vec<_>>(),
        "rps": round(cell.median(rate), 0),
        "p50_us": round(cell.latency(|q| q.p50), 1),
        "p99_us": round(cell.latency(|q| q.p99), 1),
        "p999_us": round(cell.latency(|q| q.p999), 1),
        "rss_kib": round(cell.median(rss_kib), 0),
        "syscalls_per_request": round(cell.syscalls, 2),
        "ratio_to_haproxy": round(haproxy.and_then(|peer| cell.ratio_to(peer)), 3),
    });
    if let (Some(cost), Some(row)) = (cost_of_one(cells, cell), row.as_object_mut()) {
        row.insert("more_us_than_without".to_owned(), json!(round(Some(cost.us), 2)));
        row.insert("ratio_to_without".to_owned(), json!(round(Some(cost.all), 3)));
        row.insert("serving_ratio_to_without".to_owned(), json!(round(Some(cost.serving), 3)));
    }
    if let (Load::Streams, Some(row)) = (cell.case.load, row.as_object_mut()) {
        row.extend(of_streams(cells, cell));
    }
    row
}

/// What only streams have: a "request" is an event here, its latency the time from the origin
/// to the client, "added" what the same took without a proxy taken away.
fn of_streams(cells: &[Cell], cell: &Cell) -> Vec<(String, Value)> {
    let direct = peer(cells, cell, Kind::Direct);
    let added = |figure: &dyn Fn(&Cell) -> Option<f64>| {
        let (ours, theirs) = figure(cell).zip(direct.and_then(figure))?;
        Some(ours - theirs)
    };
    let figures: [(&str, Option<f64>); 7] = [
        ("added_p50_us", added(&|cell| cell.latency(|q| q.p50))),
        ("added_p99_us", added(&|cell| cell.latency(|q| q.p99))),
        ("first_byte_p50_us", cell.first_byte(|q| q.p50)),
        ("first_byte_p99_us", cell.first_byte(|q| q.p99)),
        ("added_first_byte_p50_us", added(&|cell| cell.first_byte(|q| q.p50))),
        ("added_first_byte_p99_us", added(&|cell| cell.first_byte(|q| q.p99))),
        ("kib_per_stream", cell.kib_per_stream()),
    ];
    figures.map(|(name, value)| (name.to_owned(), json!(round(value, 1)))).into()
}

fn round(value: Option<f64>, digits: i32) -> Option<f64> {
    let scale = 10f64.powi(digits);
    value.map(|value| (value * scale).round() / scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::case::{Case, Who};
    use crate::bench::report::cell::tests::cell;

    #[test]
    fn an_entry_has_every_figure_by_its_name() {
        let cells = [cell(Kind::Stagegate, &[10, 12, 11]), cell(Kind::Haproxy, &[20, 24, 22])];
        let row = row(&cells, &cells[0]);
        assert_eq!(row["case"], "get-300b");
        assert_eq!(row["proxy"], "stagegate");
        assert_eq!(row["features"], "bare");
        assert_eq!(row["cpu_us_per_request"], 11.0);
        assert_eq!(row["rps"], 1000.0);
        assert_eq!(row["p999_us"], 12.0);
        assert_eq!(row["rss_kib"], 2048.0);
        assert_eq!(row["syscalls_per_request"], Value::Null);
        assert_eq!(row["ratio_to_haproxy"], 0.5);
        assert!(row.get("kib_per_stream").is_none(), "only streams have it");
    }

    #[test]
    fn the_cost_of_reading_usage_is_told_against_not_reading_it() {
        let case =
            Case::all().iter().find(|case| matches!(case.who, Who::Pair(_))).expect("a case");
        let mut cells = [cell(Kind::Stagegate, &[100, 200]), cell(Kind::Stagegate, &[104, 208])];
        for cell in &mut cells {
            cell.case = case;
        }
        let signals =
            Kind::Stagegate.setups().into_iter().find(|setup| setup.features == "signals");
        cells[1].setup = signals.expect("a set-up");
        cells[1].rounds[0].serving = cells[0].rounds[0].serving;
        cells[1].rounds[1].serving = cells[0].rounds[1].serving;
        assert_eq!(row(&cells, &cells[1])["ratio_to_without"], 1.04);
        assert_eq!(row(&cells, &cells[1])["serving_ratio_to_without"], 1.0, "done beside");
        assert!(row(&cells, &cells[0]).get("ratio_to_without").is_none());
    }

    #[test]
    fn what_a_proxy_adds_is_told_against_the_origin_alone() {
        let case = Case::all().iter().find(|case| case.load == Load::Streams).expect("a case");
        let mut cells = [cell(Kind::Stagegate, &[10]), cell(Kind::Direct, &[10])];
        for cell in &mut cells {
            cell.case = case;
        }
        cells[0].rounds[0].seen.latency.p99 *= 3;
        let row = row(&cells, &cells[0]);
        assert_eq!(row["p99_us"], 27.0);
        assert_eq!(row["added_p99_us"], 18.0);
        assert_eq!(row["added_p50_us"], 0.0);
        assert_eq!(row["ratio_to_haproxy"], Value::Null, "it was not measured");
    }
}
