//! The table of ids, and those that a workload adds to it, made ready for both directions.

use super::members::{Name, Names, Text};
use super::pointers::Pointer;
use super::table::{KINDS, Kind, NO_IDS, Place};
use crate::identity::percent::percent_decoded;
use stagegate_settings::IssuedId;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// Where ids are issued.
pub(super) static ISSUED: LazyLock<Arc<Rules>> =
    LazyLock::new(|| Arc::new(Rules::of(|kind| kind.issued)));
/// Where ids are used.
pub(super) static USED: LazyLock<Arc<Rules>> =
    LazyLock::new(|| Arc::new(Rules::of(|kind| kind.used)));

/// Where the ids of a workload's bodies are.
#[derive(Clone, Debug)]
pub(crate) struct IdRules {
    pub(super) issued: Arc<Rules>,
    pub(super) used: Arc<Rules>,
}

impl Default for IdRules {
    fn default() -> Self {
        Self { issued: Arc::clone(&ISSUED), used: Arc::clone(&USED) }
    }
}

impl IdRules {
    /// The table's, and these.
    pub(crate) fn with(own: &[IssuedId]) -> Self {
        if own.is_empty() {
            return Self::default();
        }
        let (mut issued, mut used) = (Rules::of(|kind| kind.issued), Rules::of(|kind| kind.used));
        own.iter().for_each(|id| issued.point(&id.response));
        own.iter().for_each(|id| used.point(&id.request));
        Self { issued: Arc::new(issued), used: Arc::new(used) }
    }
}

/// The places of one direction.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) names: Arc<Names>,
    /// The member that makes a document a JSON-RPC message.
    pub(super) jsonrpc: Name,
    /// Header fields; true where the id stands for a conversation.
    pub(super) headers: Vec<(&'static str, bool)>,
    queries: Vec<(&'static str, bool)>,
    paths: Vec<(&'static str, bool)>,
    members: HashMap<Name, Vec<Member>, foldhash::fast::FixedState>,
    /// Places that a workload adds.
    pointers: Vec<Pointer>,
}

/// One rule for the texts of a member.
#[derive(Debug)]
struct Member {
    /// The object around it; 0 for any.
    parent: Name,
    at_top: bool,
    below_top: bool,
    /// The text is a resource's name, of one of these collections.
    collections: Option<Vec<&'static str>>,
    is_conversation: bool,
}

/// An id in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Id<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) is_conversation: bool,
    /// It counts only if the document is no JSON-RPC message.
    pub(super) at_top: bool,
}

impl Rules {
    fn of(side: impl Fn(&Kind) -> &'static [Place]) -> Self {
        let mut names = Names::default();
        let jsonrpc = names.number("jsonrpc");
        let (mut headers, mut queries, mut paths) = (Vec::new(), Vec::new(), Vec::new());
        let mut members: HashMap<Name, Vec<Member>, _> = HashMap::default();
        for kind in KINDS {
            let is_conversation = kind.is_conversation;
            let mut member = |name: Name, (parent, below_top), at_top, collections| {
                let rule = Member { parent, at_top, below_top, collections, is_conversation };
                members.entry(name).or_default().push(rule);
            };
            for place in side(kind) {
                match *place {
                    Place::Header(name) => headers.push((name, is_conversation)),
                    Place::Query(name) => queries.push((name, is_conversation)),
                    Place::Path(name) => paths.push((name, is_conversation)),
                    Place::Member(name) => member(names.number(name), (0, false), false, None),
                    Place::Top(name) => member(names.number(name), (0, false), true, None),
                    Place::Of(parent, name) => {
                        let parent = names.number(parent);
                        member(names.number(name), (parent, false), false, None);
                    }
                    Place::TopOf(parent, name) => {
                        let parent = names.number(parent);
                        member(names.number(name), (parent, true), false, None);
                    }
                    Place::Resource(name) => {
                        let collections = kind.used.iter().filter_map(|place| match place {
                            Place::Path(collection) => Some(*collection),
                            _ => None,
                        });
                        member(names.number(name), (0, false), false, Some(collections.collect()));
                    }
                }
            }
        }
        let pointers = Vec::new();
        Self { names: Arc::new(names), jsonrpc, headers, queries, paths, members, pointers }
    }

    /// Adds a place by its JSON pointer.
    fn point(&mut self, pointer: &str) {
        let pointer = Pointer::new(pointer, Arc::make_mut(&mut self.names));
        self.pointers.push(pointer);
    }

    /// The ids that a member's text is, or holds.
    pub(super) fn in_text(&self, text: &Text<'_>, mut found: impl FnMut(Id<'_>)) {
        if let Some(id) = self.of_table(text) {
            found(id);
        }
        for pointer in &self.pointers {
            // What it names may be shared by conversations.
            pointer.in_text(text, |id| {
                found(Id { text: id.into(), is_conversation: false, at_top: false });
            });
        }
    }

    fn of_table<'a>(&self, text: &Text<'a>) -> Option<Id<'a>> {
        let rules = self.members.get(&text.member)?;
        rules.iter().find_map(|rule| {
            let fits = (rule.parent == 0 || rule.parent == text.parent)
                && (!rule.at_top || text.at_top)
                && (!rule.below_top || text.below_top);
            let id = match &rule.collections {
                Some(collections) => resource(text.text, collections)?,
                None => text.text,
            };
            let (is_conversation, at_top) = (rule.is_conversation, rule.at_top);
            (fits && !id.is_empty()).then(|| Id { text: id.into(), is_conversation, at_top })
        })
    }

    /// The ids in a path and its query, in their order.
    pub(super) fn in_target(&self, target: &str, mut found: impl FnMut(Id<'_>)) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut before = None;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            let collection = before.replace(segment);
            let rule = collection.and_then(|it| self.paths.iter().find(|(name, _)| *name == it));
            if let Some((_, is_conversation)) = rule
                && !NO_IDS.contains(&segment)
                && let Some(segment) = percent_decoded(segment)
            {
                in_segment(&segment, *is_conversation, &mut found);
            }
        }
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let name = percent_decoded(name).unwrap_or_default();
            let rule = self.queries.iter().find(|(known, _)| *known == name);
            if let Some((_, is_conversation)) = rule
                && let Some(text) = percent_decoded(value)
            {
                found(Id { text, is_conversation: *is_conversation, at_top: false });
            }
        }
    }
}

/// A segment as it is and, where a method's name follows (`abc:cancel`), without it.
fn in_segment(segment: &str, is_conversation: bool, found: &mut impl FnMut(Id<'_>)) {
    let segment = segment.rsplit('/').next().unwrap_or(segment);
    let verb = segment.rsplit_once(':').filter(|(id, verb)| {
        !id.is_empty() && !verb.is_empty() && verb.bytes().all(|b| b.is_ascii_alphabetic())
    });
    if let Some((id, _)) = verb {
        found(Id { text: id.into(), is_conversation, at_top: false });
    }
    let is_conversation = is_conversation && verb.is_none();
    found(Id { text: segment.into(), is_conversation, at_top: false });
}

/// The id in a resource's name, if it is in one of these collections.
fn resource<'a>(name: &'a str, collections: &[&str]) -> Option<&'a str> {
    let name = name.split(['?', '#']).next()?;
    let (before, id) = name.rsplit_once('/')?;
    let collection = before.rsplit(['/', ':']).next()?;
    collections.contains(&collection).then_some(id)
}
