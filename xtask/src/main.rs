//! The project's chores, one command each: `cargo xtask test`, `bench`, `pgo`, `simulate`,
//! `fuzz`, `soak`, `wire`, `package`, `docs`.
//!
//! It only starts other programs and reads what they print, so that it builds in
//! seconds and never has to change when the product does.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]

mod bench;
mod docs;
mod fuzz;
mod package;
mod pgo;
mod process;
mod project;
mod simulate;
mod soak;
mod test;
mod tools;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::project::Project;

/// The project's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every check and every test; install what they need
    Test(test::Args),
    /// Measure Stagegate against HAProxy, nginx, Envoy and pingora in one run
    Bench(bench::Args),
    /// Build a release binary with profile-guided optimisation, counted under the load of the benchmark
    Pgo(pgo::Args),
    /// Feed what reads strangers' bytes with bytes that coverage chooses
    Fuzz(fuzz::Args),
    /// Check the statistics' figures in thousands of seeded rollouts
    Simulate(simulate::Args),
    /// Load the release binary for an hour while everything around it changes
    Soak(soak::Args),
    /// Try the built binary with curl, wrk, h2load, testssl.sh and slowhttptest
    Wire(wire::Args),
    /// Build the Debian and the RPM package, and try the former
    Package(package::Args),
    /// Write docs/reference from the code, check all links, build the book
    Docs(docs::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = Project::find().and_then(|project| match &cli.chore {
        Chore::Test(args) => test::run(&project, args),
        Chore::Bench(args) => bench::run(&project, args),
        Chore::Pgo(args) => pgo::run_with(&project, args),
        Chore::Fuzz(args) => fuzz::run(&project, args),
        Chore::Simulate(args) => simulate::run(&project, args),
        Chore::Soak(args) => soak::run(&project, args),
        Chore::Wire(args) => wire::run(&project, args),
        Chore::Package(args) => package::run(&project, args),
        Chore::Docs(args) => docs::run(&project, args),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
