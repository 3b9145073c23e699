//! `cargo xtask wire`: the built binary against the tools of others.
//!
//! `docs/CONFORMANCE.md` lists them and their findings. The end-to-end tests have
//! clients of their own; this asks programs that know nothing of Stagegate.

mod args;
mod backend;
mod bystander;
mod flags;
mod frameworks;
mod lab;
mod load;
mod schema;
mod slow;
mod tls;

use anyhow::{Result, bail};

use crate::process::run as run_command;
use crate::project::Project;
pub(crate) use args::Args;
use lab::Lab;

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
    let mut names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
    names.extend([frameworks::NAME, flags::NAME, schema::NAME]);
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
    let mut failed = Vec::new();
    if wanted(args, frameworks::NAME) {
        println!("==> {}", frameworks::NAME);
        if let Err(error) = frameworks::check(project) {
            println!("FOUND: {error:#}");
            failed.push(frameworks::NAME);
        }
    }
    if wanted(args, flags::NAME) {
        println!("==> {}", flags::NAME);
        if let Err(error) = flags::check(project, &binary) {
            println!("FOUND: {error:#}");
            failed.push(flags::NAME);
        }
    }
    if wanted(args, schema::NAME) {
        println!("==> {}", schema::NAME);
        if let Err(error) = schema::check(project, &binary) {
            println!("FOUND: {error:#}");
            failed.push(schema::NAME);
        }
    }
    let mut lab = Lab::open(project, &binary)?;
    for check in CHECKS.iter().filter(|check| wanted(args, check.name)) {
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

/// Whether the check is to run: all of them unless some are named.
fn wanted(args: &Args, name: &str) -> bool {
    args.only.is_empty() || args.only.iter().any(|only| only == name)
}
