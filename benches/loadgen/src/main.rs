//! The part of the load benchmark that public tools do not make; `cargo xtask bench` starts it.
//!
//! wrk and h2load send as fast as they are answered. Three questions need something else: how
//! long a request takes at a *given* rate (`rate`), what a TLS connection costs that is used
//! once (`handshakes`), and what a proxy adds to each event of many open streams (`streams`,
//! with `events` as their origin). Each prints one line `stagegate-bench key=value …`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]

mod clock;
mod events;
mod handshakes;
mod latency;
mod rate;
mod request;
mod response;
mod span;
mod streams;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Load that public tools do not make.
#[derive(Parser)]
#[command(disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    load: Load,
}

#[derive(Subcommand)]
enum Load {
    /// Sends requests at a constant rate, whether the earlier ones were answered or not
    Rate(rate::Args),
    /// Makes TLS connections, each for one request, without resuming a session
    Handshakes(handshakes::Args),
    /// Opens event streams and measures how late each event comes
    Streams(streams::Args),
    /// Answers `/events` with an endless stream of events that say when they were sent
    Events(events::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().load) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(load: Load) -> Result<()> {
    // One thread: the generator has one core, and shares it with the origin.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        match load {
            Load::Rate(args) => rate::run(args).await,
            Load::Handshakes(args) => handshakes::run(args).await,
            Load::Streams(args) => streams::run(args).await,
            Load::Events(args) => events::run(args).await,
        }
    })
}
