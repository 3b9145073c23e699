//! A place in the tree while it is read, and what is kept of it afterwards.

use super::node::{Content, Mark, Node};

/// Longest value repeated in a message, in characters.
const MAX_SHOWN: usize = 80;

/// The place and text of a value, kept for messages after reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) mark: Mark,
    pub(crate) key: String,
    pub(crate) written: Option<String>,
}

impl Site {
    /// The same place, for messages about something other than the value.
    pub(crate) fn without_value(&self) -> Self {
        Self { written: None, ..self.clone() }
    }

    /// The place of a key that is not there.
    pub(crate) fn missing(&self, key: &str) -> Self {
        Self { mark: self.mark, key: join(&self.key, key), written: None }
    }
}

/// A value that was read, and where.
#[derive(Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) site: Site,
}

/// The value without its place.
pub(crate) fn plain<T>(at: Option<At<T>>) -> Option<T> {
    at.map(|at| at.value)
}

/// One node and the way to it.
pub(crate) struct Cursor<'n> {
    pub(crate) node: &'n Node,
    /// The place of the node's key (or of the node itself, in a list).
    pub(crate) mark: Mark,
    pub(crate) path: String,
}

impl<'n> Cursor<'n> {
    /// The top of the tree.
    pub(crate) fn root(node: &'n Node) -> Self {
        Self { node, mark: Mark { line: 1, column: 1 }, path: String::new() }
    }

    /// The value of a mapping's key.
    pub(crate) fn value(&self, key: &str, mark: Mark, node: &'n Node) -> Self {
        Self { node, mark, path: join(&self.path, key) }
    }

    /// The value of a mapping's key, if it is there.
    pub(crate) fn below(&self, key: &str) -> Option<Self> {
        self.node.get(key).map(|(found, node)| self.value(key, found.mark, node))
    }

    /// An item of a list.
    pub(crate) fn item(&self, index: usize, node: &'n Node) -> Self {
        Self { node, mark: node.mark, path: format!("{}[{index}]", self.path) }
    }

    /// The site of this node, for messages. A block of lines is best found by its key.
    pub(crate) fn site(&self, secret: bool) -> Site {
        let (mark, written) = match &self.node.content {
            Content::Scalar { .. } if self.node.is_null() => (self.mark, None),
            Content::Scalar { .. } if secret => (self.node.mark, Some("***".to_owned())),
            Content::Scalar { text, .. } => (self.node.mark, Some(shown(text))),
            Content::List(_) | Content::Map(_) => (self.mark, None),
        };
        Site { mark, key: self.path.clone(), written }
    }
}

/// `a.b`, with quotes around keys that hold more than name characters.
pub(crate) fn join(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    match (path.is_empty(), !key.is_empty() && key.chars().all(plain)) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[\"{}\"]", shown(key)),
    }
}

/// A value fit for one line of a message.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == MAX_SHOWN {
            out.push('…');
            break;
        }
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{join, shown};

    #[test]
    fn paths_read_like_the_file() {
        assert_eq!(join("", "workloads"), "workloads");
        assert_eq!(join("workloads", "support-agent"), "workloads.support-agent");
        assert_eq!(join("workloads", "a.b"), "workloads[\"a.b\"]");
    }

    #[test]
    fn values_stay_on_one_line() {
        assert_eq!(shown("a\nb"), "a\\nb");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), 81);
    }
}
