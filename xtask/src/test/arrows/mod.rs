//! The arrows of the workspace: which crate may use which, and no circles of files
//! inside a crate.
//!
//! A crate may have a normal or build dependency on another crate of the workspace
//! only if `table::ALLOWED` has a row for it. Development dependencies are free: they
//! serve tests, and Cargo keeps them out of what other crates build. The tools
//! (`xtask`, `fuzz`, `benches/`, `sequential/simulation`) may use every crate.
//!
//! Files form a circle if each takes a name that another of them defines. A parent that
//! declares `mod child` or re-exports names of it does not take them; a body that uses
//! a name takes it from the file that defines it, through every re-export. What stands
//! behind `#[cfg(test)]` does not count.

mod circles;
mod crates;
mod file;
mod resolve;
mod table;
mod tree;

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::project::Project;
use crate::test::arrows::tree::Tree;

/// Compares the dependencies with the table and looks for circles in every crate.
/// The error lists every offence.
pub(super) fn check(project: &Project) -> Result<()> {
    let packages = crates::read(project)?;
    let mut trees = Vec::new();
    for package in &packages {
        for root in &package.roots {
            trees.push((package.short(), Tree::read(root, &|path| read(project, path))?));
        }
    }
    let mut found = crates::offences(&packages, table::ALLOWED, &|from, to| {
        let trees = trees.iter().filter(|(name, _)| *name == from);
        trees.flat_map(|(_, tree)| tree.taken_from_crate(&format!("stagegate_{to}"))).next()
    });
    for (name, tree) in &trees {
        let circles = circles::find(&tree.arrows());
        found.extend(circles.iter().map(|circle| circles::shown(name, tree, circle)));
    }
    let files: usize = trees.iter().map(|(_, tree)| tree.files.len()).sum();
    println!("{} crates with {files} files were read", packages.len());
    if found.is_empty() {
        return Ok(());
    }
    bail!("{} arrows are wrong:\n{}", found.len(), found.join("\n"))
}

fn read(project: &Project, path: &Path) -> Option<String> {
    fs::read_to_string(project.root().join(path)).ok()
}
