//! Stagegate: one binary that splits live traffic between two versions of an AI-agent backend,
//! and takes the new one back in one step.

mod cli;
mod collect;
mod demo;
mod handover;
mod journal;
mod listen;
mod names;
mod notify;
mod plane;
mod reload;
mod results;
mod run;
mod samples;
mod scoring;
mod serve;
mod shadow;
mod signals;
mod traces;
mod wire;
mod workers;

use clap::Parser;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(cli::Cli::parse(), |args| run::serve(&args))
}
