//! Joins spans to the requests in whose traces they stand.
//!
//! A span may come before its request ends, because agents export in the background, or after it. So
//! both wait in their trace. A request is done a while after its end (the watermark); its spans are
//! those below the spans that Stagegate sent to the endpoint. What comes later is counted as late.

mod request;
mod stages;
mod trace;

pub use request::{Joined, Request, StageNames};
pub use stages::{Seen, Source};

use crate::span::{Span, TraceId, Work};
use std::collections::{BTreeSet, HashMap, VecDeque};
use trace::Trace;

/// Spans of one trace that are held at most.
const MAX_OF_TRACE: usize = 4096;
/// Milliseconds for which spans wait for the end of a request.
const HOLD_MS: u64 = 600_000;
/// Milliseconds for which a trace is remembered after its requests are done, to know late spans.
const LATE_MS: u64 = 60_000;

/// What is held at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Traces.
    pub traces: usize,
    /// Spans of all traces.
    pub spans: usize,
    /// Bytes of spans.
    pub bytes: usize,
    /// Milliseconds from the end of a request for which its spans are awaited.
    pub wait_ms: u64,
}

/// What became of spans, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Joined to a request.
    pub joined: u64,
    /// Came after their request was done.
    pub late: u64,
    /// No request was known in their trace.
    pub unmatched: u64,
    /// Not held, or given up, because a limit was reached.
    pub dropped: u64,
    /// Came once more.
    pub repeated: u64,
}

/// Spans and requests that wait for each other.
#[derive(Debug)]
pub struct Joiner {
    limits: Limits,
    traces: HashMap<TraceId, Trace>,
    /// Traces by when they were first seen, with the number of that sight.
    order: VecDeque<(u64, TraceId)>,
    /// When to look at a trace again.
    looks: BTreeSet<(u64, TraceId)>,
    /// Requests that are done, with their spans.
    done: Vec<(Request, Vec<Span>)>,
    sights: u64,
    spans: usize,
    bytes: usize,
    counted: Counted,
}

