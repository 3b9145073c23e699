//! From YAML text to a tree of nodes, with budgets against texts that expand without end.

use super::node::{Content, Key, Mark, Node};
use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};
use std::collections::HashMap;
use std::rc::Rc;

/// Most nodes a text may expand to: a few lines of nested aliases can otherwise mean billions.
const MAX_NODES: u64 = 1_000_000;
/// Deepest nesting, aliases included: the tree is walked and dropped recursively.
const MAX_DEPTH: u32 = 64;

/// A text that is no usable YAML. Reading stops at the first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub(crate) mark: Mark,
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

/// Reads one document; an empty text is an empty mapping.
pub(crate) fn parse(text: &str) -> Result<Rc<Node>, YamlError> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH as usize,
        block_nesting_limit: MAX_DEPTH as usize,
    };
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| YamlError {
            mark: mark(*error.marker()),
            message: format!("is not YAML here: {}", error.info()),
            hint: "check the indentation, colons, quotes and brackets up to this place",
        })?;
        builder.take(event, span)?;
    }
    Ok(builder.root.unwrap_or_else(|| {
        let content = Content::Map(Vec::new());
        Rc::new(Node { mark: Mark { line: 1, column: 1 }, content, size: 1, depth: 1 })
    }))
}

fn mark(marker: Marker) -> Mark {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Mark { line: number(marker.line()), column: number(marker.col().saturating_add(1)) }
}

/// A collection whose end has not come yet.
enum Open {
    List(Vec<Rc<Node>>),
    Map { entries: Vec<(Key, Rc<Node>)>, key: Option<Key> },
}

#[derive(Default)]
struct Builder {
    open: Vec<(Mark, usize, Open)>,
    anchors: HashMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
    documents: u32,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let at = mark(span.start);
        if let Some(tag) = event.tag().filter(|tag| !is_plain_text_tag(tag)) {
            return Err(YamlError {
                mark: at,
                message: format!("has the tag `{}`", tag.original()),
                hint: "remove the tag: it has no meaning here",
            });
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(YamlError {
                        mark: at,
                        message: "begins a second document".into(),
                        hint: "keep everything in one document: remove the `---`",
                    });
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let content = Content::Scalar { text: text.into_owned(), plain };
                self.place(Rc::new(Node { mark: at, content, size: 1, depth: 1 }), anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open(at, anchor, Open::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, _) => {
                self.open(at, anchor, Open::Map { entries: Vec::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Alias(id) => {
                let node = self.anchors.get(&id).cloned().ok_or_else(|| YamlError {
                    mark: at,
                    message: "is an alias to a value that contains it".into(),
                    hint: "write the value out",
                })?;
                self.place(node, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, at: Mark, anchor: usize, open: Open) -> Result<(), YamlError> {
        if let Some((_, _, Open::Map { key: None, .. })) = self.open.last() {
            return Err(bad_key(at));
        }
        if self.open.len() >= MAX_DEPTH as usize {
            return Err(too_much(at));
        }
        self.open.push((at, anchor, open));
        Ok(())
    }

    fn close(&mut self) -> Result<(), YamlError> {
        let Some((mark, anchor, open)) = self.open.pop() else { return Ok(()) };
        let content = match open {
            Open::List(items) => Content::List(items),
            Open::Map { entries, .. } => Content::Map(entries),
        };
        let (mut size, mut depth) = (1_u64, 0);
        {
            let mut count = |node: &Rc<Node>| {
                size = size.saturating_add(node.size);
                depth = depth.max(node.depth);
            };
            match &content {
                Content::List(items) => items.iter().for_each(&mut count),
                Content::Map(entries) => entries.iter().for_each(|(_, node)| count(node)),
                Content::Scalar { .. } => {}
            }
        }
        if size > MAX_NODES || depth >= MAX_DEPTH {
            return Err(too_much(mark));
        }
        self.place(Rc::new(Node { mark, content, size, depth: depth + 1 }), anchor)
    }

    /// Puts a complete node where it belongs.
    fn place(&mut self, node: Rc<Node>, anchor: usize) -> Result<(), YamlError> {
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((_, _, Open::List(items))) => items.push(node),
            Some((_, _, Open::Map { entries, key })) => match (key.take(), &node.content) {
                (Some(key), _) => entries.push((key, node)),
                (None, Content::Scalar { text, .. }) => {
                    *key = Some(Key { text: text.clone(), mark: node.mark });
                }
                (None, _) => return Err(bad_key(node.mark)),
            },
        }
        Ok(())
    }
}

/// `!!str` and its kin say what plain YAML says anyway.
fn is_plain_text_tag(tag: &Tag) -> bool {
    tag.is_yaml_core_schema()
}

fn bad_key(mark: Mark) -> YamlError {
    YamlError {
        mark,
        message: "is a key that is a list or a mapping".into(),
        hint: "write a plain word as the key",
    }
}

fn too_much(mark: Mark) -> YamlError {
    YamlError {
        mark,
        message: format!(
            "is nested deeper than {MAX_DEPTH} levels or expands to more than {MAX_NODES} values"
        ),
        hint: "use fewer levels and fewer aliases; long tenant lists belong in a `file:`",
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, MAX_DEPTH, parse};

    fn message(text: &str) -> String {
        parse(text).expect_err("refused").message
    }

    #[test]
    fn nodes_know_their_place() {
        let root = parse("a:\n  b: [x, 'y']\n").expect("yaml");
        let Content::Map(entries) = &root.content else { panic!("a mapping") };
        let Content::Map(entries) = &entries[0].1.content else { panic!("a mapping") };
        assert_eq!((entries[0].0.mark.line, entries[0].0.mark.column), (2, 3));
        let Content::List(items) = &entries[0].1.content else { panic!("a list") };
        assert_eq!((items[1].mark.line, items[1].mark.column), (2, 10));
    }

    #[test]
    fn an_alias_bomb_is_refused_before_it_expands() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let below = format!("*a{}, ", level - 1).repeat(10);
            text += &format!("a{level}: &a{level} [{below}]\n");
        }
        assert!(message(&text).contains("expands to more than"));
    }

    #[test]
    fn aliases_cannot_nest_without_end() {
        let mut text = String::from("a0: &a0 [x]\n");
        for level in 1..=MAX_DEPTH {
            text += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
        }
        assert!(message(&text).contains("nested deeper"));
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(message("a: &a [*a]").contains("alias"));
    }

    #[test]
    fn what_has_no_meaning_here_is_refused() {
        assert!(message("a: !thing b").contains("!thing"));
        assert!(message("a: 1\n---\nb: 2").contains("second document"));
        assert!(message("? [a, b]\n: c").contains("key"));
        assert!(message("a: [1").contains("not YAML"));
        assert!(parse("").is_ok() && parse("a: !!str 1").is_ok());
    }
}
