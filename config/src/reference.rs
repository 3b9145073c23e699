//! The reference page of the file, made from the types that read it.

use crate::raw::RawConfig;
use crate::read::{Field, Form, Json, Need, Read, Scalar, Shape, TypeForm};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

const HEAD: &str = "\
# Configuration reference

Every key of `stagegate.yaml`. This page is generated from the types that read the file; refresh it
with `cargo xtask docs`. `stagegate schema` prints the same as a JSON Schema, and `stagegate check`
reports everything that is wrong with a file at once.

## How values are written

| kind | written |
|---|---|
| duration | a whole number with a unit: `250ms`, `30s`, `5m`, `4h`, `3d` |
| size | bytes, or a whole number with a unit: `65536`, `64KiB`, `32MiB`, `1GiB` |
| share | a percentage in steps of 0.001%: `1%`, `0.5%` |
| margin | percentage points: `1pp`, `0.5pp` |
| limit | what the measure is in: a share, a duration, dollars (`0.05`), or a number |
| rate | requests a second: `100/s` |
| name | 1 to 63 letters, digits, `.`, `_` or `-`, starting with a letter or digit |
| endpoint | `http://host:port`, the host an IP address or a DNS name; no search domain is added to a name that ends with a dot |
| path of a file | absolute, or relative to the directory of the configuration file |
| id or `file:` with a path | an id, or `file:ids.txt` for a file with one id a line; empty lines and lines that begin with `#` are skipped |

`${NAME}` in any value is replaced by the environment variable, `${NAME:-default}` by the default
where the variable is not set or empty; `$${` stands for a literal `${`. A missing variable is a
problem. Keep secrets there: no message ever shows the value of a secret key.
";

/// The reference page in Markdown, as it is kept in `docs/reference/config.md`.
#[must_use]
pub fn reference_markdown() -> String {
    let mut page = Page { out: HEAD.to_owned(), places: HashMap::new(), types: HashSet::new() };
    let root = RawConfig::shape();
    page.remember("", &root);
    page.section("", &root);
    page.out
}

struct Page {
    out: String,
    /// The section that describes each named shape. A shape used in several places is described
    /// once.
    places: HashMap<&'static str, String>,
    /// Types that are described already.
    types: HashSet<&'static str>,
}

impl Page {
    /// Notes the first place of every named shape, in the order in which sections are written.
    fn remember(&mut self, path: &str, shape: &Shape) {
        if let Some(name) = named(shape) {
            if self.places.contains_key(name) {
                return;
            }
            self.places.insert(name, path.to_owned());
        }
        for (path, inner) in children(path, shape) {
            self.remember(&path, inner);
        }
    }

    /// Writes the section of a shape, unless it is described elsewhere, and those below it.
    fn section(&mut self, path: &str, shape: &Shape) {
        if named(shape).is_some_and(|name| self.places.get(name).is_none_or(|first| first != path))
        {
            return;
        }
        match shape {
            Shape::Struct { doc, fields, .. } => {
                self.heading(path, doc);
                self.table(path, fields);
            }
            Shape::Typed { doc, types, .. } => self.typed(path, doc, types),
            Shape::Choice { doc, words, keys, .. } => {
                self.heading(path, doc);
                self.line("| value | meaning |\n|---|---|");
                for Form { word, doc } in words {
                    self.line(&format!("| `{word}` | {} |", cell(doc)));
                }
                for field in keys {
                    let kind = self.kind(&format!("{path}.{}", field.key), &field.shape);
                    self.line(&format!(
                        "| `{{{}: …}}`: {kind} | {} |",
                        field.key,
                        cell(&field.doc)
                    ));
                }
            }
            _ => {}
        }
        for (path, inner) in children(path, shape) {
            self.section(&path, inner);
        }
    }

    fn heading(&mut self, path: &str, doc: &str) {
        let title = if path.is_empty() { "Top level".to_owned() } else { format!("`{path}`") };
        self.line(&format!("\n## {title}\n\n{doc}\n"));
    }

    fn table(&mut self, path: &str, fields: &[Field]) {
        self.line("| key | value | default | meaning |\n|---|---|---|---|");
        for field in fields {
            self.row(path, field);
        }
    }

