//! `cargo xtask bench`: what a request costs in Stagegate and in its peers.
//!
//! Every proxy is measured in the same run, in turn, round after round, on its own
//! core; the load generator and the origin share another one. What counts is the
//! CPU time per request and its ratio to HAProxy: rates depend on the machine and
//! on who else is using it. `docs/BENCHMARKS.md` says how to read the result.
//! With `--check` it counts instructions of the pure hot paths instead.

mod baseline;
mod case;
mod certificate;
mod http;
mod instructions;
mod lab;
mod load;
mod origin;
mod plan;
mod procfs;
mod programs;
mod proxy;
mod report;
mod schema;
mod syscalls;
mod template;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;

use crate::bench::case::{Case, Load};
use crate::bench::lab::Lab;
use crate::bench::load::Effort;
use crate::bench::plan::{Plan, Suite, Wanted};
use crate::bench::programs::Programs;
use crate::bench::proxy::{Kind, Setup};
use crate::bench::report::Cell;
use crate::project::Project;
use crate::tools;

/// What to measure.
#[derive(clap::Args)]
#[command(after_long_help = case::help())]
pub(crate) struct Args {
    /// Only GET, POST and 4 KiB at 64 connections; under four minutes once all is built
    #[arg(long)]
    quick: bool,
    /// Which cases, with commas between them; all when absent
    #[arg(long = "case", value_name = "NAME", value_delimiter = ',', value_parser = names())]
    cases: Vec<String>,
    /// Which proxies, with commas between them; all when absent
    #[arg(long, value_enum, value_delimiter = ',')]
    proxies: Vec<Kind>,
    /// Numbers of keep-alive connections, instead of those of each case [with --quick: 64]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    connections: Vec<u32>,
    /// Rounds over all proxies
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of load per measurement
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Leave out the system calls per request, which strace counts in a round of its own
    #[arg(long)]
    no_syscalls: bool,
    /// Requests a second of the constant-rate case, instead of 70% of HAProxy's highest
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// A built stagegate to measure; built in release mode when absent
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Build and install what is missing, print the plan, and measure nothing
    #[arg(long)]
    plan: bool,
    /// Instead, count the instructions of the pure hot paths, with valgrind, and fail if one costs
    /// over 5% more than the committed figure
    #[arg(long, exclusive = true)]
    check: bool,
    /// Instead, count them and write the figures to be committed
    #[arg(long, exclusive = true)]
    bless: bool,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(Case::all().iter().map(|case| case.name))
}

impl Args {
    fn cases(&self) -> Vec<&'static Case> {
        let named = |case: &Case| self.cases.iter().any(|name| name == case.name);
        let asked = |case: &Case| match self.cases.is_empty() {
            true => case.quick || !self.quick,
            false => named(case),
        };
        Case::all().iter().filter(|case| asked(case)).collect()
    }

    fn connections(&self) -> &[u32] {
        if self.quick && self.connections.is_empty() { &[64] } else { &self.connections }
    }
}

/// Measures, prints the tables and writes `target/bench/summary.json`; or counts instructions.
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
    let mut kinds = if args.proxies.is_empty() { Kind::all() } else { args.proxies.clone() };
    if !kinds.contains(&Kind::Direct) {
        kinds.push(Kind::Direct);
    }
    let cases = args.cases();
    let programs = Programs::get(project, &kinds, &cases, args.binary.as_deref())?;
    let seconds = Duration::from_secs(args.seconds);
    report::heading(&programs, &kinds, args.rounds, seconds)?;

    let setups: Vec<Setup> = kinds
        .iter()
        .flat_map(|kind| kind.setups())
        .filter(|setup| setup.can_run(programs.knows))
        .copied()
        .collect();
    let syscalls = !args.no_syscalls && can_trace();
    let wanted = Wanted {
        cases: &cases,
        setups: &setups,
        connections: args.connections(),
        most_connections: lab::most_connections()?,
        rounds: args.rounds,
        seconds,
        syscalls,
    };
    let mut plan = Plan::of(&wanted, programs.knows);
    plan.print();
    if args.plan {
        return Ok(());
    }
    let mut rate = args.rate;
    for mut suite in std::mem::take(&mut plan.suites) {
        let mut lab = Lab::open(project, &programs, &suite.setups(), suite.origin)?;
        plan.skipped.extend(suite.try_out(&lab)?);
        measure(&mut lab, &plan, &mut suite, &mut rate)?;
        lab.expect_complete_logs()?;
        plan.suites.push(suite);
    }
    let cells: Vec<Cell> =
        plan.suites.into_iter().flat_map(|suite| suite.groups).flatten().collect();
    print!("{}", report::tables(&cells));
    report::write(project, &cells)?;
    for line in &plan.skipped {
        println!("skipped: {line}");
    }
    Ok(())
}

