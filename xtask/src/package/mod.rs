//! `cargo xtask package`: the Debian and the RPM package.
//!
//! What is in them stands in `Cargo.toml` (`package.metadata`). This stages what the program itself
//! writes, calls the two tools, and tries the Debian package: it is unpacked below a directory, and the
//! program in it is started there.

#[cfg(test)]
mod tests;
mod trial;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{output, run as run_command};
use crate::project::Project;

/// Where the parts of a package are staged, and where the packages come to lie.
const STAGE: &str = "packages";
/// The tools with their versions.
const TOOLS: [&str; 2] = ["cargo-deb@3.8.0", "cargo-generate-rpm@0.21.1"];
/// Completions: the shell, and the name of its file.
const COMPLETIONS: [(&str, &str); 3] =
    [("bash", "stagegate.bash"), ("zsh", "_stagegate"), ("fish", "stagegate.fish")];

/// The binary of the packages.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A Stagegate that is built already; else the binary that ships is built (profile `dist`)
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Builds both packages and tries the Debian one.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => built(project)?,
    };
    let tools = tools(project)?;
    let stage = project.path("target").join(STAGE);
    if stage.exists() {
        fs::remove_dir_all(&stage).with_context(|| format!("removing {}", stage.display()))?;
    }
    let stage = project.scratch(STAGE)?;
    staged(&binary, &stage)?;
    println!("building the packages");
    let deb = ["--package", "stagegate", "--no-build", "--no-strip", "--output"];
    run_command(
        Command::new(tools.join("cargo-deb"))
            .args(deb)
            .arg(stage.join("stagegate.deb"))
            .current_dir(project.root()),
    )?;
    run_command(
        Command::new(tools.join("cargo-generate-rpm"))
            .arg("--output")
            .arg(stage.join("stagegate.rpm"))
            .current_dir(project.root()),
    )?;
    trial::of_debian(&stage)?;
    println!(
        "{0}/stagegate.deb and {0}/stagegate.rpm are built, and the former works",
        stage.display()
    );
    Ok(())
}

fn built(project: &Project) -> Result<PathBuf> {
    println!("building stagegate (dist)");
    let args = ["build", "--profile", "dist", "--locked", "--bin", "stagegate"];
    run_command(&mut project.cargo(&args))?;
    Ok(project.cargo_target().join("dist/stagegate"))
}

/// The directory with both tools, which are built once: some minutes.
fn tools(project: &Project) -> Result<PathBuf> {
    let root = project.path("target/package-tools");
    let bin = root.join("bin");
    for tool in TOOLS {
        let name = tool.split('@').next().unwrap_or_default();
        if !bin.join(name).is_file() {
            println!("installing {tool} into {}", root.display());
            run_command(
                project.cargo(&["install", "--locked", "--quiet", tool, "--root"]).arg(&root),
            )?;
        }
    }
    Ok(bin)
}

/// Puts the binary, and what it writes about itself, where the metadata finds them.
fn staged(binary: &Path, stage: &Path) -> Result<()> {
    let program = stage.join("stagegate");
    fs::copy(binary, &program)
        .with_context(|| format!("copying {} to {}", binary.display(), program.display()))?;
    run_command(Command::new(&program).arg("man").arg("--out").arg(stage.join("man")))?;
    let completions = stage.join("completions");
    fs::create_dir_all(&completions).context("making a directory for completions")?;
    for (shell, file) in COMPLETIONS {
        let script = output(Command::new(&program).args(["completions", shell]))?;
        if script.is_empty() {
            bail!("no completions for {shell}");
        }
        fs::write(completions.join(file), script).with_context(|| format!("writing {file}"))?;
    }
    Ok(())
}
