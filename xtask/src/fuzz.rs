//! `cargo xtask fuzz`: every fuzz target under libFuzzer, one after the other.
//!
//! Needs no nightly compiler: coverage is asked for with flags the stable one takes. What is found
//! interesting stays in `target/fuzz/TARGET/corpus` and is where the next run begins; what fails
//! is kept beside it and printed.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process::{output, run as run_command};
use crate::project::Project;

/// Makes the compiler count edges the way libFuzzer reads them.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1 -Cdebug-assertions=yes";

/// The target, and the duration.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    seconds: u32,
    /// The same seed on the same corpus makes the same run
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Name the targets and end
    #[arg(long)]
    list: bool,
}

/// Feeds the targets; an error names those that failed.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let scratch = project.scratch("fuzz")?;
    let mut write_seeds = project.cargo(&["run", "--quiet", "-p", "stagegate-fuzz"]);
    write_seeds.args(["--bin", "stagegate-fuzz-seeds", "--"]).arg(&scratch);
    let names = output(&mut write_seeds)?;
    let names: Vec<&str> = names.lines().collect();
    if args.list {
        println!("{}", names.join("\n"));
        return Ok(());
    }
    if let Some(wanted) = args.target.as_deref().filter(|wanted| !names.contains(wanted)) {
        bail!("--target {wanted}: no such target; there are: {}", names.join(", "));
    }
    let build_dir = scratch.join("build");
    let mut build = project.cargo(&["build", "--release", "-p", "stagegate-fuzz"]);
    build.args(["--features", "guided", "--bin", "stagegate-fuzz-guided"]);
    // A directory and a target of its own: the flags are not those of the product, and naming the
    // target keeps them from build scripts.
    let triple = host()?;
    build.args(["--target", &triple]).arg("--target-dir").arg(&build_dir);
    run_command(build.env("RUSTFLAGS", COVERAGE).env("CARGO_PROFILE_RELEASE_LTO", "off"))?;
    let program = build_dir.join(&triple).join("release/stagegate-fuzz-guided");

    let wanted = |name: &&&str| args.target.as_deref().is_none_or(|target| target == **name);
    let mut failed = Vec::new();
    for name in names.iter().filter(wanted) {
        println!("-- {name}");
        if let Err(error) = feed(&program, &scratch.join(name), name, args) {
            println!("{name}: {error:#}");
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: {}; the inputs are in {}", failed.join(", "), scratch.display())
}

fn feed(program: &Path, dir: &Path, name: &str, args: &Args) -> Result<()> {
    let mut fuzz = std::process::Command::new(program);
    fuzz.env("STAGEGATE_FUZZ_TARGET", name)
        .arg(format!("-max_total_time={}", args.seconds))
        .arg(format!("-seed={}", args.seed))
        .arg(format!("-dict={}", dir.join("dictionary").display()))
        .arg(format!("-artifact_prefix={}/", dir.display()))
        .args(["-max_len=8192", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"])
        .arg(dir.join("corpus"));
    run_command(&mut fuzz)
}

/// The triple this machine builds for.
fn host() -> Result<String> {
    let mut rustc = std::process::Command::new("rustc");
    let version = output(rustc.arg("-vV"))?;
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).context("rustc -vV names no host")
}