/// Whether system calls can be counted; says why not.
fn can_trace() -> bool {
    match tools::system("strace", "strace") {
        Ok(()) => true,
        Err(error) => {
            println!("system calls are not counted: {error:#}");
            false
        }
    }
}

/// Fills the cells of a suite, load by load, round by round.
fn measure(lab: &mut Lab, plan: &Plan, suite: &mut Suite, rate: &mut Option<u64>) -> Result<()> {
    let idle = idle(lab)?;
    let mut highest = None;
    for group in &mut suite.groups {
        let Some(&Cell { case, connections, .. }) = group.first() else { continue };
        let mut effort = Effort { connections, time: plan.time(case), rate: 0 };
        if matches!(case.load, Load::Rate { .. }) {
            effort.rate = match *rate {
                Some(given) => given,
                None => *rate.insert(seventy_percent(lab, highest)?),
            };
            println!("{}: {} requests a second", case.name, effort.rate);
        }
        let rounds = plan.rounds(case);
        println!("{}, {connections} connections: {rounds} rounds", case.name);
        for round in 0..rounds as usize {
            for turn in order(group.len(), round) {
                let cell = &mut group[turn];
                let proxy = lab.proxy(cell.setup)?;
                cell.rounds.push(load::measure(lab, proxy, case, effort)?);
                lab.expect_running()?;
            }
        }
        for cell in group.iter_mut() {
            let proxy = lab.proxy(cell.setup)?;
            cell.idle_kib =
                idle.iter().find(|(setup, _)| *setup == cell.setup).map(|(_, kib)| *kib);
            if plan.counts_syscalls(cell) && proxy.pid().is_some() {
                // Some machines forbid tracing, which must not cost the rest of the run.
                match syscalls::per_request(lab, proxy, case, effort) {
                    Ok(calls) => cell.syscalls = Some(calls),
                    Err(error) => println!("system calls not counted: {error:#}"),
                }
            }
        }
        // What HAProxy makes of the plainest case is what the constant rate is taken from.
        if case.name == "get-300b" && connections == 64 {
            let haproxy = group.iter().find(|cell| cell.setup.kind == Kind::Haproxy);
            highest = haproxy.and_then(|cell| {
                report::median(cell.rounds.iter().filter_map(report::rate).collect())
            });
        }
    }
    Ok(())
}

/// The resident memory of each proxy before it serves.
fn idle(lab: &Lab) -> Result<Vec<(Setup, u64)>> {
    let processes = lab.proxies().iter().filter_map(|proxy| Some((proxy.setup, proxy.pid()?)));
    processes.map(|(setup, pid)| Ok((setup, procfs::resident_kib(pid)?))).collect()
}

/// The rate of the constant-rate case: 70% of HAProxy's highest, measured now if it was not yet.
fn seventy_percent(lab: &Lab, highest: Option<f64>) -> Result<u64> {
    let highest = match highest {
        Some(rate) => rate,
        None => {
            let haproxy = lab.proxies().iter().find(|proxy| proxy.setup.kind == Kind::Haproxy);
            let haproxy = haproxy.context(
                "the constant rate is a share of HAProxy's highest: give --rate, or put haproxy among --proxies",
            )?;
            let effort = Effort { connections: 64, time: Duration::from_secs(2), rate: 0 };
            let plainest = Case::all().first().context("there is a case")?;
            let round = load::measure(lab, haproxy, plainest, effort)?;
            report::rate(&round).unwrap_or_default()
        }
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive rate")]
    Ok((highest * 0.7).max(1.0) as u64)
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
