//! The tree a YAML text is read into: every node knows where it is written.

use std::rc::Rc;

/// A position in the text, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// One value. Aliases share nodes, so `size` and `depth` count what the tree expands to.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) mark: Mark,
    pub(crate) content: Content,
    pub(crate) size: u64,
    pub(crate) depth: u32,
}

pub(crate) enum Content {
    /// Text; `plain` when it is written without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Rc<Node>>),
    /// Entries in the order of the file, duplicates included.
    Map(Vec<(Key, Rc<Node>)>),
}

/// Texts are not shown: some of them are secrets.
impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Scalar { .. } => f.write_str("Scalar"),
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Map(entries) => {
                f.debug_map().entries(entries.iter().map(|(key, node)| (&key.text, node))).finish()
            }
        }
    }
}

/// A mapping's key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) mark: Mark,
}

impl Node {
    /// Returns true if the value is empty: `key:`, `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The entry of a mapping's key.
    pub(crate) fn get(&self, key: &str) -> Option<&(Key, Rc<Self>)> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|(it, _)| it.text == key),
            _ => None,
        }
    }

    /// The kind of this value, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.content {
            Content::Scalar { .. } => "a single value",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}
