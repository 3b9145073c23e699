//! Evaluations for programs that named the request they work on, until they are part of its record.

use crate::origin::Origin;
use stagegate_flags::{Evaluation, Variant};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most evaluations of one request that are kept.
const EACH: usize = 64;
/// Most names of requests, and most bytes of all that is kept. The oldest goes first.
const NAMES: usize = 8192;
const BYTES: usize = 16 << 20;
/// How long after the end of a request a program may ask for it.
const LATE_MS: u64 = 10 * 60 * 1000;
/// How much earlier than a request its backend may ask: clocks are read at different places.
const EARLY_MS: u64 = 1000;

/// One flag that was evaluated for a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The flag's key.
    pub flag: String,
    /// The variant; empty if the program uses its own default.
    pub variant: String,
    /// OpenFeature's word for the reason.
    pub reason: &'static str,
    /// What decided.
    pub decided_by: &'static str,
    /// OpenFeature's code of the failure, if it failed.
    pub error: Option<&'static str>,
}

impl Remote {
    pub(crate) fn of(key: &str, evaluation: &Evaluation<'_>) -> Self {
        Self {
            flag: key.to_owned(),
            variant: evaluation.variant().map_or("", Variant::name).to_owned(),
            reason: evaluation.reason().label(),
            decided_by: evaluation.decided_by().label(),
            error: evaluation.failure().map(|failure| failure.code().label()),
        }
    }

    const fn bytes(&self) -> usize {
        self.flag.len() + self.variant.len() + size_of::<Self>()
    }
}

/// The evaluations of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCall {
    /// The request that the program works on.
    pub origin: Origin,
    /// The workload that the context names; empty if it names none.
    pub workload: String,
    /// In Unix milliseconds.
    pub at_ms: u64,
    /// What was evaluated.
    pub evaluated: Vec<Remote>,
}

/// One evaluation, and when it was asked for.
#[derive(Debug)]
struct Kept {
    remote: Remote,
    /// In Unix milliseconds, first and last.
    at_ms: (u64, u64),
}

impl Kept {
    /// It was asked for at such a time.
    const fn is_in(&self, (from_ms, to_ms): (u64, u64)) -> bool {
        self.at_ms.1 >= from_ms && self.at_ms.0 <= to_ms
    }
}

/// The name by which a request is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Request(String),
    Trace(String),
}

impl Name {
    const fn bytes(&self) -> usize {
        match self {
            Self::Request(text) | Self::Trace(text) => 2 * text.len(),
        }
    }
}

/// What is kept. Cheap to ask while it is empty.
#[derive(Debug, Default)]
pub(crate) struct Book {
    names: AtomicUsize,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    order: VecDeque<Name>,
    kept: HashMap<Name, Vec<Kept>>,
    bytes: usize,
}

impl Pages {
    fn remove(&mut self, name: &Name) -> Vec<Kept> {
        let Some(list) = self.kept.remove(name) else { return Vec::new() };
        self.bytes -= name.bytes() + list.iter().map(|it| it.remote.bytes()).sum::<usize>();
        list
    }

    fn add(&mut self, name: Name, evaluated: &[Remote], at_ms: u64) {
        if !self.kept.contains_key(&name) {
            self.bytes += name.bytes();
            self.order.push_back(name.clone());
        }
        let list = self.kept.entry(name).or_default();
        for it in evaluated {
            if let Some(kept) = list.iter_mut().find(|kept| kept.remote == *it) {
                kept.at_ms.1 = kept.at_ms.1.max(at_ms);
            } else if list.len() < EACH {
                self.bytes += it.bytes();
                list.push(Kept { remote: it.clone(), at_ms: (at_ms, at_ms) });
            }
        }
        while self.order.len() > NAMES || self.bytes > BYTES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.remove(&oldest);
        }
    }
}

impl Book {
    pub(crate) fn add(&self, call: &RemoteCall) {
        let mut pages = self.pages();
        let request = call.origin.request_id.clone().map(Name::Request);
        let trace = call.origin.trace_id().map(|id| Name::Trace(id.to_owned()));
        for name in request.into_iter().chain(trace) {
            pages.add(name, &call.evaluated, call.at_ms);
        }
        self.names.store(pages.kept.len(), Ordering::Relaxed);
    }

    /// What is kept of a request that lasted from the one time to the other, in Unix milliseconds.
    pub(crate) fn of(&self, request_id: &str, (began_ms, ended_ms): (u64, u64)) -> Vec<Remote> {
        if self.is_empty() {
            return Vec::new();
        }
        let pages = self.pages();
        let kept = pages.kept.get(&Name::Request(request_id.to_owned()));
        let time = (began_ms.saturating_sub(EARLY_MS), ended_ms.saturating_add(LATE_MS));
        let fits = kept.into_iter().flatten().filter(|kept| kept.is_in(time));
        fits.map(|kept| kept.remote.clone()).collect()
    }

