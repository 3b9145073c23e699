//! Reading of mappings with known keys: unknown, missing and doubled keys.

use super::context::Context;
use super::cursor::{At, Cursor, Site};
use super::node::{Content, Key, Node};
use super::shape::Need;
use super::suggestion;
use super::value::Read;
use super::yaml::parse;
use std::collections::HashMap;
use std::rc::Rc;

/// Keys that are designed but not part of this version; the hint says so instead of guessing.
const LATER: [(&str, &str); 1] = [("follow", "following another proxy's arm")];

/// The entries of a mapping, each key once; doubled keys are reported.
pub(crate) fn unique_entries<'n>(
    at: &Cursor<'n>,
    cx: &mut Context<'_>,
) -> Option<Vec<(&'n Key, &'n Node)>> {
    if at.node.is_null() {
        return Some(Vec::new());
    }
    let Content::Map(entries) = &at.node.content else {
        let message = format!("is {}, not a mapping", at.node.kind());
        // Without the value: a secret may have been written one level too high.
        let site = at.site(true).without_value();
        cx.problem(&site, message, "write `key: value` lines below it, or `{key: value}`");
        return None;
    };
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let mut unique = Vec::with_capacity(entries.len());
    for (key, node) in entries {
        if let Some(line) = seen.get(key.text.as_str()) {
            let site = at.value(&key.text, key.mark, node).site(true);
            let site = Site { mark: key.mark, written: None, ..site };
            cx.problem(
                &site,
                format!("is given twice, first in line {line}"),
                "keep one of the two",
            );
        } else {
            seen.insert(&key.text, key.mark.line);
            unique.push((key, Rc::as_ref(node)));
        }
    }
    Some(unique)
}

/// The known keys of one mapping.
pub(crate) struct Fields<'c, 'n> {
    at: &'c Cursor<'n>,
    entries: Vec<(&'n Key, &'n Node)>,
}

impl<'c, 'n> Fields<'c, 'n> {
    /// Opens a mapping and reports every key that is not among `known`.
    pub(crate) fn open(at: &'c Cursor<'n>, cx: &mut Context<'_>, known: &[&str]) -> Option<Self> {
        let entries = unique_entries(at, cx)?;
        for (key, node) in &entries {
            if !known.contains(&key.text.as_str()) {
                unknown_key(at, key, node, known, cx);
            }
        }
        Some(Self { at, entries })
    }

    /// The value of one key. `None` when it is absent (reported if it is required) or unreadable
    /// (reported).
    pub(crate) fn read<T: Read>(
        &self,
        key: &'static str,
        need: &Need,
        cx: &mut Context<'_>,
    ) -> Option<At<T>> {
        let entry = self.entries.iter().find(|(k, node)| k.text == key && !node.is_null());
        if let Some((k, node)) = entry {
            return At::read(&self.at.value(key, k.mark, node), cx);
        }
        let mark =
            self.entries.iter().find(|(k, _)| k.text == key).map_or(self.at.mark, |e| e.0.mark);
        match need {
            Need::Optional => None,
            Need::Required => {
                let mut site = self.at.site(false).missing(key);
                site.mark = mark;
                cx.problem(&site, "is missing", format!("add `{key}`: {}", T::shape().kind()));
                None
            }
            Need::Default(text) => {
                let node = parse(text).ok()?;
                let at = self.at.value(key, mark, &node);
                let value = T::read(&at, cx)?;
                // Nothing is written, so messages have no value to show.
                let site = Site { mark, key: at.path.clone(), written: None };
                Some(At { value, site })
            }
        }
    }
}

fn unknown_key(at: &Cursor<'_>, key: &Key, node: &Node, known: &[&str], cx: &mut Context<'_>) {
    // The value is never shown: below a mistyped key may be a secret.
    let site = at.value(&key.text, key.mark, node).site(true);
    let site = Site { mark: key.mark, written: None, ..site };
    if let Some((_, what)) = LATER.iter().find(|(later, _)| *later == key.text) {
        let message = format!("is not a known key: {what} is not supported by this version yet");
        cx.problem(&site, message, "remove it");
        return;
    }
    let hint = if key.text == "<<" {
        "merge keys are not supported: give whole values an anchor instead".to_owned()
    } else if node.is_null() && key.text.contains(' ') {
        "if it belongs to the text before it, put that text in quotes".to_owned()
    } else {
        suggestion(&key.text, known).map_or_else(
            || format!("known here: {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        )
    };
    cx.problem(&site, "is not a known key", hint);
}

/// The position of the word at `at` among `words`; anything else is reported.
pub(crate) fn word(
    at: &Cursor<'_>,
    cx: &mut Context<'_>,
    words: &[&str],
    keys: &[&str],
) -> Option<usize> {
    let site = at.site(false);
    let quoted =
        |list: &[&str]| list.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let mut choices = quoted(words);
    if !keys.is_empty() {
        let forms: Vec<String> = keys.iter().map(|key| format!("{{{key}: …}}")).collect();
        let forms: Vec<&str> = forms.iter().map(String::as_str).collect();
        choices = if words.is_empty() {
            quoted(&forms)
        } else {
            format!("{choices}, {}", quoted(&forms))
        };
    }
    let Content::Scalar { text, .. } = &at.node.content else {
        cx.problem(&site, format!("is {}", at.node.kind()), format!("write one of {choices}"));
        return None;
    };
    let text = cx.substitute(text, &site)?;
    let found = words.iter().position(|word| *word == text);
    if found.is_none() {
        let hint = suggestion(&text, words).map_or_else(
            || format!("write one of {choices}"),
            |near| format!("did you mean `{near}`? (one of {choices})"),
        );
        cx.problem(&site, "is not among the possible values", hint);
    }
    found
}

/// The one entry of a mapping that must have exactly one of `keys`; `None` when that is not so
/// (reported).
pub(crate) fn one_key<'n>(
    at: &Cursor<'n>,
    cx: &mut Context<'_>,
    keys: &[&str],
) -> Option<(&'n str, Cursor<'n>)> {
    let entries = unique_entries(at, cx)?;
    let mut valid = true;
    for (key, node) in &entries {
        if !keys.contains(&key.text.as_str()) {
            unknown_key(at, key, node, keys, cx);
            valid = false;
        }
    }
    if !valid {
        return None;
    }
    let [(key, node)] = entries.as_slice() else {
        let message = format!("has {} keys where exactly one belongs", entries.len());
        cx.problem(&at.site(false), message, format!("give one of {}", keys.join(", ")));
        return None;
    };
    Some((key.text.as_str(), at.value(&key.text, key.mark, node)))
}
