//! The modules of a crate and the files that they stand in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::test::arrows::crates::Taken;
use crate::test::arrows::file::{self, Part, Used};

/// A crate: the tree of its modules.
pub(super) struct Tree {
    pub(super) files: Vec<PathBuf>,
    /// The first is the crate's root.
    pub(super) modules: Vec<Module>,
}

/// One module.
pub(super) struct Module {
    pub(super) file: usize,
    pub(super) parent: Option<usize>,
    pub(super) children: HashMap<String, usize>,
    pub(super) part: Part,
}

/// Arrows from file to file, with the names that the first takes from the second.
pub(super) type Arrows = BTreeMap<(usize, usize), BTreeSet<String>>;

impl Tree {
    /// Reads a crate from its root file on. `read` returns the text of a file, or nothing
    /// if there is no such file.
    pub(super) fn read(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Result<Self> {
        let mut tree = Self { files: Vec::new(), modules: Vec::new() };
        let dir = root.parent().unwrap_or(Path::new(""));
        tree.read_file(root.to_owned(), dir, None, read)?;
        Ok(tree)
    }

    /// Reads a file and everything below it; returns its own module. `dir` is where the
    /// files of its children are.
    fn read_file(
        &mut self,
        path: PathBuf,
        dir: &Path,
        parent: Option<usize>,
        read: &dyn Fn(&Path) -> Option<String>,
    ) -> Result<usize> {
        let text = read(&path).with_context(|| format!("there is no {}", path.display()))?;
        let parts = file::parts(&text).with_context(|| format!("parsing {}", path.display()))?;
        let file = self.files.len();
        self.files.push(path);
        let first = self.modules.len();
        let mut dirs = Vec::new();
        for part in parts {
            let at = self.modules.len();
            let parent = match part.inside.split_last() {
                None => parent,
                Some((name, above)) => {
                    let above = self.inline(first, above);
                    self.modules[above].children.insert(name.clone(), at);
                    Some(above)
                }
            };
            dirs.push((at, part.inside.iter().fold(dir.to_owned(), |dir, name| dir.join(name))));
            self.modules.push(Module { file, parent, children: HashMap::new(), part });
        }
        for (at, dir) in dirs {
            for name in self.modules[at].part.children.clone() {
                let single = dir.join(format!("{name}.rs"));
                let inside = dir.join(&name);
                let path = if read(&single).is_some() { single } else { inside.join("mod.rs") };
                let child = self.read_file(path, &inside, Some(at), read)?;
                self.modules[at].children.insert(name, child);
            }
        }
        Ok(first)
    }

    fn inline(&self, first: usize, names: &[String]) -> usize {
        names.iter().fold(first, |at, name| self.modules[at].children[name])
    }

    /// The arrows between the files of the crate.
    pub(super) fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (at, module) in self.modules.iter().enumerate() {
            for Used { path, handed_on } in &module.part.uses {
                let Some((target, name)) = self.item(at, path) else {
                    continue;
                };
                let to = self.modules[target].file;
                if to != module.file && !(*handed_on && self.is_below(target, at)) {
                    arrows.entry((module.file, to)).or_default().insert(name);
                }
            }
        }
        arrows
    }

    fn is_below(&self, mut module: usize, above: usize) -> bool {
        while module != above {
            let Some(parent) = self.modules[module].parent else {
                return false;
            };
            module = parent;
        }
        true
    }

    /// The files that use names of another crate, with these names. The crate is named
    /// as Rust code names it.
    pub(super) fn taken_from_crate(&self, other: &str) -> Vec<Taken> {
        let mut taken: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for module in &self.modules {
            let paths = module.part.uses.iter().map(|used| &used.path);
            let paths = paths.filter(|path| path.len() > 1 && path[0] == other);
            for path in paths {
                taken.entry(module.file).or_default().insert(path[1..].join("::"));
            }
        }
        let taken = taken.into_iter();
        taken.map(|(file, names)| (self.files[file].clone(), names.into_iter().collect())).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A crate of these files, the first of which is its root.
    pub(in crate::test::arrows) fn tree(files: &[(&str, &str)]) -> Tree {
        let read = |path: &Path| {
            let file = files.iter().find(|(name, _)| Path::new(name) == path);
            file.map(|(_, text)| (*text).to_owned())
        };
        Tree::read(Path::new(files[0].0), &read).expect("a crate")
    }

    #[test]
    fn modules_are_found_in_both_layouts_and_inline() {
        let tree = tree(&[
            ("src/lib.rs", "mod a; mod b { mod c; }"),
            ("src/a.rs", "mod d;"),
            ("src/a/d/mod.rs", "mod e;"),
            ("src/a/d/e.rs", ""),
            ("src/b/c.rs", ""),
        ]);
        let files: Vec<_> = tree.files.iter().map(|file| file.to_string_lossy()).collect();
        let expected = ["src/lib.rs", "src/a.rs", "src/a/d/mod.rs", "src/a/d/e.rs", "src/b/c.rs"];
        assert_eq!(files, expected);
    }

    #[test]
    fn names_of_another_crate_are_found_with_their_file() {
        let tree = tree(&[
            ("lib.rs", "mod a;"),
            ("a.rs", "use stagegate_config::{Config, check::Problem}; use other::Thing;"),
        ]);
        let names = vec!["Config".to_owned(), "check::Problem".to_owned()];
        assert_eq!(tree.taken_from_crate("stagegate_config"), [(PathBuf::from("a.rs"), names)]);
    }
}
