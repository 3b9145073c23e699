//! From rounds to medians, spreads and ratios; the table and the summary file.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::bench::case::Case;
use crate::bench::lab::Lab;
use crate::bench::load::Seen;
use crate::bench::proxy::Kind;
use crate::project::Project;

/// One measurement.
pub(super) struct Round {
    /// CPU time of the proxy while the load ran.
    pub(super) cpu: Duration,
    pub(super) rss_kib: u64,
    pub(super) seen: Seen,
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
impl Round {
    fn cpu_us_per_request(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.seen.requests as f64
    }

    fn rate(&self) -> f64 {
        self.seen.requests as f64 / self.seen.duration.as_secs_f64()
    }

    fn core_share(&self) -> f64 {
        self.cpu.as_secs_f64() / self.seen.duration.as_secs_f64()
    }

    fn rss(&self) -> f64 {
        self.rss_kib as f64
    }
}

/// All measurements of one proxy under one load.
pub(super) struct Cell {
    pub(super) case: Case,
    pub(super) connections: u32,
    /// Its place in [`Lab::proxies`].
    pub(super) proxy: usize,
    pub(super) rounds: Vec<Round>,
    pub(super) syscalls: Option<f64>,
}

impl Cell {
    pub(super) fn new(case: Case, connections: u32, proxy: usize) -> Self {
        Self { case, connections, proxy, rounds: Vec::new(), syscalls: None }
    }

    fn median(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(figure).collect())
    }

    /// Median over the rounds of this proxy's CPU time per request by the other's
    /// in the same round: what disturbs the machine for a while disturbs both.
    fn ratio_to(&self, other: &Self) -> f64 {
        let pairs = self.rounds.iter().zip(&other.rounds);
        median(pairs.map(|(a, b)| a.cpu_us_per_request() / b.cpu_us_per_request()).collect())
    }

    fn same_load(&self, other: &Self) -> bool {
        self.case.name == other.case.name && self.connections == other.connections
    }
}

/// The middle value, or the mean of the two middle ones; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => 0.0,
        (Some(value), 1) => *value,
        (Some(value), _) => (values[middle - 1] + value) / 2.0,
    }
}

/// What was measured where.
pub(super) fn heading(lab: &Lab, rounds: u32, seconds: Duration) {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!(
        "{cores} cores, {}, Linux {}, load before {}; {rounds} rounds of {} s",
        model.trim_start_matches([' ', '\t', ':']),
        kernel.trim(),
        load.split_whitespace().next().unwrap_or("unknown"),
        seconds.as_secs(),
    );
    for proxy in lab.proxies() {
        println!("  {:<15} {}", proxy.label(), proxy.version);
    }
}

/// Prints the table.
pub(super) fn print(lab: &Lab, cells: &[Cell]) {
    print!("{}", table(lab, cells));
}

fn table(lab: &Lab, cells: &[Cell]) -> String {
    let mut table = String::new();
    let mut group: Option<&Cell> = None;
    for cell in cells {
        if !group.is_some_and(|first| first.same_load(cell)) {
            group = Some(cell);
            let _ = writeln!(
                table,
                "\n{}, {} connections\n\
                 | proxy | CPU us/request (min–max) | ratio to HAProxy | requests/s | p50 us | p99 us | RSS MiB | core used | syscalls/request |\n\
                 |---|--:|--:|--:|--:|--:|--:|--:|--:|",
                cell.case.name, cell.connections
            );
        }
        let costs = || cell.rounds.iter().map(Round::cpu_us_per_request);
        let _ = writeln!(
            table,
            "| {} | {:.1} ({:.1}–{:.1}) | {} | {:.0} | {:.0} | {:.0} | {:.1} | {:.0}% | {} |",
            lab.proxies()[cell.proxy].label(),
            cell.median(Round::cpu_us_per_request),
            costs().fold(f64::INFINITY, f64::min),
            costs().fold(0.0, f64::max),
            haproxy(lab, cells, cell)
                .map_or("-".to_owned(), |peer| format!("{:.2}", cell.ratio_to(peer))),
            cell.median(Round::rate),
            cell.median(|round| micros(round.seen.p50)),
            cell.median(|round| micros(round.seen.p99)),
            cell.median(Round::rss) / 1024.0,
            cell.median(Round::core_share) * 100.0,
            cell.syscalls.map_or("-".to_owned(), |calls| format!("{calls:.1}")),
        );
    }
    table
}

/// HAProxy's measurements under the same load.
fn haproxy<'a>(lab: &Lab, cells: &'a [Cell], cell: &Cell) -> Option<&'a Cell> {
    cells.iter().find(|other| {
        other.same_load(cell) && lab.proxies()[other.proxy].setup.kind == Kind::Haproxy
    })
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Writes `target/bench/summary.json`.
pub(super) fn write(project: &Project, lab: &Lab, cells: &[Cell]) -> Result<()> {
    let rows: Vec<Value> = cells
        .iter()
        .map(|cell| {
            let proxy = &lab.proxies()[cell.proxy];
            json!({
                "case": cell.case.name,
                "connections": cell.connections,
                "proxy": proxy.setup.kind.label(),
                "features": proxy.setup.features,
                "cpu_us_per_request": round(cell.median(Round::cpu_us_per_request), 2),
                "cpu_us_per_request_rounds": cell.rounds.iter()
                    .map(|one| round(one.cpu_us_per_request(), 2)).collect::<Vec<_>>(),
                "rps": round(cell.median(Round::rate), 0),
                "p50_us": cell.median(|one| micros(one.seen.p50)),
                "p99_us": cell.median(|one| micros(one.seen.p99)),
                "rss_kib": cell.median(Round::rss),
                "syscalls_per_request": cell.syscalls.map(|calls| round(calls, 2)),
                "ratio_to_haproxy": haproxy(lab, cells, cell)
                    .map(|peer| round(cell.ratio_to(peer), 3)),
            })
        })
        .collect();
    let file = project.scratch("bench")?.join("summary.json");
    let text = serde_json::to_string_pretty(&rows).context("writing the summary as JSON")?;
    fs::write(&file, text + "\n").with_context(|| format!("writing {}", file.display()))?;
    println!("\nwritten to {}", file.display());
    Ok(())
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(costs_us: &[u64]) -> Cell {
        let mut cell = Cell::new(Case::all()[0], 64, 0);
        cell.rounds = costs_us
            .iter()
            .map(|cost| Round {
                cpu: Duration::from_micros(cost * 1000),
                rss_kib: 2048,
                seen: Seen {
                    requests: 1000,
                    duration: Duration::from_secs(1),
                    p50: Duration::from_micros(5),
                    p99: Duration::from_micros(9),
                },
            })
            .collect();
        cell
    }

    #[test]
    fn a_median_ignores_one_bad_round() {
        let cell = cell(&[20, 21, 90]);
        assert!((cell.median(Round::cpu_us_per_request) - 21.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        // The machine was twice as slow in the second round, for both.
        let ours = cell(&[10, 20, 10]);
        let theirs = cell(&[20, 40, 20]);
        assert!((ours.ratio_to(&theirs) - 0.5).abs() < 1e-9);
    }
}
