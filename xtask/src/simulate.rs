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
    process::run(&mut command)
}
