//! One trace: its requests, and the spans that wait.

use super::request::Request;
use crate::span::{Span, SpanId};
use std::collections::HashMap;

/// The way up from a span has no more steps.
const MAX_DEPTH: usize = 512;

#[derive(Debug)]
pub(super) struct Trace {
    /// The number of its first sight.
    pub(super) sight: u64,
    /// When it is forgotten, at the earliest.
    pub(super) until_ms: u64,
    /// Requests that ended and whose spans are awaited, with the end of that.
    pub(super) open: Vec<(u64, Request)>,
    /// All requests that were seen of it.
    pub(super) requests: u32,
    pub(super) spans: HashMap<SpanId, Span>,
}

impl Trace {
    pub(super) fn new(sight: u64, until_ms: u64) -> Self {
        Self { sight, until_ms, open: Vec::new(), requests: 0, spans: HashMap::new() }
    }

    /// Its only request is done: what comes now is late. A trace with several may have another one
    /// under way.
    pub(super) const fn is_over(&self) -> bool {
        self.requests == 1 && self.open.is_empty()
    }

    /// Takes out the requests whose time has come, with their spans.
    pub(super) fn due(&mut self, now_ms: u64) -> Vec<(Request, Vec<Span>)> {
        let (due, open) = self.open.drain(..).partition(|(at, _)| *at <= now_ms);
        self.open = open;
        let due: Vec<(u64, Request)> = due;
        due.into_iter().map(|(_, request)| (self.take(&request), request)).map(swap).collect()
    }

    /// Takes out the spans of a request: those below the ones that its endpoints were sent. Spans
    /// whose way up is interrupted, because a span of it was not exported here, are its own too if it
    /// is the only request of the trace. The client's spans are not.
    fn take(&mut self, request: &Request) -> Vec<Span> {
        let is_only = self.requests == 1;
        let mut known: HashMap<SpanId, bool> = HashMap::with_capacity(self.spans.len());
        for id in self.spans.keys() {
            let mut way = Vec::new();
            let mut at = *id;
            let belongs = loop {
                if let Some(known) = known.get(&at) {
                    break *known;
                }
                if request.spans.contains(&at) {
                    break true;
                }
                if at == [0; 8] || request.client == Some(at) || way.len() > MAX_DEPTH {
                    break false;
                }
                let Some(span) = self.spans.get(&at) else { break is_only };
                way.push(at);
                at = span.parent;
            };
            known.extend(way.into_iter().map(|id| (id, belongs)));
        }
        let mut taken: Vec<Span> = self
            .spans
            .extract_if(|id, _| known.get(id).copied().unwrap_or(false))
            .map(|(_, span)| span)
            .collect();
        // The same order for the same spans.
        taken.sort_unstable_by_key(|span| span.id);
        taken
    }
}

fn swap<A, B>((a, b): (A, B)) -> (B, A) {
    (b, a)
}
