//! Programs the chores need, installed below `target/` when they are not there.
//!
//! What exactly is installed stands in requirement files with pinned versions; a
//! directory is made anew when its file changes, and left alone otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::{output, run};
use crate::project::Project;

/// A Python environment with what `requirements` (a file of the checkout) pins,
/// at `target/<name>`.
pub(crate) fn python(project: &Project, name: &str, requirements: &str) -> Result<PathBuf> {
    environment(project, name, requirements, &[])
}

/// As [`python`], without what the packages name as their dependencies: all that is needed is in
/// the file.
pub(crate) fn python_bare(project: &Project, name: &str, requirements: &str) -> Result<PathBuf> {
    environment(project, name, requirements, &["--no-deps"])
}

fn environment(
    project: &Project,
    name: &str,
    requirements: &str,
    options: &[&str],
) -> Result<PathBuf> {
    let wanted = read(&project.path(requirements))?;
    let dir = project.path("target").join(name);
    let stamp = dir.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(dir);
    }
    println!("installing {requirements} into {}", dir.display());
    remove(&dir)?;
    project.scratch(name)?;
    if run(Command::new("python3").args(["-m", "venv"]).arg(&dir)).is_err() {
        // Debian ships Python without the part that makes environments.
        debian("python3-venv")?;
        run(Command::new("python3").args(["-m", "venv"]).arg(&dir))?;
    }
    run(Command::new(dir.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(options)
        .arg("--requirement")
        .arg(project.path(requirements)))?;
    fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(dir)
}

/// Makes sure `program` can be started, if need be by installing the Debian
/// package of that name.
pub(crate) fn system(program: &str, package: &str) -> Result<()> {
    if on_path(program) {
        return Ok(());
    }
    debian(package)?;
    if on_path(program) {
        return Ok(());
    }
    bail!("the Debian package {package} is installed but has no program {program}")
}

/// Installs a Debian package.
fn debian(package: &str) -> Result<()> {
    if !on_path("apt-get") || output(Command::new("id").arg("-u"))?.trim() != "0" {
        bail!("needs the Debian package `{package}` (apt-get install {package})");
    }
    println!("installing the Debian package {package}");
    let install = || {
        run(Command::new("apt-get")
            .args(["install", "--yes", "--no-install-recommends", "-qq", package])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null()))
    };
    // A fresh machine has no package lists yet.
    install().or_else(|_| {
        run(Command::new("apt-get").args(["update", "-qq"]).stdout(Stdio::null()))?;
        install()
    })
}

/// True if a program of that name can be started.
pub(crate) fn on_path(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// The first file called `name` below `dir`, for wheels that hide a program in
/// a directory named after the machine.
pub(crate) fn find_below(dir: &Path, name: &str) -> Result<PathBuf> {
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        let entries = fs::read_dir(&dir).with_context(|| format!("reading {}", dir.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("reading {}", dir.display()))?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|found| found == name) {
                return Ok(path);
            }
        }
    }
    bail!("no file {name} below {}", dir.display())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    Ok(())
}
