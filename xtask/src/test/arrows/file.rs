//! One source file: the modules that it holds, the names that they define, and the
//! paths that they use.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A module whose body stands in this file.
#[derive(Default)]
pub(super) struct Part {
    /// The inline modules from the top of the file down to this one.
    pub(super) inside: Vec<String>,
    /// Names of functions, types, constants and macros.
    pub(super) defines: HashSet<String>,
    /// `use` items that name something: the name here, and the path.
    pub(super) imports: Vec<(String, Vec<String>)>,
    /// The modules of `use path::*`.
    pub(super) globs: Vec<Vec<String>>,
    /// `mod name;`: modules in files of their own.
    pub(super) children: Vec<String>,
    pub(super) uses: Vec<Used>,
}

/// A path that a module uses.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) path: Vec<String>,
    /// In a `pub use` (of any visibility), which hands the name on.
    pub(super) handed_on: bool,
}

/// Reads a file into its parts; the first is the file's own module.
pub(super) fn parts(text: &str) -> syn::Result<Vec<Part>> {
    let file = syn::parse_file(text)?;
    let mut reader = Reader { parts: vec![Part::default()], at: 0, locals: HashSet::new() };
    reader.visit_file(&file);
    Ok(reader.parts)
}

struct Reader {
    parts: Vec<Part>,
    at: usize,
    /// Variables of the function that is being read.
    locals: HashSet<String>,
}

impl Reader {
    fn part(&mut self) -> &mut Part {
        &mut self.parts[self.at]
    }

    fn used(&mut self, path: Vec<String>, handed_on: bool) {
        self.part().uses.push(Used { path, handed_on });
    }

    fn import(&mut self, tree: &syn::UseTree, before: &[String], handed_on: bool) {
        let with = |name: &syn::Ident| {
            let mut path = before.to_vec();
            if name != "self" || path.is_empty() {
                path.push(name.to_string());
            }
            path
        };
        let named = |path: &[String]| path.last().cloned().unwrap_or_default();
        match tree {
            syn::UseTree::Path(inner) => self.import(&inner.tree, &with(&inner.ident), handed_on),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.import(item, before, handed_on));
            }
            syn::UseTree::Glob(_) => {
                self.part().globs.push(before.to_vec());
                self.used(before.to_vec(), handed_on);
            }
            syn::UseTree::Name(inner) => {
                let path = with(&inner.ident);
                self.part().imports.push((named(&path), path.clone()));
                self.used(path, handed_on);
            }
            syn::UseTree::Rename(inner) => {
                let path = with(&inner.ident);
                self.part().imports.push((inner.rename.to_string(), path.clone()));
                self.used(path, handed_on);
            }
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if colons == 2 => path.push(ident.to_string()),
                TokenTree::Ident(ident) => {
                    self.token_path(std::mem::replace(&mut path, vec![ident.to_string()]));
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.token_path(std::mem::take(&mut path));
                    self.tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.token_path(std::mem::take(&mut path));
                }
            }
            colons = 0;
        }
        self.token_path(path);
    }

    /// Variables and keywords look like paths of one word: only types and constants,
    /// which begin with a capital letter, are taken.
    fn token_path(&mut self, path: Vec<String>) {
        let capital = |name: &String| name.starts_with(|first: char| first.is_uppercase());
        if path.len() > 1 || path.first().is_some_and(capital) {
            self.used(path, false);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if attributes(item).iter().any(only_in_tests) {
            return;
        }
        if let Some(name) = defined(item) {
            self.part().defines.insert(name);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        let Some((_, items)) = &item.content else {
            self.part().children.push(name);
            return;
        };
        let inside = [self.part().inside.as_slice(), &[name]].concat();
        self.parts.push(Part { inside, ..Part::default() });
        let outer = std::mem::replace(&mut self.at, self.parts.len() - 1);
        items.iter().for_each(|item| self.visit_item(item));
        self.at = outer;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            let handed_on = !matches!(item.vis, syn::Visibility::Inherited);
            self.import(&item.tree, &[], handed_on);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let outer = std::mem::replace(&mut self.locals, locals(&item.sig, &item.block));
        visit::visit_item_fn(self, item);
        self.locals = outer;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if item.attrs.iter().any(only_in_tests) {
            return;
        }
        let outer = std::mem::replace(&mut self.locals, locals(&item.sig, &item.block));
        visit::visit_impl_item_fn(self, item);
        self.locals = outer;
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        visit::visit_path(self, path);
        let names: Vec<String> =
            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let local = names.len() == 1 && self.locals.contains(&names[0]);
        if path.leading_colon.is_none() && !local {
            self.used(names, false);
        }
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        visit::visit_macro(self, item);
        self.tokens(item.tokens.clone());
    }

    // Their paths are names of lints, derives and the like.
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

/// The variables that a function binds.
fn locals(signature: &syn::Signature, block: &syn::Block) -> HashSet<String> {
    struct Bound(HashSet<String>);
    impl<'ast> Visit<'ast> for Bound {
        fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
            self.0.insert(pattern.ident.to_string());
            visit::visit_pat_ident(self, pattern);
        }
    }
    let mut bound = Bound(HashSet::new());
    bound.visit_signature(signature);
    bound.visit_block(block);
    bound.0
}

fn only_in_tests(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else {
        return false;
    };
    let condition = list.tokens.to_string();
    let mut words = condition.split(|c: char| !c.is_alphanumeric());
    list.path.is_ident("cfg") && words.clone().any(|w| w == "test") && words.all(|w| w != "not")
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn defined(item: &syn::Item) -> Option<String> {
    let ident = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(text: &str) -> Vec<String> {
        let parts = parts(text).expect("valid Rust");
        parts[0].uses.iter().map(|used| used.path.join("::")).collect()
    }

    #[test]
    fn imports_bodies_and_macros_use_paths() {
        let text = "use a::{self, b::C as D, e::*}; fn f(x: D) { x; log!(g::h, \"i\"); J::k() }";
        assert_eq!(used(text), ["a", "a::b::C", "a::e", "D", "log", "g::h", "J::k"]);
    }

    #[test]
    fn a_pub_use_hands_on() {
        let parts = parts("pub(crate) use a::A; use b::B;").expect("valid Rust");
        assert!(parts[0].uses[0].handed_on && !parts[0].uses[1].handed_on);
    }

    #[test]
    fn only_what_stands_behind_cfg_test_is_left_out() {
        let text = "#[cfg(test)] use a::A; #[cfg(not(test))] use b::B; #[cfg(unix)] use c::C;";
        assert_eq!(used(text), ["b::B", "c::C"]);
    }
}
