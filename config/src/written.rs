//! A configuration as it is written, to tell what another version of it changes.

use crate::read::{self, Content, Cursor, Node, shown};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

/// The text of a configuration file, and what else is needed to compare it with a later one.
#[derive(Clone, Default)]
pub struct Written {
    pub(crate) text: String,
    /// Keys whose values are never shown.
    pub(crate) secrets: BTreeSet<String>,
    /// Keys of secrets that are written out, not taken from the environment.
    pub(crate) literal: BTreeSet<String>,
    /// Digests of the files of ids that it names.
    pub(crate) files: BTreeMap<PathBuf, u64>,
}

/// A key with another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Path of the key; items of a list are named where they have a `name`. Or the path of a file
    /// that the configuration names.
    pub key: String,
    /// The value before, on one line and without secrets; `None` where there was none.
    pub from: Option<String>,
    /// The value now; `None` where there is none.
    pub to: Option<String>,
}

/// The text may hold secrets.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").field("files", &self.files).finish_non_exhaustive()
    }
}

#[derive(PartialEq, Eq)]
struct Value {
    text: String,
    secret: bool,
}

impl Written {
    /// Keys of secrets that are written out in the file, not taken from the environment. A hash is no
    /// secret.
    #[must_use]
    pub fn secrets_written_out(&self) -> Vec<String> {
        self.literal.iter().cloned().collect()
    }

    /// The keys whose values differ in `next`, by name.
    #[must_use]
    pub fn edits(&self, next: &Self) -> Vec<Edit> {
        let (before, after) = (self.values(), next.values());
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        keys.into_iter()
            .filter(|key| before.get(*key) != after.get(*key))
            .map(|key| Edit {
                key: key.clone(),
                from: before.get(key).map(Value::shown),
                to: after.get(key).map(Value::shown),
            })
            .collect()
    }

    /// SHA-256 in hex over what the file says, without the keys below `without`. Two files that say the
    /// same in another order have the same digest.
    #[must_use]
    pub fn digest(&self, without: &[&str]) -> String {
        let mut hash = Sha256::new();
        let below = |key: &str, top: &str| {
            key.strip_prefix(top)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        for (key, value) in self.values() {
            if !without.iter().any(|top| below(&key, top)) {
                hash.update(format!("{}:{key}={}:{};", key.len(), value.text.len(), value.text));
            }
        }
        hex::encode(hash.finalize())
    }

    fn values(&self) -> BTreeMap<String, Value> {
        let mut values = BTreeMap::new();
        if let Ok(root) = read::parse(&self.text) {
            self.collect(&Cursor::root(&root), String::new(), &mut values);
        }
        values.extend(self.files.iter().map(|(path, digest)| {
            let value = Value { text: format!("contents {digest:016x}"), secret: false };
            (path.display().to_string(), value)
        }));
        values
    }

    /// Adds the values below a place; `key` is its path with names instead of positions.
    fn collect(&self, at: &Cursor<'_>, key: String, values: &mut BTreeMap<String, Value>) {
        match &at.node.content {
            _ if at.node.is_null() => {}
            Content::Scalar { text, .. } => {
                let secret = self.secrets.contains(&at.path);
                values.insert(key, Value { text: text.clone(), secret });
            }
            Content::List(items) => match items.iter().map(|item| text_of(item)).collect() {
                Some(texts) => {
                    let secret = (0..items.len())
                        .any(|n| self.secrets.contains(&at.item(n, &items[n]).path));
                    let texts: Vec<&str> = texts;
                    values.insert(key, Value { text: format!("[{}]", texts.join(", ")), secret });
                }
                None => {
                    for (n, item) in items.iter().enumerate() {
                        let name = item.get("name").and_then(|(_, name)| text_of(name));
                        let name = name.map_or_else(|| n.to_string(), str::to_owned);
                        self.collect(&at.item(n, item), format!("{key}[{name}]"), values);
                    }
                }
            },
            Content::Map(entries) => {
                if entries.is_empty() && !key.is_empty() {
                    values.insert(key.clone(), Value { text: "{}".to_owned(), secret: false });
                }
                for (name, node) in entries {
                    let below = at.value(&name.text, name.mark, node);
                    let key = read::join(&key, &name.text);
                    self.collect(&below, key, values);
                }
            }
        }
    }
}

fn text_of(node: &Node) -> Option<&str> {
    match &node.content {
        Content::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

impl Value {
    fn shown(&self) -> String {
        if self.secret { "***".to_owned() } else { shown(&self.text) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Edit, Written};

    fn written(text: &str, secrets: &[&str]) -> Written {
        let secrets = secrets.iter().map(|&key| key.to_owned()).collect();
        Written { text: text.to_owned(), secrets, ..Written::default() }
    }

    fn edits(before: &str, after: &str, secrets: &[&str]) -> Vec<String> {
        let shown = |Edit { key, from, to }: Edit| {
            format!("{key}: {} -> {}", from.as_deref().unwrap_or("-"), to.as_deref().unwrap_or("-"))
        };
        written(before, secrets).edits(&written(after, secrets)).into_iter().map(shown).collect()
    }

    #[test]
    fn changed_added_and_removed_keys_are_told() {
        let (before, after) = ("a: {b: 1, c: 2}\nd: x\n", "a: {b: 1, c: 3, e: {f: 4}}\n");
        assert_eq!(edits(before, after, &[]), ["a.c: 2 -> 3", "a.e.f: - -> 4", "d: x -> -"]);
        assert!(edits(before, "# other words\nd: x\na:\n  c: 2\n  b: 1\n", &[]).is_empty());
    }

    #[test]
    fn lists_of_words_are_one_value_and_items_go_by_their_name() {
        let before = "w: [a, b]\nl: [{name: x, v: 1}, {name: y, v: 2}]\nm: [{v: 1}]\n";
        let after = "w: [a, c]\nl: [{name: y, v: 2}, {name: x, v: 3}]\nm: [{v: 2}]\n";
        let told = ["l[x].v: 1 -> 3", "m[0].v: 1 -> 2", "w: [a, b] -> [a, c]"];
        assert_eq!(edits(before, after, &[]), told);
    }

    #[test]
    fn a_secret_is_seen_to_change_and_never_shown() {
        let told = edits("k: {token: one}\n", "k: {token: two}\n", &["k.token"]);
        assert_eq!(told, ["k.token: *** -> ***"]);
        let debug = format!("{:?}", written("k: one", &[]));
        assert!(!debug.contains("one"), "{debug}");
    }

    #[test]
    fn a_digest_leaves_out_what_belongs_to_one_replica_and_nothing_else() {
        let of = |text: &str| written(text, &[]).digest(&["data_dir", "fleet.replica"]);
        let one = of("data_dir: a\nfleet: {replica: x, servers: [n]}\nworkers: 2\n");
        assert_eq!(one, of("workers: 2\nfleet: {servers: [n], replica: y}\ndata_dir: b\n"));
        assert_ne!(one, of("data_dir: a\nfleet: {replica: x, servers: [m]}\nworkers: 2\n"));
        assert_ne!(one, of("data_dir: a\nfleet: {replica: x, servers: [n]}\nworkers: 3\n"));
    }

    #[test]
    fn contents_of_named_files_count() {
        let mut before = written("a: 1", &[]);
        before.files.insert("tenants.txt".into(), 1);
        let mut after = before.clone();
        assert!(before.edits(&after).is_empty());
        after.files.insert("tenants.txt".into(), 2);
        assert_eq!(before.edits(&after)[0].key, "tenants.txt");
    }
}
