//! `cargo xtask simulate` runs this in release: `[--quick] [--traffic [WORDS]] [--runs N] [--seed N] --out FILE`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]

use anyhow::{Context, Result, bail};
use stagegate_simulation::scenario::Scenario;
use stagegate_simulation::summary::{Summary, simulate};
use stagegate_simulation::{promotion, traffic};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs per scenario: all, and with `--quick`.
const RUNS: (u64, u64) = (10_000, 400);
/// Runs per kind of traffic through the gates themselves: all, and with `--quick`.
const TRAFFIC_RUNS: (u64, u64) = (400, 2);
/// Those that only show what carelessness costs get this part of them.
const CARELESS: u64 = 4;

struct Args {
    quick: bool,
    /// Only the traffic whose name has these words.
    traffic: Option<String>,
    runs: Option<u64>,
    seed: u64,
    out: PathBuf,
}

fn main() -> ExitCode {
    match args().and_then(|args| run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn args() -> Result<Args> {
    let mut found = Args {
        quick: false,
        traffic: None,
        runs: None,
        seed: 1,
        out: "target/simulate/summary.json".into(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("`{word}` needs a value"));
        match word.as_str() {
            "--quick" => found.quick = true,
            "--traffic" => found.traffic = Some(value().unwrap_or_default()),
            "--runs" => found.runs = Some(value()?.parse().context("`--runs` needs a number")?),
            "--seed" => {
                let text = value()?;
                found.seed = text
                    .parse()
                    .with_context(|| format!("`--seed` is `{text}`: it must be a whole number"))?;
            }
            "--out" => found.out = value()?.into(),
            _ => bail!(
                "`{word}` is none of --quick, --traffic WORDS, --runs N, --seed N, --out FILE"
            ),
        }
    }
    Ok(found)
}

fn run(args: &Args) -> Result<()> {
    let mut broken = traffic_table(args)?;
    if args.traffic.is_none() {
        broken.extend(tests_alone(args)?);
    }
    if broken.is_empty() {
        println!("every promised figure is met");
        return Ok(());
    }
    bail!("{} promised figures are missed:\n{}", broken.len(), broken.join("\n"))
}

/// The gates themselves, with the built-in policy.
fn traffic_table(args: &Args) -> Result<Vec<String>> {
    let runs = if args.quick { TRAFFIC_RUNS.1 } else { TRAFFIC_RUNS.0 };
    let runs = args.runs.unwrap_or(runs);
    println!(
        "{runs} rollouts of a kind of traffic, seed {}\n\n{}",
        args.seed,
        traffic::Row::HEADING
    );
    let mut broken = Vec::new();
    for (index, shape) in traffic::all().iter().enumerate() {
        if args.traffic.as_ref().is_some_and(|words| !shape.name.contains(words.as_str())) {
            continue;
        }
        let row = traffic::simulate(index, shape, runs, args.seed)?;
        println!("{}", row.row());
        broken.extend(row.broken_promise());
    }
    println!();
    Ok(broken)
}

/// The tests alone, without windows and clocks.
fn tests_alone(args: &Args) -> Result<Vec<String>> {
    let runs = if args.quick { RUNS.1 } else { RUNS.0 };
    println!("{runs} runs of a scenario, seed {}\n\n{}", args.seed, Summary::HEADING);
    let (mut all, mut broken) = (Vec::new(), Vec::new());
    for (index, scenario) in Scenario::all().iter().enumerate() {
        let runs = if scenario.promised { runs } else { runs / CARELESS };
        for summary in simulate(index, scenario, runs, args.seed)? {
            println!("{}", summary.row());
            broken.extend(summary.broken_promises(!args.quick));
            all.push(summary);
        }
    }
    println!("\n{}", promotion::Row::HEADING);
    for row in promotion::simulate(runs, args.seed)? {
        println!("{}", row.row());
        broken.extend(row.broken_promise());
    }
    if let Some(folder) = args.out.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let text = serde_json::to_string_pretty(&all).context("writing the summary")?;
    std::fs::write(&args.out, text + "\n")
        .with_context(|| format!("writing {}", args.out.display()))?;
    println!("\nwritten to {}", args.out.display());
    Ok(broken)
}
