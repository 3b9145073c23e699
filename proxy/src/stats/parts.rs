//! The parts of the traffic that a request belongs to, and how it failed, for the units of gates.

use super::finished::{Facts, Told};
use stagegate_rollout::{Dimension, Parts};
use stagegate_signals::Failure;
use std::collections::HashSet;
use std::sync::Arc;

/// Names of parts and kinds of failure that a series keeps.
const MAX_NAMES: usize = 256;
/// Stages whose names begin so are tools.
const TOOLS: [&str; 3] = ["tool:", "tool-", "tool."];

/// Names that are shared by all that is seen of them; capped.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    fn of(&mut self, name: &str) -> Option<Arc<str>> {
        if let Some(known) = self.0.get(name) {
            return Some(Arc::clone(known));
        }
        let new: Arc<str> = name.into();
        (self.0.len() < MAX_NAMES && self.0.insert(Arc::clone(&new))).then_some(new)
    }

    /// The parts of a request.
    pub(super) fn parts(&mut self, told: &Told<'_>) -> Parts {
        let facts = &told.facts;
        let tool = told.stages.iter().find_map(|(name, _)| tool(name));
        let streams = facts.streams.map(|streams| if streams { "yes" } else { "no" });
        let mut parts = Parts::default();
        for (dimension, name) in [
            (Dimension::Cohort, facts.cohort),
            (Dimension::Model, facts.model),
            (Dimension::Tool, tool),
            (Dimension::Language, facts.language),
            (Dimension::Streaming, streams),
        ] {
            parts.set(dimension, name.and_then(|name| self.of(name)));
        }
        parts
    }

    /// How a request failed: its status, and the name that the answer gave its failure.
    pub(super) fn failure(&mut self, told: &Told<'_>) -> Option<Arc<str>> {
        let Facts { status, failure, .. } = told.facts;
        match (status, failure.and_then(Failure::name)) {
            (0, _) => self.of("no answer"),
            (status, None) => self.of(&format!("status {status}")),
            (status, Some(name)) => self.of(&format!("status {status} {name}")),
        }
    }
}

fn tool(stage: &str) -> Option<&str> {
    let name = TOOLS.iter().find_map(|prefix| stage.strip_prefix(prefix));
    name.filter(|name| !name.is_empty())
}

/// The first language of an `Accept-Language` (RFC 9110, 12.5.4) without its region, in lower case; none for
/// any language, and for what is no language.
pub(crate) fn language(accepted: &[u8]) -> Option<Box<str>> {
    let first = accepted.split(|b| matches!(b, b',' | b';' | b'-' | b' ')).next()?;
    let fits = (2..=8).contains(&first.len()) && first.iter().all(u8::is_ascii_alphabetic);
    let text = std::str::from_utf8(first).ok().filter(|_| fits)?;
    Some(text.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::{MAX_NAMES, Names, language};
    use crate::stats::{Facts, Told};
    use stagegate_rollout::Dimension;
    use stagegate_signals::Failure;

    #[test]
    fn a_language_is_the_first_one_without_its_region() {
        for (accepted, wanted) in [
            ("de-CH,de;q=0.9,en;q=0.5", Some("de")),
            ("EN", Some("en")),
            ("*", None),
            ("", None),
            ("x", None),
            ("fil-PH", Some("fil")),
            ("d3,en", None),
        ] {
            assert_eq!(language(accepted.as_bytes()).as_deref(), wanted, "{accepted}");
        }
    }

    #[test]
    fn parts_and_failures_have_names_that_are_shared_and_capped() {
        let mut names = Names::default();
        let stages = [("retrieve".to_owned(), 5), ("tool:search".to_owned(), 7)];
        let failure = Failure::of_grpc(b"13").expect("a failure");
        let facts = Facts {
            model: Some("large"),
            language: Some("de"),
            streams: Some(true),
            status: 200,
            failure: Some(&failure),
            ..Facts::default()
        };
        let told = Told { stages: &stages, facts, ..Told::default() };
        let parts = names.parts(&told);
        let of = |dimension: Dimension| parts.get(dimension).map(|name| &**name);
        assert_eq!((of(Dimension::Cohort), of(Dimension::Model)), (None, Some("large")));
        assert_eq!((of(Dimension::Tool), of(Dimension::Streaming)), (Some("search"), Some("yes")));
        assert_eq!(names.failure(&told).as_deref(), Some("status 200 INTERNAL"));
        let plain =
            |status| Told { facts: Facts { status, ..Facts::default() }, ..Told::default() };
        assert_eq!(names.failure(&plain(500)).as_deref(), Some("status 500"));
        assert_eq!(names.failure(&plain(0)).as_deref(), Some("no answer"));
        for number in 0..2 * MAX_NAMES as u16 {
            names.failure(&plain(1000 + number));
        }
        assert_eq!(names.failure(&plain(5000)), None, "no room");
        assert_eq!(names.failure(&plain(500)).as_deref(), Some("status 500"), "known before");
    }
}
