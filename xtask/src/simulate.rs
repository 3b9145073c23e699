//! `cargo xtask simulate`: thousands of seeded rollouts that check the figures of
//! `docs/STATISTICS.md`. Fails when one is missed. `cargo xtask simulate fleet`: the protocol of a
//! fleet under faults, and the figures of `docs/SCALING.md`.

use anyhow::Result;

use crate::process;
use crate::project::Project;

/// The amount of simulations.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
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

/// Another simulation than that of the statistics.
#[derive(clap::Subcommand)]
enum What {
    /// Histories of a fleet with faults, every broken rule, and what grows with the replicas
    Fleet(FleetArgs),
}

/// The amount of histories, and the largest fleet.
#[derive(clap::Args)]
struct FleetArgs {
    /// Largest fleet whose figures are printed
    #[arg(long, default_value_t = 100)]
    replicas: u64,
    /// Histories with faults
    #[arg(long, default_value_t = 2000)]
    histories: u64,
    /// The same seed gives the same histories
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 150 histories, and only one kind of network
    #[arg(long)]
    quick: bool,
}

fn fleet(project: &Project, args: &FleetArgs) -> Result<()> {
    let mut command = project.cargo(&[
        "run",
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "stagegate-fleet-simulation",
        "--",
    ]);
    for (option, value) in
        [("--replicas", args.replicas), ("--histories", args.histories), ("--seed", args.seed)]
    {
        command.args([option, &value.to_string()]);
    }
    if args.quick {
        command.arg("--quick");
    }
    process::run(&mut command)
}

/// Runs the simulations in release, where they are ten times faster.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    if let Some(What::Fleet(args)) = &args.what {
        return fleet(project, args);
    }
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
