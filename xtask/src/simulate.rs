//! `cargo xtask simulate`: thousands of seeded rollouts that check the figures of
//! `docs/STATISTICS.md`. Fails when one is missed.

use anyhow::Result;

use crate::process;
use crate::project::Project;

/// The amount of simulations.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fewer runs, under a minute; misses only what is far off
    #[arg(long)]
    quick: bool,
    /// The same seed gives the same figures on every machine
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the gates under traffic as agents have it, of kinds whose name has these words (all: `""`)
    #[arg(long, value_name = "WORDS")]
    traffic: Option<String>,
    /// Rollouts of each kind of traffic
    #[arg(long)]
    runs: Option<u64>,
}

/// Runs the simulations in release, where they are ten times faster.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let mut command = project.cargo(&[
        "run",
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "stagegate-simulation",
        "--",
        "--out",
        "target/simulate/summary.json",
        "--seed",
        &args.seed.to_string(),
    ]);
    if args.quick {
        command.arg("--quick");
    }
    if let Some(words) = &args.traffic {
        command.args(["--traffic", words]);
    }
    if let Some(runs) = args.runs {
        command.args(["--runs", &runs.to_string()]);
    }
    process::run(&mut command)
}
