//! `cargo xtask test`: every check and every test, with what they need installed.
//!
//! The order puts what fails fast first. A step that fails does not keep the later
//! ones from running: one run tells everything that is wrong.

mod arrows;
mod purity;
mod steps;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::project::Project;
use crate::test::steps::{FAST, STEPS, Step};

/// The steps to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the steps of these names, with commas between them
    #[arg(long, value_delimiter = ',', value_parser = steps::names())]
    only: Vec<String>,
    /// Only the examples of docs/examples that install something: `--only examples`
    #[arg(long, conflicts_with = "only")]
    examples: bool,
    /// An answer in three minutes once everything is built: the format, the arrows and every test
    /// but the simulations and most end-to-end tests
    #[arg(long, conflicts_with_all = ["only", "examples"])]
    fast: bool,
}

struct Outcome {
    step: &'static Step,
    took: Duration,
    /// The last words of the test runners.
    closing: Vec<String>,
    error: Option<anyhow::Error>,
}

/// Runs the steps, then prints how each ended and the test runners' closing lines.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let steps = if args.fast { FAST } else { STEPS };
    let chosen = steps.iter().filter(|step| match args.examples {
        true => step.name == steps::EXAMPLES,
        false => args.only.is_empty() || args.only.iter().any(|n| n == step.name),
    });
    let outcomes: Vec<Outcome> = chosen.map(|step| perform(project, step)).collect();
    let failed = outcomes.iter().filter(|outcome| outcome.error.is_some()).count();
    print_table(&outcomes);
    if failed > 0 {
        bail!("{failed} of {} steps failed", outcomes.len());
    }
    Ok(())
}

fn perform(project: &Project, step: &'static Step) -> Outcome {
    println!("\n==> {}: {}", step.name, step.what);
    let begun = Instant::now();
    let mut closing = Vec::new();
    let error = (step.run)(project, &mut closing).err();
    if let Some(error) = &error {
        println!("failed: {error:#}");
    }
    Outcome { step, took: begun.elapsed(), closing, error }
}

fn print_table(outcomes: &[Outcome]) {
    println!("\nstep       result    seconds");
    for Outcome { step, took, error, .. } in outcomes {
        let result = if error.is_none() { "ok" } else { "FAILED" };
        println!("{:<10} {result:<8} {:>8.1}", step.name, took.as_secs_f64());
    }
    let total: Duration = outcomes.iter().map(|outcome| outcome.took).sum();
    println!("{:<10} {:<8} {:>8.1}\n", "all", "", total.as_secs_f64());
    for outcome in outcomes {
        if let Some(error) = &outcome.error {
            println!("{}: {error:#}", outcome.step.name);
        }
        for line in &outcome.closing {
            println!("{}: {line}", outcome.step.name);
        }
    }
}