impl Joiner {
    /// Nothing waits yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            traces: HashMap::new(),
            order: VecDeque::new(),
            looks: BTreeSet::new(),
            done: Vec::new(),
            sights: 0,
            spans: 0,
            bytes: 0,
            counted: Counted::default(),
        }
    }

    /// What became of spans so far.
    #[must_use]
    pub const fn counted(&self) -> Counted {
        self.counted
    }

    /// Traces, spans and bytes of spans that wait now.
    #[must_use]
    pub fn held(&self) -> (usize, usize, usize) {
        (self.traces.len(), self.spans, self.bytes)
    }

    /// A span came, at a time in Unix milliseconds.
    pub fn span(&mut self, span: Span, now_ms: u64) {
        let size = span.size();
        let id = span.trace;
        if let Some(trace) = self.traces.get(&id) {
            if trace.is_over() {
                self.counted.late += 1;
                return;
            }
            if trace.spans.contains_key(&span.id) {
                self.counted.repeated += 1;
                return;
            }
            if trace.spans.len() >= MAX_OF_TRACE {
                self.counted.dropped += 1;
                return;
            }
        }
        let fits = |it: &Self| it.spans < it.limits.spans && it.bytes + size <= it.limits.bytes;
        while !fits(self) {
            if !self.give_up_oldest(id) {
                self.counted.dropped += 1;
                return;
            }
        }
        self.spans += 1;
        self.bytes += size;
        let trace = self.trace(id, now_ms);
        trace.spans.insert(span.id, span);
        trace.until_ms = trace.until_ms.max(now_ms + HOLD_MS);
    }

    /// A request has ended; its spans are awaited until the watermark.
    pub fn request(&mut self, request: Request, now_ms: u64) {
        let (id, due) = (request.trace, request.ended_ms.saturating_add(self.limits.wait_ms));
        let trace = self.trace(id, now_ms);
        trace.requests += 1;
        trace.open.push((due, request));
        self.looks.insert((due, id));
    }

    /// The requests whose spans have had their time, each once. `price` gives the cost of a call of a
    /// model in a workload, in nano-dollars.
    pub fn due(
        &mut self,
        now_ms: u64,
        price: &mut dyn FnMut(&str, &Work) -> Option<u64>,
    ) -> Vec<Joined> {
        while let Some(look) = self.looks.first().copied().filter(|(at, _)| *at <= now_ms) {
            self.looks.remove(&look);
            self.look(look.1, now_ms);
        }
        std::mem::take(&mut self.done)
            .into_iter()
            .map(|(request, spans)| Joined::of(request, &spans, price))
            .collect()
    }

    /// Everything that waits, as far as it is known: the process ends.
    pub fn finish(&mut self, price: &mut dyn FnMut(&str, &Work) -> Option<u64>) -> Vec<Joined> {
        while let Some((_, id)) = self.order.pop_front() {
            self.give_up(&id);
        }
        self.due(0, price)
    }

    fn trace(&mut self, id: TraceId, now_ms: u64) -> &mut Trace {
        if !self.traces.contains_key(&id) {
            while self.traces.len() >= self.limits.traces.max(1) && self.give_up_oldest(id) {}
            self.sights += 1;
            self.order.push_back((self.sights, id));
            self.looks.insert((now_ms + HOLD_MS, id));
        }
        let sight = self.sights;
        self.traces.entry(id).or_insert_with(|| Trace::new(sight, now_ms + HOLD_MS))
    }

    /// Looks at a trace whose time may have come.
    fn look(&mut self, id: TraceId, now_ms: u64) {
        let Some(trace) = self.traces.get_mut(&id) else { return };
        for (request, spans) in trace.due(now_ms) {
            self.spans -= spans.len();
            self.bytes -= spans.iter().map(Span::size).sum::<usize>();
            self.counted.joined += spans.len() as u64;
            self.done.push((request, spans));
        }
        if !trace.open.is_empty() {
            return;
        }
        if trace.spans.is_empty() && trace.requests > 0 {
            trace.until_ms = trace.until_ms.min(now_ms + LATE_MS);
        }
        if trace.until_ms > now_ms {
            let again = (trace.until_ms, id);
            self.looks.insert(again);
            return;
        }
        let (left, had_requests) = (trace.spans.len() as u64, trace.requests > 0);
        self.remove(&id);
        if had_requests {
            self.counted.late += left;
        } else {
            self.counted.unmatched += left;
        }
    }

    /// Gives up the trace that waits longest, unless it is `but`. False if there is none.
    fn give_up_oldest(&mut self, but: TraceId) -> bool {
        while let Some((sight, id)) = self.order.front().copied() {
            // One that is gone, or has come again since.
            let is_current = self.traces.get(&id).is_some_and(|trace| trace.sight == sight);
            if is_current && id == but {
                return false;
            }
            self.order.pop_front();
            if is_current {
                self.give_up(&id);
                return true;
            }
        }
        false
    }

    /// Its requests are done with what there is of them.
    fn give_up(&mut self, id: &TraceId) {
        let Some(trace) = self.traces.get_mut(id) else { return };
        for (request, spans) in trace.due(u64::MAX) {
            self.spans -= spans.len();
            self.bytes -= spans.iter().map(Span::size).sum::<usize>();
            self.counted.joined += spans.len() as u64;
            self.done.push((request, spans));
        }
        self.counted.dropped += trace.spans.len() as u64;
        self.remove(id);
    }

    fn remove(&mut self, id: &TraceId) {
        if let Some(trace) = self.traces.remove(id) {
            self.spans -= trace.spans.len();
            self.bytes -= trace.spans.values().map(Span::size).sum::<usize>();
        }
        // Entries of traces that are gone must not pile up.
        if self.order.len() > 2 * self.traces.len() + 64 {
            let traces = &self.traces;
            let is_current =
                |(sight, id): &(u64, TraceId)| traces.get(id).is_some_and(|it| it.sight == *sight);
            self.order.retain(is_current);
        }
    }
}

#[cfg(test)]
mod tests;
