//! From rounds to medians, spreads and ratios; the tables and the summary file.

mod cell;
mod summary;
mod table;

use std::fs;
use std::time::Duration;

use anyhow::Result;

pub(super) use cell::{Cell, median, rate};
pub(super) use summary::write;
pub(super) use table::tables;

use crate::bench::case::Who;
use crate::bench::programs::Programs;
use crate::bench::proxy::Kind;

/// Prints what is measured where.
pub(super) fn heading(
    programs: &Programs,
    kinds: &[Kind],
    rounds: u32,
    seconds: Duration,
) -> Result<()> {
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
    for kind in kinds.iter().filter(|kind| **kind != Kind::Direct) {
        println!("  {:<10} {}", kind.label(), programs.version(*kind)?);
    }
    Ok(())
}

/// The measurements of another product under the same load.
fn peer<'a>(cells: &'a [Cell], cell: &Cell, kind: Kind) -> Option<&'a Cell> {
    cells.iter().find(|other| other.same_load(cell) && other.setup.kind == kind)
}

/// What one thing costs, and what it is: the CPU time per request of a set-up with it, against that
/// of the same set-up without, round by round.
fn cost_of_one(cells: &[Cell], cell: &Cell) -> Option<CostOfOne> {
    let (what, without) = match (cell.case.who, cell.setup.feature()) {
        (Who::Pair(pair), _) if cell.setup.features == pair.with => (pair.what, pair.without),
        (Who::Features, Some(feature)) => (feature.what, "bare"),
        _ => return None,
    };
    let is_other = |other: &&Cell| other.same_load(cell) && other.setup.features == without;
    let other = cells.iter().find(is_other)?;
    Some(CostOfOne {
        what,
        us: cell.more_than(other)?,
        all: cell.ratio_to(other)?,
        serving: cell.serving_ratio_to(other)?,
    })
}

/// The cost of one thing.
struct CostOfOne {
    what: &'static str,
    /// CPU time that a request takes more, in microseconds, of all threads.
    us: f64,
    /// CPU time per request with it, divided by that without, of all threads.
    all: f64,
    /// The same of the threads that serve requests.
    serving: f64,
}
