//! Circles in the graph of a crate's files.

use std::collections::BTreeSet;

use crate::test::arrows::tree::{Arrows, Tree};

/// The circles, each as the sorted indices of its files.
pub(super) fn find(arrows: &Arrows) -> Vec<BTreeSet<usize>> {
    let files: BTreeSet<usize> = arrows.keys().flat_map(|&(from, to)| [from, to]).collect();
    let reach: Vec<(usize, BTreeSet<usize>)> =
        files.iter().map(|&file| (file, reachable(arrows, file))).collect();
    let mut circles = BTreeSet::new();
    for (file, reached) in &reach {
        if !reached.contains(file) {
            continue;
        }
        let back =
            reach.iter().filter(|(other, back)| reached.contains(other) && back.contains(file));
        circles.insert(back.map(|(other, _)| *other).collect::<BTreeSet<_>>());
    }
    circles.into_iter().collect()
}

/// The files that a walk along the arrows reaches from one; not the file itself, unless
/// an arrow leads back to it.
fn reachable(arrows: &Arrows, start: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(file) = waiting.pop() {
        for &(_, to) in arrows.keys().filter(|(from, _)| *from == file) {
            if reached.insert(to) {
                waiting.push(to);
            }
        }
    }
    reached
}

/// The files of a circle, and the names that each takes from the others.
pub(super) fn shown(name: &str, tree: &Tree, circle: &BTreeSet<usize>) -> String {
    let mut lines = vec![format!("a circle of {} files in {name}:", circle.len())];
    for ((from, to), names) in tree.arrows() {
        if circle.contains(&from) && circle.contains(&to) {
            let names: Vec<_> = names.into_iter().collect();
            lines.push(format!(
                "  {} takes from {}: {}",
                tree.files[from].display(),
                tree.files[to].display(),
                names.join(", ")
            ));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::arrows::tree::tests::tree;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let tree = tree(files);
        find(&tree.arrows()).iter().map(|circle| shown("toy", &tree, circle)).collect()
    }

    #[test]
    fn two_files_that_take_from_each_other_are_a_circle() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; pub use a::A;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "pub struct B; impl B { fn a(self) -> super::A { super::A(self) } }"),
        ]);
        assert_eq!(
            found,
            ["a circle of 2 files in toy:\n  a.rs takes from b.rs: B\n  b.rs takes from a.rs: A"]
        );
    }

    #[test]
    fn a_parent_that_only_declares_and_re_exports_is_in_no_circle() {
        let found = circles(&[
            ("lib.rs", "mod a; pub use a::A; pub struct Shared;"),
            ("a.rs", "use crate::Shared; pub struct A(Shared);"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_parent_that_takes_from_a_child_of_its_names_is_in_one() {
        let found = circles(&[
            ("lib.rs", "mod a; pub struct Shared; pub fn f() { a::g() }"),
            ("a.rs", "pub fn g() { let _ = super::Shared; }"),
        ]);
        assert_eq!(
            found,
            [
                "a circle of 2 files in toy:\n  lib.rs takes from a.rs: g\n  a.rs takes from lib.rs: Shared"
            ]
        );
    }

    #[test]
    fn a_circle_of_three_is_one_and_what_hangs_on_it_is_not_in_it() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; mod c; pub fn f() { a::a() }"),
            ("a.rs", "pub fn a() { crate::b::b() }"),
            ("b.rs", "pub fn b() { crate::c::c() }"),
            ("c.rs", "pub fn c() { crate::a::a() }"),
        ]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a circle of 3 files"), "{found:?}");
    }

    #[test]
    fn tests_do_not_count() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub fn a() {} #[cfg(test)] mod tests { use crate::b::b; }"),
            ("b.rs", "pub fn b() { crate::a::a() }"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