    /// The keys that types share, then each type with its own.
    fn typed(&mut self, path: &str, doc: &str, types: &[TypeForm]) {
        self.heading(path, doc);
        // Checks have the most.
        let most = types.iter().max_by_key(|kind| kind.shared);
        if let Some(kind) = most {
            self.table(path, &kind.fields[..kind.shared]);
        }
        for kind in types {
            if !self.types.insert(kind.name) {
                continue;
            }
            let of = if kind.negatable { "" } else { " (no check: without `not` and `weight`)" };
            self.line(&format!("\n### `{}`{of}\n\n{}\n", kind.name, kind.doc));
            self.line(&format!("```yaml\n{}\n```", kind.example));
            let own = &kind.fields[kind.shared..];
            if !own.is_empty() {
                self.line("");
                self.table(path, own);
            }
        }
    }

    fn row(&mut self, path: &str, field: &Field) {
        let default = match field.need {
            Need::Required => "**required**".to_owned(),
            Need::Optional | Need::Default("{}") => "–".to_owned(),
            Need::Default("[]") => "none".to_owned(),
            Need::Default("''") => "empty".to_owned(),
            Need::Default(text) => format!("`{text}`"),
        };
        let kind = self.kind(&join(path, field.key), &field.shape);
        self.line(&format!("| `{}` | {kind} | {default} | {} |", field.key, cell(&field.doc)));
    }

    /// The kind of a value. If it is described elsewhere, the section is named.
    fn kind(&self, path: &str, shape: &Shape) -> String {
        let elsewhere = |name| {
            let first = self.places.get(name).filter(|first| *first != path);
            first.map_or(String::new(), |first| format!(" (see `{first}`)"))
        };
        match shape {
            Shape::Struct { name, .. } => format!("mapping{}", elsewhere(name)),
            Shape::Choice { name, words, keys, .. } => {
                let words = words.iter().map(|form| format!("`{}`", form.word));
                let keys = keys.iter().map(|field| format!("`{{{}: …}}`", field.key));
                format!("{}{}", words.chain(keys).collect::<Vec<_>>().join(", "), elsewhere(name))
            }
            Shape::List { item, .. } => {
                format!("list of: {}", self.kind(&format!("{path}[]"), item))
            }
            Shape::Map { key, value } => {
                format!("mapping from {} to: {}", key.kind(), self.kind(&below(path, key), value))
            }
            Shape::Either(shapes) => {
                let kinds: Vec<String> =
                    shapes.iter().map(|shape| self.kind(path, shape)).collect();
                kinds.join(" or ")
            }
            Shape::Scalar(Scalar { json: Json::Integer(from, to), name }) => {
                format!("{name} from {from} to {to}")
            }
            Shape::Scalar(_)
            | Shape::Word(_)
            | Shape::Typed { .. }
            | Shape::Again(_)
            | Shape::Foreign { .. } => shape.kind(),
        }
    }

    fn line(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{text}");
    }
}

fn named(shape: &Shape) -> Option<&'static str> {
    match shape {
        Shape::Struct { name, .. } | Shape::Choice { name, .. } | Shape::Typed { name, .. } => {
            Some(name)
        }
        _ => None,
    }
}

fn children<'s>(path: &str, shape: &'s Shape) -> Vec<(String, &'s Shape)> {
    match shape {
        Shape::Struct { fields, .. } | Shape::Choice { keys: fields, .. } => {
            fields.iter().map(|field| (join(path, field.key), &field.shape)).collect()
        }
        Shape::List { item, .. } => vec![(format!("{path}[]"), item)],
        Shape::Map { key, value } => vec![(below(path, key), value)],
        Shape::Either(shapes) => shapes.iter().map(|shape| (path.to_owned(), shape)).collect(),
        Shape::Typed { types, .. } => {
            let fields = types.iter().flat_map(|kind| &kind.fields);
            fields.map(|field| (join(path, field.key), &field.shape)).collect()
        }
        Shape::Scalar(_) | Shape::Word(_) | Shape::Again(_) | Shape::Foreign { .. } => Vec::new(),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The path of a chosen key's value.
fn below(path: &str, key: &Shape) -> String {
    format!("{path}.<{}>", key.kind())
}

/// A text fit for one cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
