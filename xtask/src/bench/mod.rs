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
mod cores;
mod features;
mod gateways;
mod http;
mod instructions;
mod lab;
mod load;
mod origin;
mod plan;
mod ports;
mod procfs;
mod programs;
mod proxy;
mod report;
mod rounds;
mod schema;
mod syscalls;
mod template;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::builder::PossibleValuesParser;

use crate::bench::case::{Case, Who};
use crate::bench::lab::Lab;
use crate::bench::plan::{Plan, Wanted};
use crate::bench::programs::Programs;
use crate::bench::proxy::{Kind, Setup};
use crate::bench::report::Cell;
use crate::project::Project;
use crate::tools;

/// The cases and proxies to measure.
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
    /// Seconds of load per measurement [default: 1; with --quick: 2]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
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
            true => case.runs_unnamed(self.quick),
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
    if !cases.iter().any(|case| case.who == Who::Gateways) {
        kinds.retain(|kind| !kind.is_gateway());
    }
    let programs = Programs::get(project, &kinds, &cases, args.binary.as_deref())?;
    let seconds = Duration::from_secs(args.seconds.unwrap_or(if args.quick { 2 } else { 1 }));
    report::heading(&programs, &kinds, args.rounds, seconds)?;

    let setups: Vec<Setup> = kinds
        .iter()
        .flat_map(|kind| kind.setups())
        .filter(|setup| setup.can_run(programs.knows))
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
        plan.skipped.extend(rounds::measure(&mut lab, &plan, &mut suite, &mut rate)?);
        lab.expect_complete_logs()?;
        plan.suites.push(suite);
    }
    let cells: Vec<Cell> =
        plan.suites.into_iter().flat_map(|suite| suite.groups).flatten().collect();
    print!("{}", report::tables(&cells));
    report::write(project, &cells)?;
    for line in &plan.skipped {
        println!("left out: {line}");
    }
    Ok(())
}

/// True if system calls can be counted; says why not.
fn can_trace() -> bool {
    match tools::system("strace", "strace") {
        Ok(()) => true,
        Err(error) => {
            println!("system calls are not counted: {error:#}");
            false
        }
    }
}
