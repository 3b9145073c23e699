//! From a path to the module that defines what it names.

use crate::test::arrows::tree::Tree;

/// The number of imports that are followed before a path counts as unknown: imports may name
/// each other in a ring.
const MOST_IMPORTS: u32 = 16;

impl Tree {
    /// The module that defines the item of a path, and the item's name; nothing if the
    /// path names a module or leads out of the crate. What follows the item (a variant,
    /// an associated function) is left out.
    pub(super) fn item(&self, from: usize, path: &[String]) -> Option<(usize, String)> {
        self.item_of(from, path, MOST_IMPORTS)
    }

    fn item_of(&self, from: usize, path: &[String], left: u32) -> Option<(usize, String)> {
        let (mut at, mut rest) = self.start(from, path)?;
        while let [head, tail @ ..] = rest {
            if tail.is_empty() {
                break;
            }
            match self.module_named(at, head, left) {
                Some(child) => (at, rest) = (child, tail),
                None => break,
            }
        }
        self.item_named(at, rest.first()?, left)
    }

    /// Follows the leading `crate`, `self` and `super` of a path.
    fn start<'a>(&self, from: usize, mut path: &'a [String]) -> Option<(usize, &'a [String])> {
        let mut at = from;
        while let [head, tail @ ..] = path {
            match head.as_str() {
                "crate" => at = 0,
                "self" => {}
                "super" => at = self.modules[at].parent?,
                _ => break,
            }
            path = tail;
        }
        Some((at, path))
    }

    fn item_named(&self, at: usize, name: &String, left: u32) -> Option<(usize, String)> {
        let left = left.checked_sub(1)?;
        let part = &self.modules[at].part;
        if part.defines.contains(name) {
            return Some((at, name.clone()));
        }
        let imports = part.imports.iter().filter(|(import, _)| import == name);
        let imported = imports.map(|(_, path)| self.item_of(at, path, left));
        let globbed = part.globs.iter().map(|glob| {
            let module = self.module_of(at, glob, left)?;
            self.item_named(module, name, left)
        });
        imported.chain(globbed).flatten().next()
    }

    fn module_of(&self, from: usize, path: &[String], left: u32) -> Option<usize> {
        let (at, rest) = self.start(from, path)?;
        rest.iter().try_fold(at, |at, name| self.module_named(at, name, left))
    }

    fn module_named(&self, at: usize, name: &String, left: u32) -> Option<usize> {
        let left = left.checked_sub(1)?;
        let module = &self.modules[at];
        if let Some(&child) = module.children.get(name) {
            return Some(child);
        }
        let imports = module.part.imports.iter().filter(|(import, _)| import == name);
        let imported = imports.map(|(_, path)| self.module_of(at, path, left));
        let globbed = module.part.globs.iter().map(|glob| {
            let module = self.module_of(at, glob, left)?;
            self.module_named(module, name, left)
        });
        imported.chain(globbed).flatten().next()
    }
}

#[cfg(test)]
mod tests {
    use crate::test::arrows::tree::tests::tree;

    fn arrows(files: &[(&str, &str)]) -> Vec<String> {
        let tree = tree(files);
        let shown = |((from, to), names): ((usize, usize), std::collections::BTreeSet<String>)| {
            let names: Vec<_> = names.into_iter().collect();
            let (from, to) = (tree.files[from].display(), tree.files[to].display());
            format!("{from} -> {to}: {}", names.join(", "))
        };
        tree.arrows().into_iter().map(shown).collect()
    }

    #[test]
    fn a_name_is_followed_through_re_exports_to_its_file() {
        let found = arrows(&[
            ("lib.rs", "mod a; mod b; pub use a::*;"),
            ("a.rs", "mod deep; pub use deep::Deep as Renamed;"),
            ("a/deep.rs", "pub struct Deep;"),
            ("b.rs", "use crate::Renamed; fn f(_: Renamed) {}"),
        ]);
        assert_eq!(found, ["b.rs -> a/deep.rs: Deep"]);
    }

    #[test]
    fn a_module_and_a_function_may_have_one_name() {
        let found = arrows(&[
            ("lib.rs", "mod step; pub use step::step; mod b;"),
            ("step.rs", "pub fn step() {} pub struct Done;"),
            ("b.rs", "use crate::step; fn f() -> step::Done { step() }"),
        ]);
        assert_eq!(found, ["b.rs -> step.rs: Done, step"]);
    }

    #[test]
    fn variants_count_as_their_type_and_other_crates_not_at_all() {
        let found = arrows(&[
            ("lib.rs", "mod a; fn f() { a::E::V; std::fs::read(\"\"); }"),
            ("a.rs", "pub enum E { V }"),
        ]);
        assert_eq!(found, ["lib.rs -> a.rs: E"]);
    }

    #[test]
    fn imports_that_name_each_other_end() {
        assert!(arrows(&[("lib.rs", "use b::a; use a::b; fn f() { a::x(); b::x() }")]).is_empty());
    }
}
