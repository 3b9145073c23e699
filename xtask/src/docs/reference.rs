//! The generated pages of `docs/reference`.
//!
//! The binary prints configuration and command line (`stagegate reference PAGE`, a hidden
//! command). A test of the telemetry crate writes the table of metrics, and compares it in every
//! test run.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process::{output, run};
use crate::project::Project;

/// The pages of `stagegate reference`, and their files.
const PAGES: &[(&str, &str)] =
    &[("config", "docs/reference/config.md"), ("cli", "docs/reference/cli.md")];

/// Writes the pages.
pub(super) fn write(project: &Project) -> Result<()> {
    for (page, file) in PAGES {
        let path = project.path(file);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        }
        fs::write(&path, print(project, page)?).with_context(|| format!("writing {file}"))?;
        println!("{file} written");
    }
    let metrics =
        ["test", "--quiet", "--locked", "-p", "stagegate-telemetry", "--test", "reference"];
    run(project.cargo(&metrics).env("STAGEGATE_WRITE_DOCS", "1"))?;
    println!("docs/reference/metrics.md written");
    Ok(())
}

/// An error that names the first line of each page that is not what the code says.
pub(super) fn check(project: &Project) -> Result<()> {
    let mut stale = Vec::new();
    for (page, file) in PAGES {
        let wanted = print(project, page)?;
        match difference(&project.path(file), &wanted) {
            Some(difference) => stale.push(format!("{file}: {difference}")),
            None => println!("{file} is fresh"),
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("run `cargo xtask docs`: {}", stale.join("; "))
}

fn print(project: &Project, page: &str) -> Result<String> {
    let args = ["run", "--quiet", "--locked", "--bin", "stagegate", "--", "reference", page];
    output(&mut project.cargo(&args)).with_context(|| format!("printing the {page} page"))
}

fn difference(file: &Path, wanted: &str) -> Option<String> {
    let Ok(found) = fs::read_to_string(file) else {
        return Some("is missing".to_owned());
    };
    if found == wanted {
        return None;
    }
    let line = found.lines().zip(wanted.lines()).take_while(|(found, wanted)| found == wanted);
    Some(format!("differs from the code in line {}", line.count() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_page_is_told_by_its_first_wrong_line() {
        let file = std::env::temp_dir().join(format!("xtask-docs-{}.md", std::process::id()));
        assert_eq!(difference(&file, "one\n"), Some("is missing".to_owned()));
        fs::write(&file, "one\ntwo\n").expect("written");
        assert_eq!(difference(&file, "one\ntwo\n"), None);
        let said = difference(&file, "one\nzwei\n").expect("stale");
        assert!(said.contains("line 2"), "{said}");
        fs::remove_file(&file).expect("removed");
    }
}
