//! `cargo xtask bench`: what a request costs in Stagegate and in its peers.
//!
//! Every proxy is measured in the same run, in turn, round after round, on its own
//! core; the load generator and the origin share another one. What counts is the
//! CPU time per request and its ratio to HAProxy: rates depend on the machine and
//! on who else is using it. `docs/BENCHMARKS.md` says how to read the result.
//! With `--check` it counts instructions of the pure hot paths instead.

mod baseline;
mod case;
mod http;
mod instructions;
mod lab;
mod load;
mod procfs;
mod proxy;
mod report;
mod syscalls;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::bench::case::Case;
use crate::bench::lab::Lab;
use crate::bench::proxy::Kind;
use crate::bench::report::{Cell, Round};
use crate::project::Project;
use crate::tools;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the three basic cases at 64 connections; under four minutes
    #[arg(long)]
    quick: bool,
    /// Which proxies, with commas between them; all when absent
    #[arg(long, value_enum, value_delimiter = ',')]
    proxies: Vec<Kind>,
    /// Numbers of keep-alive connections [default: 16,64,256; with --quick 64]
    #[arg(long, value_delimiter = ',')]
    connections: Vec<u32>,
    /// Rounds over all proxies
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of load per measurement [default: 3; with --quick 2]
    #[arg(long)]
    seconds: Option<u64>,
    /// Also count system calls per request, with strace, in a round of its own
    #[arg(long)]
    syscalls: bool,
    /// A built stagegate to measure; built in release mode when absent
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Instead, count the instructions of the pure hot paths, with valgrind, and fail if one costs
    /// over 5% more than the committed figure
    #[arg(long, exclusive = true)]
    check: bool,
    /// Instead, count them and write the figures to be committed
    #[arg(long, exclusive = true)]
    bless: bool,
}

/// Measures, prints the table and writes `target/bench/summary.json`; or counts instructions.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    if args.check {
        return instructions::check(project);
    }
    if args.bless {
        return instructions::bless(project);
    }
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
        bail!("needs two cores: one for the proxy, one for the load and the origin");
    }
    let kinds = if args.proxies.is_empty() { Kind::all() } else { args.proxies.clone() };
    let connections = match (args.connections.as_slice(), args.quick) {
        ([], true) => vec![64],
        ([], false) => vec![16, 64, 256],
        (given, _) => given.to_vec(),
    };
    let seconds =
        Duration::from_secs(args.seconds.unwrap_or(if args.quick { 2 } else { 3 }).max(1));

    tools::system("wrk", "wrk")?;
    if args.syscalls {
        tools::system("strace", "strace")?;
    }
    let mut lab = Lab::open(project, &kinds, args.binary.as_deref())?;
    report::heading(&lab, args.rounds, seconds);

    let mut cells: Vec<Cell> = Vec::new();
    for case in Case::all() {
        for &connections in &connections {
            for proxy in 0..lab.proxies().len() {
                cells.push(Cell::new(*case, connections, proxy));
            }
        }
    }
    let proxies = lab.proxies().len();
    for round in 0..args.rounds as usize {
        println!("round {} of {}", round + 1, args.rounds);
        for group in cells.chunks_mut(proxies) {
            for turn in order(proxies, round) {
                let cell = &mut group[turn];
                let measured = measure(&mut lab, cell, seconds)?;
                cell.rounds.push(measured);
            }
        }
    }
    if args.syscalls {
        println!("counting system calls");
        for cell in &mut cells {
            let load = load::Load { case: cell.case, connections: cell.connections };
            cell.syscalls = Some(syscalls::per_request(&mut lab, cell.proxy, load)?);
        }
    }
    report::print(&lab, &cells);
    lab.expect_complete_logs()?;
    report::write(project, &lab, &cells)
}

/// In which order `count` proxies are measured: another one first in each round,
/// and with other steps between them, so that nobody always follows the same one.
fn order(count: usize, round: usize) -> impl Iterator<Item = usize> {
    // A step without a common divisor visits all of them.
    let steps: Vec<usize> = (1..=count).filter(|step| coprime(*step, count)).collect();
    let step = steps.get(round % steps.len().max(1)).copied().unwrap_or(1);
    (0..count).map(move |turn| (turn * step + round) % count)
}

fn coprime(a: usize, b: usize) -> bool {
    if b == 0 { a == 1 } else { coprime(b, a % b) }
}

/// One measurement: a short warm-up, then the load with the clock running.
fn measure(lab: &mut Lab, cell: &Cell, seconds: Duration) -> Result<Round> {
    let load = load::Load { case: cell.case, connections: cell.connections };
    load.warm_up(lab, cell.proxy)?;
    let pid = lab.proxies()[cell.proxy].pid();
    let before = procfs::cpu_time(pid)?;
    let seen = load.run(lab, cell.proxy, seconds)?;
    let cpu = procfs::cpu_time(pid)?.saturating_sub(before);
    lab.expect_running()?;
    Ok(Round { cpu, rss_kib: procfs::resident_kib(pid)?, seen })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_measures_everyone_once() {
        for count in 1..=7 {
            for round in 0..10 {
                let mut seen: Vec<usize> = order(count, round).collect();
                seen.sort_unstable();
                assert_eq!(seen, (0..count).collect::<Vec<_>>(), "{count} proxies, round {round}");
            }
        }
    }

    #[test]
    fn neighbours_change_from_round_to_round() {
        let follows = |round| -> Vec<usize> {
            let order: Vec<usize> = order(5, round).collect();
            order.windows(2).filter(|pair| pair[1] == 0).map(|pair| pair[0]).collect()
        };
        let before: std::collections::BTreeSet<usize> = (0..5).flat_map(follows).collect();
        assert!(before.len() > 2, "only {before:?} are measured before the first one");
    }
}
