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
    kept: HashMap<Name, Vec<Remote>>,
    bytes: usize,
}

impl Pages {
    fn remove(&mut self, name: &Name) -> Vec<Remote> {
        let Some(list) = self.kept.remove(name) else { return Vec::new() };
        self.bytes -= name.bytes() + list.iter().map(Remote::bytes).sum::<usize>();
        list
    }

    fn add(&mut self, name: Name, evaluated: &[Remote]) {
        if !self.kept.contains_key(&name) {
            self.bytes += name.bytes();
            self.order.push_back(name.clone());
        }
        let list = self.kept.entry(name).or_default();
        for it in evaluated {
            if list.len() < EACH && !list.contains(it) {
                self.bytes += it.bytes();
                list.push(it.clone());
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
            pages.add(name, &call.evaluated);
        }
        self.names.store(pages.kept.len(), Ordering::Relaxed);
    }

    /// What is kept of a request.
    pub(crate) fn of(&self, request_id: &str) -> Vec<Remote> {
        if self.is_empty() {
            return Vec::new();
        }
        self.pages().kept.get(&Name::Request(request_id.to_owned())).cloned().unwrap_or_default()
    }

    /// Takes what is kept of a request and of its trace.
    pub(crate) fn take(&self, request_id: &str, trace_id: Option<&str>) -> Vec<Remote> {
        let mut pages = self.pages();
        let mut taken = pages.remove(&Name::Request(request_id.to_owned()));
        if let Some(trace) = trace_id {
            let more = pages.remove(&Name::Trace(trace.to_owned()));
            let more = more.into_iter().filter(|it| !taken.contains(it)).collect::<Vec<_>>();
            taken.extend(more);
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
            origin: Origin { request_id: id.map(str::to_owned), traceparent },
            workload: String::new(),
            at_ms: 0,
            evaluated: flags.iter().map(|flag| remote(flag)).collect(),
        }
    }

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_request_is_found_by_its_id_and_by_its_trace_and_its_evaluations_are_taken_once() {
        let book = Book::default();
        assert!(book.is_empty());
        book.add(&call(Some("r1"), Some(TRACE), &["a"]));
        book.add(&call(None, Some(TRACE), &["b", "a"]));
        book.add(&call(Some("r2"), None, &["c"]));
        assert_eq!(book.of("r1"), [remote("a")]);
        assert_eq!(book.take("r1", Some(TRACE)), [remote("a"), remote("b")]);
        assert_eq!(book.take("r1", Some(TRACE)), []);
        assert_eq!(book.take("r2", None), [remote("c")]);
        assert!(book.is_empty());
        assert_eq!(book.pages().bytes, 0);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
        let book = Book::default();
        for number in 0..2 * NAMES {
            book.add(&call(Some(&format!("r{number}")), None, &["a"]));
        }
        assert!(book.of("r0").is_empty() && !book.of(&format!("r{}", 2 * NAMES - 1)).is_empty());
        let many: Vec<String> = (0..2 * EACH).map(|it| it.to_string().repeat(4096)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for number in 0..200 {
            let id = format!("large-{number}");
            book.add(&call(Some(&id), None, &many));
            assert_eq!(book.of(&id).len(), EACH);
        }
        let pages = book.pages();
        assert!(pages.bytes <= BYTES && pages.order.len() <= NAMES);
        let counted = pages
            .kept
            .iter()
            .map(|(name, list)| name.bytes() + list.iter().map(Remote::bytes).sum::<usize>());
        assert_eq!(counted.sum::<usize>(), pages.bytes);
    }
}
