//! Arrows between the crates of the workspace, as `cargo metadata` tells them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::output;
use crate::project::Project;
use crate::test::arrows::table::{Arrow, TOOLS};

/// A crate of the workspace.
pub(super) struct Package {
    /// The name as Cargo knows it.
    pub(super) name: String,
    /// Its `Cargo.toml`, relative to the workspace root.
    pub(super) manifest: String,
    /// The text of its `Cargo.toml`.
    pub(super) text: String,
    /// The root files of its library and its programs, relative to the workspace root.
    pub(super) roots: Vec<PathBuf>,
    /// The crates of the workspace that it needs to be built, by their Cargo names.
    pub(super) needs: Vec<String>,
}

impl Package {
    /// The name without the prefix that all crates share.
    pub(super) fn short(&self) -> &str {
        short(&self.name)
    }
}

fn short(name: &str) -> &str {
    name.strip_prefix("stagegate-").unwrap_or(name)
}

/// The crates of the workspace.
pub(super) fn read(project: &Project) -> Result<Vec<Package>> {
    let args = ["metadata", "--no-deps", "--format-version", "1", "--locked"];
    let metadata: Value = serde_json::from_str(&output(&mut project.cargo(&args))?)
        .context("reading `cargo metadata`")?;
    let packages = metadata["packages"].as_array().context("no packages in the metadata")?;
    packages.iter().map(|package| read_one(project, package)).collect()
}

fn read_one(project: &Project, package: &Value) -> Result<Package> {
    let relative = |path: &Value| -> Result<PathBuf> {
        let path = PathBuf::from(path.as_str().context("a path in the metadata is no text")?);
        Ok(path.strip_prefix(project.root()).context("a crate outside the workspace")?.to_owned())
    };
    let manifest = relative(&package["manifest_path"])?;
    let text = fs::read_to_string(project.root().join(&manifest))
        .with_context(|| format!("reading {}", manifest.display()))?;
    let mut roots = Vec::new();
    for target in package["targets"].as_array().into_iter().flatten() {
        if ["lib", "bin"].iter().any(|kind| target["kind"][0] == **kind) {
            roots.push(relative(&target["src_path"])?);
        }
    }
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    let needs = dependencies
        .filter(|dependency| dependency["path"].is_string() && dependency["kind"] != "dev")
        .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
        .collect();
    Ok(Package {
        name: package["name"].as_str().context("a package without a name")?.to_owned(),
        manifest: manifest.to_string_lossy().into_owned(),
        text,
        roots,
        needs,
    })
}

/// A file that takes names of another crate, and the names.
pub(super) type Taken = (PathBuf, Vec<String>);

/// Every dependency without a row in the table, and every row without a dependency.
/// `example` finds a file of the first crate that takes names from the second one.
pub(super) fn offences(
    packages: &[Package],
    allowed: &[Arrow],
    example: &dyn Fn(&str, &str) -> Option<Taken>,
) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        for needed in &package.needs {
            let (from, to) = (package.short(), short(needed));
            // The program is put together from all crates.
            let free = from == "stagegate" || TOOLS.contains(&from);
            if free || allowed.iter().any(|arrow| (arrow.from, arrow.to) == (from, to)) {
                continue;
            }
            found.push(forbidden(package, needed, example(from, to)));
        }
    }
    let exists = |arrow: &Arrow| {
        let from = packages.iter().find(|package| package.short() == arrow.from);
        from.is_some_and(|package| package.needs.iter().any(|name| short(name) == arrow.to))
    };
    for Arrow { from, to, why } in allowed.iter().filter(|arrow| !exists(arrow)) {
        found.push(format!("{from} -> {to} ({why}) is in the table only: remove the row"));
    }
    found
}

fn forbidden(package: &Package, needed: &str, example: Option<Taken>) -> String {
    let line = package.text.lines().position(|line| line.trim_start().starts_with(needed));
    let line = line.map_or(0, |line| line + 1);
    let used = match example {
        Some((file, names)) => format!("{} takes {}", file.display(), names.join(", ")),
        None => "no file takes a name from it".to_owned(),
    };
    format!(
        "{} -> {}: {}:{line} needs {needed}; {used}; the table in \
         xtask/src/test/arrows/table.rs has no such arrow",
        package.short(),
        short(needed),
        package.manifest
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: &[Arrow] = &[Arrow { from: "proxy", to: "rollout", why: "the decision" }];

    fn package(name: &str, needs: &[&str]) -> Package {
        Package {
            name: format!("stagegate-{name}"),
            manifest: format!("{name}/Cargo.toml"),
            text: "[package]\n\n[dependencies]\nstagegate-config.workspace = true\n".to_owned(),
            roots: Vec::new(),
            needs: needs.iter().map(|name| format!("stagegate-{name}")).collect(),
        }
    }

    #[test]
    fn a_forbidden_arrow_names_the_line_and_an_example() {
        let packages = [package("proxy", &["rollout", "config"])];
        let example = |from: &str, to: &str| {
            assert_eq!((from, to), ("proxy", "config"));
            Some((PathBuf::from("proxy/src/plan.rs"), vec!["Config".to_owned()]))
        };
        assert_eq!(
            offences(&packages, ALLOWED, &example),
            [
                "proxy -> config: proxy/Cargo.toml:4 needs stagegate-config; proxy/src/plan.rs takes \
              Config; the table in xtask/src/test/arrows/table.rs has no such arrow"
            ]
        );
    }

    #[test]
    fn a_row_without_a_dependency_is_an_offence() {
        let found = offences(&[package("proxy", &[])], ALLOWED, &|_, _| None);
        assert_eq!(found, ["proxy -> rollout (the decision) is in the table only: remove the row"]);
    }

    #[test]
    fn the_program_and_the_tools_may_use_every_crate() {
        let mut program = package("", &["config"]);
        program.name = "stagegate".to_owned();
        let mut xtask = package("", &["config"]);
        xtask.name = "xtask".to_owned();
        assert!(offences(&[program, xtask], &[], &|_, _| None).is_empty());
    }
}