    /// Takes what is kept of a request that began then, and of its trace. What was asked for before is
    /// forgotten: it cannot be for this request.
    pub(crate) fn take(
        &self,
        request_id: &str,
        trace_id: Option<&str>,
        began_ms: u64,
    ) -> Vec<Remote> {
        let time = (began_ms.saturating_sub(EARLY_MS), u64::MAX);
        let mut pages = self.pages();
        let names = [
            Some(Name::Request(request_id.to_owned())),
            trace_id.map(|trace| Name::Trace(trace.to_owned())),
        ];
        let mut taken: Vec<Remote> = Vec::new();
        for name in names.iter().flatten() {
            for kept in pages.remove(name).into_iter().filter(|kept| kept.is_in(time)) {
                if !taken.contains(&kept.remote) {
                    taken.push(kept.remote);
                }
            }
        }
        if pages.order.len() > 2 * pages.kept.len() + 64 {
            let Pages { order, kept, .. } = &mut *pages;
            order.retain(|name| kept.contains_key(name));
        }
        self.names.store(pages.kept.len(), Ordering::Relaxed);
        taken
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.load(Ordering::Relaxed) == 0
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, Book, EACH, NAMES, Remote, RemoteCall};
    use crate::origin::Origin;

    fn remote(flag: &str) -> Remote {
        Remote {
            flag: flag.to_owned(),
            variant: "on".to_owned(),
            reason: "STATIC",
            decided_by: "static",
            error: None,
        }
    }

    fn call(id: Option<&str>, trace: Option<&str>, flags: &[&str]) -> RemoteCall {
        let traceparent = trace.map(|id| format!("00-{id}-00f067aa0ba902b7-01"));
        RemoteCall {
            origin: Origin { request_id: id.map(str::to_owned), proof: None, traceparent },
            workload: String::new(),
            at_ms: 0,
            evaluated: flags.iter().map(|flag| remote(flag)).collect(),
        }
    }

    const ALWAYS: (u64, u64) = (0, u64::MAX);
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_request_is_found_by_its_id_and_by_its_trace_and_its_evaluations_are_taken_once() {
        let book = Book::default();
        assert!(book.is_empty());
        book.add(&call(Some("r1"), Some(TRACE), &["a"]));
        book.add(&call(None, Some(TRACE), &["b", "a"]));
        book.add(&call(Some("r2"), None, &["c"]));
        assert_eq!(book.of("r1", ALWAYS), [remote("a")]);
        assert_eq!(book.take("r1", Some(TRACE), 0), [remote("a"), remote("b")]);
        assert_eq!(book.take("r1", Some(TRACE), 0), []);
        assert_eq!(book.take("r2", None, 0), [remote("c")]);
        assert!(book.is_empty());
        assert_eq!(book.pages().bytes, 0);
    }

    #[test]
    fn only_what_is_asked_for_during_a_request_or_soon_after_it_counts() {
        let book = Book::default();
        let at = |at_ms: u64, flag: &str| {
            let named = call(Some("r1"), Some(TRACE), &[flag]);
            book.add(&RemoteCall { at_ms, ..named });
        };
        at(1_000, "guessed");
        at(99_500, "clock");
        at(100_000, "first");
        at(900_000, "late");
        at(900_001, "too late");
        let kept = |began, ended| -> Vec<String> {
            book.of("r1", (began, ended)).into_iter().map(|it| it.flag).collect()
        };
        assert_eq!(kept(100_000, 300_000), ["clock", "first", "late"]);
        assert_eq!(kept(0, 0), ["guessed", "clock", "first"]);
        let taken = book.take("r1", Some(TRACE), 100_000);
        let flags: Vec<&str> = taken.iter().map(|it| it.flag.as_str()).collect();
        assert_eq!(flags, ["clock", "first", "late", "too late"]);
        assert!(book.is_empty(), "the guess is forgotten");
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
        let book = Book::default();
        for number in 0..2 * NAMES {
            book.add(&call(Some(&format!("r{number}")), None, &["a"]));
        }
        assert!(
            book.of("r0", ALWAYS).is_empty()
                && !book.of(&format!("r{}", 2 * NAMES - 1), ALWAYS).is_empty()
        );
        let many: Vec<String> = (0..2 * EACH).map(|it| it.to_string().repeat(4096)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for number in 0..200 {
            let id = format!("large-{number}");
            book.add(&call(Some(&id), None, &many));
            assert_eq!(book.of(&id, ALWAYS).len(), EACH);
        }
        let pages = book.pages();
        assert!(pages.bytes <= BYTES && pages.order.len() <= NAMES);
        let counted = pages.kept.iter().map(|(name, list)| {
            name.bytes() + list.iter().map(|it| it.remote.bytes()).sum::<usize>()
        });
        assert_eq!(counted.sum::<usize>(), pages.bytes);
    }
}
