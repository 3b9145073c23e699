//! Late scores in request order.
//!
//! Sequential tests count samples in the order in which they were asked for. A judge that answers
//! failures faster than passes would otherwise show a wave of failures that is none. So verdicts
//! wait behind a watermark: they come out in request order, up to the oldest sample that is still
//! open; one that stays open longer than the patience comes out as unscored.

use crate::Verdict;
use std::collections::{BTreeMap, HashMap};

/// A sample that is counted now.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// Its id.
    pub id: String,
    /// The time of its request.
    pub at_ms: u64,
    /// Its verdict.
    pub verdict: Verdict,
    /// True if the wait was given up.
    pub given_up: bool,
}

/// The fate of a verdict that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It waits for its turn.
    Taken,
    /// The sample has one; the first stands.
    Repeated,
    /// The sample is not waited for: never was, or was given up.
    Late,
}

/// Holds verdicts back until it is their turn.
#[derive(Clone, Debug)]
pub struct Watermark {
    /// By time and id, which is request order.
    waiting: BTreeMap<(u64, String), Option<Verdict>>,
    times: HashMap<String, u64>,
    patience_ms: u64,
    capacity: usize,
}

impl Watermark {
    /// Waits at most `patience_ms` for a verdict, and holds at most `capacity` samples: over it,
    /// the oldest come out as they are.
    #[must_use]
    pub fn new(patience_ms: u64, capacity: usize) -> Self {
        let (waiting, times) = (BTreeMap::new(), HashMap::new());
        Self { waiting, times, patience_ms, capacity: capacity.max(1) }
    }

    /// Begins to wait for a sample. `false` if it is waited for already.
    pub fn expect(&mut self, id: &str, at_ms: u64) -> bool {
        if self.times.contains_key(id) {
            return false;
        }
        self.times.insert(id.to_owned(), at_ms);
        self.waiting.insert((at_ms, id.to_owned()), None);
        true
    }

    /// Takes a verdict. Unscored is one too.
    pub fn resolve(&mut self, id: &str, verdict: Verdict) -> Arrival {
        let held = self.times.get(id).map(|at_ms| (*at_ms, id.to_owned()));
        match held.and_then(|key| self.waiting.get_mut(&key)) {
            Some(place @ None) => {
                *place = Some(verdict);
                Arrival::Taken
            }
            Some(Some(_)) => Arrival::Repeated,
            None => Arrival::Late,
        }
    }

    /// The verdicts that can be counted now, in request order.
    pub fn drain(&mut self, now_ms: u64) -> Vec<Settled> {
        let mut settled = Vec::new();
        while let Some(entry) = self.waiting.first_entry() {
            let at_ms = entry.key().0;
            let over = self.waiting_too_long(at_ms, now_ms);
            let Some(entry) = self.waiting.first_entry() else { break };
            if entry.get().is_none() && !over {
                break;
            }
            let ((at_ms, id), verdict) = entry.remove_entry();
            self.times.remove(&id);
            let given_up = verdict.is_none();
            settled.push(Settled { id, at_ms, verdict: verdict.unwrap_or_default(), given_up });
        }
        settled
    }

    fn waiting_too_long(&self, at_ms: u64, now_ms: u64) -> bool {
        at_ms.saturating_add(self.patience_ms) <= now_ms || self.waiting.len() > self.capacity
    }

    /// The number of samples that are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True if none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
