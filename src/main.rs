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
mod run;
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
    // The allocator asks for huge pages: 2 MiB resident for whatever part of them is in use, and
    // cleared while somebody waits. Where the kernel has none, there is nothing to disable.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    cli::run(cli::Cli::parse(), |args| run::serve(&args))
}
