//! A request, and what its spans said.

use super::stages::{self, Seen, Source};
use crate::span::{Span, SpanId, TraceId, Work};
use stagegate_rollout::{Delta, SeriesKey};
use std::collections::HashMap;
use std::sync::Arc;

/// The label of stages without a series of their own.
const OTHER: &str = "other";
/// Series whose names are remembered: beyond this the memory starts over.
const MAX_SERIES: usize = 4096;

/// A request that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// The trace it stands in.
    pub trace: TraceId,
    /// The spans that its endpoints were sent, below which their work stands.
    pub spans: Vec<SpanId>,
    /// The client's span, if its trace is continued.
    pub client: Option<SpanId>,
    /// Workload, release and arm.
    pub key: SeriesKey,
    /// False for a request that a tester forced, which no gate counts.
    pub counts: bool,
    /// The split has drawn its arm, so that gates compare it.
    pub is_drawn: bool,
    /// Its end, in Unix milliseconds.
    pub ended_ms: u64,
    /// The stages that its answer stated: names and microseconds.
    pub stated: Vec<(String, u64)>,
}

/// A request and its stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The request.
    pub request: Request,
    /// The number of its spans, of any kind.
    pub spans: u64,
    /// Its stages by name, those that the answer stated first.
    pub stages: Vec<Seen>,
}

impl Joined {
    pub(super) fn of(
        request: Request,
        spans: &[Span],
        price: &mut dyn FnMut(&str, &Work) -> Option<u64>,
    ) -> Self {
        let stated = request.stated.iter().map(|(name, micros)| Seen::stated(name, *micros));
        let mut stages: Vec<Seen> = stated.collect();
        let workload = Arc::clone(&request.key.workload);
        stages.extend(stages::of(spans, &mut |work| price(&workload, work)));
        Self { request, spans: spans.len() as u64, stages }
    }

    /// Adds it to the counts of its arm. Times that the answer stated under the same name have been
    /// counted with the request.
    pub fn count(&self, names: &mut StageNames, delta: &mut Delta) {
        if !self.request.counts {
            return;
        }
        let of = if self.request.is_drawn { &mut delta.series } else { &mut delta.apart };
        let series = of.entry(self.request.key.clone()).or_default();
        series.traces_begun += 1;
        series.traces_joined += u64::from(self.spans > 0);
        for seen in self.stages.iter().filter(|seen| seen.source == Source::Trace) {
            let name = names.of(&self.request.key, &seen.stage);
            let is_stated = self.request.stated.iter().any(|(stated, _)| **stated == *seen.stage);
            if !is_stated {
                let times = series.stages.entry(Arc::clone(&name)).or_default();
                seen.micros.iter().for_each(|micros| times.record(*micros));
            }
            series.stage_use.entry(name).or_default().merge(&seen.used);
        }
    }
}

/// The names of stages that have a series of their own, for each release and arm.
#[derive(Debug)]
pub struct StageNames {
    most: usize,
    known: HashMap<SeriesKey, Vec<Arc<str>>>,
}

impl StageNames {
    /// At most this many of a release and arm.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, known: HashMap::new() }
    }

    /// The name that a stage counts under: its own, or `other` beyond the cap.
    pub fn of(&mut self, key: &SeriesKey, stage: &str) -> Arc<str> {
        if self.known.len() >= MAX_SERIES && !self.known.contains_key(key) {
            self.known.clear();
        }
        let names = self.known.entry(key.clone()).or_default();
        if let Some(known) = names.iter().find(|known| ***known == *stage) {
            return Arc::clone(known);
        }
        if names.len() >= self.most {
            return OTHER.into();
        }
        let name: Arc<str> = stage.into();
        names.push(Arc::clone(&name));
        name
    }
}
