//! Checks that every link of the checkout leads somewhere. Needs no network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::docs::links::{Link, anchors, links, mentions};
use crate::docs::promises;
use crate::process::output;
use crate::project::Project;

/// Files that mention pages by their path from the root.
const OTHERS: &[&str] = &["rs", "yml", "yaml", "py", "toml", "sh"];

/// Examples of bad links are in the tests of these checks.
const OWN: &str = "xtask/src/docs";

/// The book's table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";

/// Fails with a list of the links that lead nowhere and the pages that are not in the book.
pub(super) fn check_links(project: &Project) -> Result<()> {
    // Files that are not committed yet are checked too.
    let git = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let listed = output(std::process::Command::new("git").args(git).current_dir(project.root()))?;
    let mut tree = Tree::default();
    for name in listed.lines().filter(|name| project.path(name).is_file()) {
        tree.files.insert(PathBuf::from(name));
        let extension = Path::new(name).extension().and_then(|it| it.to_str()).unwrap_or("");
        let other = OTHERS.contains(&extension) && !name.starts_with(OWN);
        if extension == "md" || other {
            let text = fs::read(project.path(name)).with_context(|| format!("reading {name}"))?;
            let text = String::from_utf8_lossy(&text).into_owned();
            tree.texts.insert(PathBuf::from(name), text);
        }
    }
    let (count, mut problems) = tree.check();
    let (promises, broken) = tree.check_promises();
    problems.extend(broken);
    if problems.is_empty() {
        println!("{count} links lead somewhere; {promises} promises have their tests");
        return Ok(());
    }
    bail!("{} bad links or promises:\n{}", problems.len(), problems.join("\n"))
}

/// The checkout: all files, and the texts of those that may have links.
#[derive(Default)]
struct Tree {
    files: BTreeSet<PathBuf>,
    texts: BTreeMap<PathBuf, String>,
}

impl Tree {
    /// The number of links, and what is wrong.
    fn check(&self) -> (usize, Vec<String>) {
        let (mut count, mut problems) = (0, Vec::new());
        let book = self.book();
        for (name, text) in &self.texts {
            let (found, base) = match is_page(name) {
                true => (links(text), name.parent().unwrap_or(Path::new(""))),
                false => (mentions(text), Path::new("")),
            };
            for link in found {
                count += 1;
                if let Some(problem) = self.problem(name, base, &link) {
                    problems.push(format!("{}:{}: {problem}", name.display(), link.line));
                }
            }
            if is_page(name) && name.starts_with("docs") && !book.contains(name) {
                problems.push(format!("{}: is not in {SUMMARY}", name.display()));
            }
        }
        (count, problems)
    }

    /// The number of promises, and those whose words or tests are gone.
    fn check_promises(&self) -> (usize, Vec<String>) {
        let text_of = |name: &str| self.texts.get(Path::new(name)).map(String::as_str);
        let Some(page) = text_of(promises::PAGE) else {
            return (0, vec![format!("there is no page {}", promises::PAGE)]);
        };
        match promises::rows(page) {
            Err(problem) => (0, vec![problem]),
            Ok(rows) => {
                let problems = rows.iter().flat_map(|row| promises::problems(row, text_of));
                (rows.len(), problems.collect())
            }
        }
    }

    /// The pages of the book, with its table of contents.
    fn book(&self) -> BTreeSet<PathBuf> {
        let summary = self.texts.get(Path::new(SUMMARY)).map(String::as_str).unwrap_or_default();
        let pages = links(summary)
            .into_iter()
            .filter_map(|link| normal(&Path::new("docs").join(link.target)));
        pages.chain([PathBuf::from(SUMMARY)]).collect()
    }

    fn problem(&self, from: &Path, base: &Path, link: &Link) -> Option<String> {
        let target = &link.target;
        if target.contains("://") || target.starts_with("mailto:") {
            return None;
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let path = match file.is_empty() {
            true => from.to_owned(),
            false => match normal(&base.join(file)) {
                Some(path) => path,
                None => return Some(format!("{target} leads out of the checkout")),
            },
        };
        let is_dir = self.files.iter().any(|known| known.starts_with(&path) && *known != path);
        if !self.files.contains(&path) && !is_dir {
            return Some(format!("{target} leads nowhere"));
        }
        if is_page(from) && from.starts_with("docs") && !path.starts_with("docs") {
            return Some(format!("{target} leads out of the book"));
        }
        let page = self.texts.get(&path).filter(|_| is_page(&path));
        let known =
            anchor.is_empty() || page.is_none_or(|text| anchors(text).iter().any(|a| a == anchor));
        (!known).then(|| format!("{target}: no such heading"))
    }
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The path without `.` and `..`; none if it leads above the root.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_nowhere_is_named_with_its_place() {
        let pages = [
            ("README.md", "[a](docs/a.md#one) [b](docs/b.md) [web](https://x.test/y)\n"),
            ("docs/SUMMARY.md", "[a](a.md)\n"),
            ("docs/a.md", "# One\n\n[up](../README.md) [here](#one) [no](#two) [dir](sub)\n"),
            ("docs/lost.md", ""),
            ("docs/sub/x.py", "# see docs/a.md#one and docs/a.md#three\n"),
        ];
        let mut tree = Tree::default();
        for (name, text) in pages {
            tree.files.insert(name.into());
            tree.texts.insert(name.into(), text.to_owned());
        }
        let (count, problems) = tree.check();
        assert_eq!(count, 10);
        let wanted = [
            "README.md:1: docs/b.md leads nowhere",
            "docs/a.md:3: ../README.md leads out of the book",
            "docs/a.md:3: #two: no such heading",
            "docs/lost.md: is not in docs/SUMMARY.md",
            "docs/sub/x.py:1: docs/a.md#three: no such heading",
        ];
        assert_eq!(problems, wanted);
    }
}
