//! `cargo xtask pgo`: a binary that is laid out by what requests really do (profile-guided optimisation).
//!
//! A first build counts which branches are taken, the benchmark's load runs through it, and a second
//! build uses the counts: hot code lies together, cold code out of the way. A request passes through
//! 85 KB of code, and a core's nearest cache holds 32.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{output, run};
use crate::project::Project;
use crate::tools;

/// The requests that the counting build serves: every protocol and framing, with and without
/// identity, the decision log, sampling and usage.
const TRAINING: &str = "get-300b,post-2k,get-4k,get-64k,get-chunked,tls-keepalive,tls-handshake,\
     h2-to-h1,signals-json,signals-sse,sampling-json";

/// Counts of branches without values of arguments, which a mapped file cannot hold.
const COUNTS_ALONE: &str = "-Cllvm-args=-disable-vp";

/// Versions of LLVM's tools whose format is the compiler's, newest first.
const LLVM: std::ops::RangeInclusive<u32> = 19..=24;

/// Build a release binary by profile
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave the counting build and its load out: use the counts of the last time
    #[arg(long)]
    again: bool,
}

/// Builds `target/pgo/<this machine>/release/stagegate`.
pub(crate) fn run_with(project: &Project, args: &Args) -> Result<()> {
    let host = host()?;
    let profile = project.cargo_target().join("counts.profdata");
    if args.again {
        if !profile.is_file() {
            bail!("there are no counts at {}: leave --again out", profile.display());
        }
    } else {
        count(project, &host, &profile)?;
    }
    println!("building stagegate with the counts");
    let flags = format!("-Cprofile-use={} {COUNTS_ALONE}", profile.display());
    let binary = build(project, &host, &project.scratch("pgo")?, &flags)?;
    let bytes = fs::metadata(&binary).with_context(|| format!("reading {}", binary.display()))?;
    println!("{}: {:.1} MB", binary.display(), bytes.len() as f64 / 1e6);
    Ok(())
}

/// Writes what the counting build counts under load to `profile`.
fn count(project: &Project, host: &str, profile: &Path) -> Result<()> {
    let merge = merger()?;
    let target = project.scratch("counting")?;
    let counts = target.join("counts");
    if counts.exists() {
        fs::remove_dir_all(&counts).with_context(|| format!("removing {}", counts.display()))?;
    }
    fs::create_dir_all(&counts).with_context(|| format!("creating {}", counts.display()))?;
    println!("building stagegate (counting)");
    // Counters in a mapped file outlive a process that is killed.
    let generate = format!("-Cprofile-generate={}", counts.display());
    let flags = format!("{generate} -Cllvm-args=-runtime-counter-relocation {COUNTS_ALONE}");
    let binary = build(project, host, &target, &flags)?;
    println!("serving the benchmark's load");
    let own = std::env::current_exe().context("finding this program")?;
    run(Command::new(own)
        .args(["bench", "--proxies", "stagegate", "--rounds", "1", "--seconds", "2"])
        .args(["--connections", "64", "--no-syscalls", "--case", TRAINING, "--binary"])
        .arg(&binary)
        .env("LLVM_PROFILE_FILE", counts.join("%p%c.profraw")))?;
    run(Command::new(merge).args(["merge", "--output"]).arg(profile).arg(&counts))
}

/// Builds the program with these flags, which its build scripts do not get.
fn build(project: &Project, host: &str, target: &Path, flags: &str) -> Result<PathBuf> {
    run(project
        .cargo(&["build", "--locked", "--release", "--bin", "stagegate", "--target", host])
        .arg("--target-dir")
        .arg(target)
        .env("RUSTFLAGS", flags))?;
    Ok(target.join(host).join("release/stagegate"))
}

/// The machine that the compiler builds for when nothing is said.
fn host() -> Result<String> {
    let said = output(Command::new("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

/// The program that merges counts: the compiler's own, or Debian's.
fn merger() -> Result<PathBuf> {
    let libraries = output(Command::new("rustc").args(["--print", "target-libdir"]))?;
    let own = Path::new(libraries.trim()).with_file_name("bin").join("llvm-profdata");
    if own.is_file() {
        return Ok(own);
    }
    let installed = LLVM.rev().map(|version| format!("llvm-profdata-{version}"));
    if let Some(name) = installed.into_iter().find(|name| tools::on_path(name)) {
        return Ok(name.into());
    }
    let (name, package) = ("llvm-profdata-19", "llvm-19");
    tools::system(name, package)?;
    Ok(name.into())
}
