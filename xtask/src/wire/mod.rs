//! `cargo xtask wire`: the built binary against the tools of others.
//!
//! What they are and what they found stands in `docs/CONFORMANCE.md`. The end-to-end tests have
//! clients of their own; this asks programs that know nothing of Stagegate.

mod backend;
mod bystander;
mod lab;
mod load;
mod slow;
mod tls;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::process::run as run_command;
use crate::project::Project;
use lab::Lab;

/// Which binary, and what of it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A Stagegate that is built already; else the release binary is built
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Only these, with commas between them: curl, wrk, h2load, testssl, slowhttptest
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// Connections of a slow attack
    #[arg(long, default_value_t = 400)]
    connections: u32,
    /// Seconds each slow attack lasts
    #[arg(long, default_value_t = 25)]
    seconds: u32,
}

/// One tool.
struct Check {
    name: &'static str,
    /// Says what it found, in a line or several; an error is a finding.
    run: fn(&Lab, &Args) -> Result<Vec<String>>,
}

const CHECKS: &[Check] = &[
    Check { name: "curl", run: |lab, _| load::curl(lab) },
    Check { name: "wrk", run: |lab, _| load::wrk(lab) },
    Check { name: "h2load", run: |lab, _| load::h2load(lab) },
    Check { name: "testssl", run: |lab, _| tls::testssl(lab) },
    Check { name: "slowhttptest", run: |lab, args| slow::slowhttptest(lab, args) },
];

/// Runs the tools one after the other; an error names those that found something.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
    if let Some(unknown) = args.only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("--only {unknown}: no such tool; there are: {}", names.join(", "));
    }
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => {
            println!("building stagegate (release)");
            run_command(&mut project.cargo(&[
                "build",
                "--release",
                "--locked",
                "--bin",
                "stagegate",
            ]))?;
            project.cargo_target().join("release/stagegate")
        }
    };
    let mut lab = Lab::open(project, &binary)?;
    let chosen = CHECKS
        .iter()
        .filter(|check| args.only.is_empty() || args.only.iter().any(|n| n == check.name));
    let mut failed = Vec::new();
    for check in chosen {
        println!("==> {}", check.name);
        match (check.run)(&lab, args) {
            Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
            Err(error) => {
                println!("FOUND: {error:#}");
                failed.push(check.name);
            }
        }
        lab.expect_running()?;
    }
    if failed.is_empty() {
        println!("nothing was found");
        return Ok(());
    }
    bail!("{} found something; it stands above", failed.join(", "))
}
