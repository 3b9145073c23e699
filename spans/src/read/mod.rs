//! The body of an export, span by span. Nothing of it is kept but [`Span`]s, so that memory does not
//! depend on what a body claims to hold.

mod json;
mod protobuf;
mod wire;

pub use json::read_json;
pub use protobuf::read_protobuf;

use crate::facts::Facts;
use crate::span::{Span, SpanId, TraceId};
use thiserror::Error;

/// The most spans that are read of one export; the rest is rejected.
pub const MAX_SPANS: usize = 65_536;

/// A body that is no export.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Malformed {
    /// The wire format is broken.
    #[error("not a valid protobuf message of the type ExportTraceServiceRequest")]
    Protobuf,
    /// Not this JSON.
    #[error("not a valid ExportTraceServiceRequest in OTLP's JSON form: {0}")]
    Json(String),
}

/// Spans of an export that cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// A trace or span id of another length than 16 and 8 bytes, or all zero.
    pub without_ids: u64,
    /// Beyond [`MAX_SPANS`].
    pub too_many: u64,
}

/// A span as it stands in a body, before its ids are known to be good.
#[derive(Debug, Default)]
struct Raw {
    trace: Option<TraceId>,
    id: Option<SpanId>,
    parent: SpanId,
    start: u64,
    end: u64,
    failed: bool,
    facts: Facts,
}

impl Raw {
    fn span(self, name: &str) -> Option<Span> {
        let trace = self.trace.filter(|id| *id != [0; 16])?;
        let id = self.id.filter(|id| *id != [0; 8])?;
        Some(Span {
            trace,
            id,
            parent: self.parent,
            micros: self.end.saturating_sub(self.start) / 1000,
            failed: self.failed,
            work: self.facts.work(name),
        })
    }
}

/// Hands good spans on and counts the others.
struct Taking<'t> {
    take: &'t mut dyn FnMut(Span),
    taken: usize,
    rejected: Rejected,
}

impl<'t> Taking<'t> {
    fn new(take: &'t mut dyn FnMut(Span)) -> Self {
        Self { take, taken: 0, rejected: Rejected::default() }
    }

    fn is_full(&self) -> bool {
        self.taken >= MAX_SPANS
    }

    fn span(&mut self, span: Option<Span>) {
        match span {
            _ if self.is_full() => self.rejected.too_many += 1,
            None => self.rejected.without_ids += 1,
            Some(span) => {
                self.taken += 1;
                (self.take)(span);
            }
        }
    }
}
