//! The stages of one request, from its spans.
//!
//! Spans nest: a node of a graph holds a call of a model, and two instrumentations may report the
//! same call, one inside the other. So:
//!
//! - a span inside a span of the same stage is no call of its own;
//! - tokens and cost are taken of the outermost call of a model that states them, and count for its
//!   own stage and once for every other stage around it;
//! - a span of another kind that states tokens counts only if no call of a model below it did.

use crate::span::{Span, SpanId, Work};
use stagegate_rollout::StageUse;
use std::collections::{BTreeMap, HashMap};

/// The way up from a span has no more steps.
const MAX_DEPTH: usize = 512;
/// An hour and a half: what is longer is no stage of a request, as in `Server-Timing`.
const MAX_MICROS: u64 = 5_400_000_000;

/// The one who named a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The answer, in `Server-Timing`.
    ServerTiming,
    /// A span of the agent.
    Trace,
}

/// One stage of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub stage: Box<str>,
    /// The one who named it.
    pub source: Source,
    /// Microseconds of each call.
    pub micros: Vec<u64>,
    /// Calls, failures, tokens and cost.
    pub used: StageUse,
}

impl Seen {
    pub(super) fn stated(name: &str, micros: u64) -> Self {
        let used = StageUse { calls: 1, ..StageUse::default() };
        Self { stage: name.into(), source: Source::ServerTiming, micros: vec![micros], used }
    }
}

/// The stages of the spans of one request, by name.
pub(super) fn of(spans: &[Span], price: &mut dyn FnMut(&Work) -> Option<u64>) -> Vec<Seen> {
    let tree = Tree::of(spans);
    let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
    for (at, work) in tree.works() {
        let stage = &*work.stage;
        if tree.above(at).any(|(_, above)| *above.stage == *stage) {
            continue;
        }
        let new = || Seen {
            stage: stage.into(),
            source: Source::Trace,
            micros: Vec::new(),
            used: StageUse::default(),
        };
        let seen = seen.entry(stage).or_insert_with(new);
        let micros = spans[at].micros;
        if micros <= MAX_MICROS {
            seen.micros.push(micros);
        }
        seen.used.calls += 1;
        seen.used.errors += u64::from(spans[at].failed);
    }
    for (at, work) in tree.spending() {
        let spent = spent(work, price);
        let mut counted: Vec<&str> = Vec::new();
        let around = tree.above(at).map(|(_, above)| above);
        for stage in std::iter::once(work).chain(around).map(|work| &*work.stage) {
            if !counted.contains(&stage) {
                counted.push(stage);
                if let Some(seen) = seen.get_mut(stage) {
                    seen.used.merge(&spent);
                }
            }
        }
    }
    seen.into_values().collect()
}

fn spent(work: &Work, price: &mut dyn FnMut(&Work) -> Option<u64>) -> StageUse {
    let usage = work.usage.unwrap_or_default();
    let nanos = work.nanos.or_else(|| price(work));
    StageUse {
        input: usage.total_input(),
        output: usage.output,
        nanos: nanos.unwrap_or(0),
        unpriced: u64::from(nanos.is_none()),
        ..StageUse::default()
    }
}

/// Spans and the way up from each.
struct Tree<'a> {
    spans: &'a [Span],
    by_id: HashMap<SpanId, usize>,
}

impl<'a> Tree<'a> {
    fn of(spans: &'a [Span]) -> Self {
        let by_id = spans.iter().enumerate().map(|(at, span)| (span.id, at)).collect();
        Self { spans, by_id }
    }

    /// The spans that stand for work.
    fn works(&self) -> impl Iterator<Item = (usize, &'a Work)> {
        let work = |(at, span): (usize, &'a Span)| Some((at, span.work.as_deref()?));
        self.spans.iter().enumerate().filter_map(work)
    }

    /// The work around a span, nearest first.
    fn above(&self, at: usize) -> impl Iterator<Item = (usize, &'a Work)> {
        let up = |at: &usize| self.by_id.get(&self.spans[*at].parent).copied();
        let way = std::iter::successors(up(&at), up).take(MAX_DEPTH);
        way.filter_map(|at| Some((at, self.spans[at].work.as_deref()?)))
    }

    /// The spans whose tokens and cost count.
    fn spending(&self) -> Vec<(usize, &'a Work)> {
        let states = |work: &Work| work.usage.is_some() || work.nanos.is_some();
        let is_call = |work: &Work| work.kind.is_model() && states(work);
        let mut spending: Vec<_> = self
            .works()
            .filter(|(at, work)| is_call(work) && !self.above(*at).any(|(_, above)| is_call(above)))
            .collect();
        let mut covered = vec![false; self.spans.len()];
        let cover = |at: usize, covered: &mut Vec<bool>| {
            covered[at] = true;
            self.above(at).for_each(|(above, _)| covered[above] = true);
        };
        for (at, _) in &spending {
            cover(*at, &mut covered);
        }
        let mut others: Vec<_> =
            self.works().filter(|(_, work)| !work.kind.is_model() && states(work)).collect();
        // The innermost first: those around it repeat its figures.
        others.sort_by_key(|(at, _)| std::cmp::Reverse(self.above(*at).count()));
        for (at, work) in others {
            if !covered[at] {
                cover(at, &mut covered);
                spending.push((at, work));
            }
        }
        spending
    }
}
