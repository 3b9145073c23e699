//! Copies of sampled exchanges, for whoever scores them.
//!
//! A tap keeps bounded copies of what passes and hands them over when the answer is done. It never
//! makes anybody wait: what finds no room, here or at the other end, is dropped and counted. Which
//! exchanges are picked, and what becomes of the copies, others decide.

mod copied;
mod outlet;

pub use copied::Copied;
pub use outlet::{Outlet, TapDrop};

use crate::http1::{RequestHead, ResponseHead};
use crate::quota::Quota;
use crate::trace::{TraceContext, given};
use stagegate_rollout::Arm;
use stagegate_signals::End;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Requests that carry this header are a scorer's own: scoring them would go round in circles.
pub(crate) const EVAL_HEADER: &str = "stagegate-eval";

/// Says of an arm and a conversation or request id whether the exchange is copied.
pub type Picks = Arc<dyn Fn(Arm, &str) -> bool + Send + Sync>;

/// Which exchanges of a workload are copied, and how much of each.
#[derive(Clone)]
pub struct TapSettings {
    /// Whether an exchange of this arm, with this conversation or request id, is copied. Runs on
    /// the request path: it must be quick and take no lock.
    pub picks: Picks,
    /// How many exchanges of each arm are copied a second at most, by [`Arm::index`]. What is over
    /// it is dropped whatever it is, so that at any load copies cost a bounded part of a core.
    pub quotas: Arc<[Quota; 2]>,
    /// Most bytes that are kept of a request, and of an answer.
    pub per_message: usize,
    /// While it is set nothing is copied, and what would have been is counted as dropped.
    pub paused: Arc<AtomicBool>,
    /// Where copies go.
    pub outlet: Arc<Outlet>,
}

impl fmt::Debug for TapSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapSettings")
            .field("per_message", &self.per_message)
            .finish_non_exhaustive()
    }
}

/// Why an exchange was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapReason {
    /// By the hash of its conversation.
    Picked,
    /// As one half of a pair: the answer to a request, or to its copy.
    Pair,
}

/// A whole exchange, copied.
#[derive(Debug)]
pub struct Tapped {
    /// The request's id; of a copied request one of its own.
    pub id: String,
    /// Why it was copied.
    pub reason: TapReason,
    /// Id of the other half of the pair, where there may be one.
    pub pair: Option<String>,
    /// When it came, in Unix milliseconds.
    pub at_ms: u64,
    /// Name of the workload.
    pub workload: Arc<str>,
    /// Name of the release that answered.
    pub release: Arc<str>,
    /// The arm it counts under.
    pub arm: Arm,
    /// The conversation.
    pub conversation: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The request's path.
    pub path: String,
    /// Its place in a trace: this proxy's span where requests are traced, else the client's.
    pub trace: Option<TraceContext>,
    /// HTTP status.
    pub status: u16,
    /// Microseconds from the request head to the end of the answer.
    pub duration_us: u64,
    /// Microseconds to the answer's head.
    pub first_byte_us: u64,
    /// Tokens read and written, where the answer told.
    pub tokens: Option<(u64, u64)>,
    /// What it cost in nano-dollars, where that is known.
    pub cost_nanos: Option<u64>,
    /// `Agent-Confidence` of the answer's head or trailers.
    pub confidence: Option<String>,
    /// The request.
    pub request: Copied,
    /// The answer.
    pub response: Copied,
}

/// The copy of an exchange under way.
pub(crate) struct Tap {
    /// With the one who sends the request while it is being sent.
    pub(crate) request: Option<Copied>,
    pub(crate) response: Copied,
    pub(crate) reason: TapReason,
    /// Id of the other half of the pair.
    pub(crate) pair: Option<String>,
    confidence: Option<String>,
    path: String,
    trace: Option<TraceContext>,
}

fn text(value: Option<&[u8]>) -> String {
    value.map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}

impl Tap {
    /// Begins to copy an exchange, if it is picked. `unit` is its conversation or its id, `own` its
    /// place in a trace where requests are traced.
    pub(crate) fn begin(
        settings: &TapSettings,
        arm: Arm,
        unit: &str,
        own: Option<TraceContext>,
        bytes: &[u8],
        head: &RequestHead,
        now_ms: u64,
    ) -> Option<Box<Self>> {
        if !(settings.picks)(arm, unit) || head.field(bytes, EVAL_HEADER).is_some() {
            return None;
        }
        if settings.paused.load(Ordering::Relaxed) {
            settings.outlet.count(TapDrop::Budget);
            return None;
        }
        if !settings.quotas[arm.index()].take(now_ms * 1_000) {
            settings.outlet.count(TapDrop::Rate);
            return None;
        }
        let trace = own.or_else(|| given(bytes, head));
        Some(Box::new(Self::new(settings, TapReason::Picked, trace, bytes, head)))
    }

    /// Begins to copy an exchange, whatever it is.
    pub(crate) fn new(
        settings: &TapSettings,
        reason: TapReason,
        trace: Option<TraceContext>,
        bytes: &[u8],
        head: &RequestHead,
    ) -> Self {
        let mut request = Copied::new(settings);
        request.content_type = text(head.field(bytes, "content-type"));
        request.content_encoding = text(head.field(bytes, "content-encoding"));
        Self {
            request: Some(request),
            response: Copied::new(settings),
            reason,
            pair: None,
            confidence: None,
            path: head.target(bytes).to_owned(),
            trace,
        }
    }

    /// The copy of the request, for the one who sends it.
    pub(crate) const fn copy_of_request(&mut self) -> Option<Copied> {
        self.request.take()
    }

    /// The whole body of the request, where nobody else sends it.
    pub(crate) fn copy_request(&mut self, body: &[u8]) {
        if let Some(request) = &mut self.request {
            request.add(body);
        }
    }

    /// The answer's head has come.
    pub(crate) fn answer_begins(&mut self, bytes: &[u8], head: &ResponseHead) {
        self.response.content_type = text(head.field(bytes, "content-type"));
        self.response.content_encoding = text(head.field(bytes, "content-encoding"));
        self.confidence = head.field(bytes, "agent-confidence").map(|value| text(Some(value)));
    }

    /// The trailer section has come: field lines, each with its CRLF.
    pub(crate) fn trailers(&mut self, section: &[u8]) {
        for line in section.split(|byte| *byte == b'\n') {
            if let Some(colon) = memchr::memchr(b':', line)
                && line[..colon].eq_ignore_ascii_case(b"agent-confidence")
            {
                self.confidence = Some(text(Some(line[colon + 1..].trim_ascii())));
            }
        }
    }

    /// Hands the copy over; `told` is what else is known of the exchange.
    pub(crate) fn finish(self, told: Exchange) {
        let Some(request) = self.request else { return };
        let outlet = Arc::clone(&request.outlet);
        if request.starved || self.response.starved {
            return outlet.count(TapDrop::Memory);
        }
        outlet.offer(Box::new(Tapped {
            id: told.id,
            reason: self.reason,
            pair: self.pair,
            at_ms: told.at_ms,
            workload: told.workload,
            release: told.release,
            arm: told.arm,
            conversation: told.conversation,
            tenant: told.tenant,
            path: self.path,
            trace: self.trace,
            status: told.status,
            duration_us: told.duration_us,
            first_byte_us: told.first_byte_us,
            tokens: told.tokens,
            cost_nanos: told.cost_nanos,
            confidence: self.confidence,
            request,
            response: self.response,
        }));
    }
}

/// Whether an answer is worth scoring: failures, and answers that break off, have an axis of their
/// own, and a client that left says nothing of the answer.
pub(crate) fn is_worth_scoring(end: End, status: u16) -> bool {
    end == End::Complete && (200..300).contains(&status)
}

/// What is known of an exchange besides its bytes.
pub(crate) struct Exchange {
    pub(crate) id: String,
    pub(crate) at_ms: u64,
    pub(crate) workload: Arc<str>,
    pub(crate) release: Arc<str>,
    pub(crate) arm: Arm,
    pub(crate) conversation: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) status: u16,
    pub(crate) duration_us: u64,
    pub(crate) first_byte_us: u64,
    pub(crate) tokens: Option<(u64, u64)>,
    pub(crate) cost_nanos: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::{Copied, Exchange, Outlet, Picks, Tap, TapDrop, TapReason, TapSettings, Tapped};
    use crate::quota::Quota;
    use stagegate_rollout::Arm;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, sync_channel};

    fn settings(room: usize, capacity: usize) -> (TapSettings, Receiver<Box<Tapped>>) {
        let (sender, receiver) = sync_channel(room);
        let outlet = Outlet::new(sender, capacity);
        let quotas = Arc::new([Quota::new(1_000), Quota::new(1_000)]);
        let picks: Picks = Arc::new(|_, _| true);
        let paused = outlet.pause("agent");
        (TapSettings { picks, quotas, per_message: 10_000, paused, outlet }, receiver)
    }

    fn tap(settings: &TapSettings, bytes: usize) -> Tap {
        let mut request = Copied::new(settings);
        request.add(&vec![b'x'; bytes]);
        Tap {
            request: Some(request),
            response: Copied::new(settings),
            reason: TapReason::Picked,
            pair: None,
            confidence: None,
            path: "/".into(),
            trace: None,
        }
    }

    fn finish(tap: Tap) {
        tap.finish(Exchange {
            id: "r".into(),
            at_ms: 1,
            workload: "w".into(),
            release: "v1".into(),
            arm: Arm::Stable,
            conversation: None,
            tenant: None,
            status: 200,
            duration_us: 1,
            first_byte_us: 1,
            tokens: None,
            cost_nanos: None,
        });
    }

    #[test]
    fn a_copy_over_the_cap_is_cut_and_marked() {
        let (settings, _receiver) = settings(1, 1 << 20);
        let mut copied = Copied::new(&settings);
        copied.add(&[1; 9_999]);
        assert!(!copied.truncated);
        copied.add(&[2; 5]);
        copied.add(&[3; 5]);
        assert_eq!((copied.bytes.len(), copied.truncated), (10_000, true));
        assert_eq!(copied.bytes.last(), Some(&2));
    }

    #[test]
    fn memory_is_bounded_over_all_copies_and_given_back() {
        let (settings, receiver) = settings(10, 20_000);
        let outlet = Arc::clone(&settings.outlet);
        let (one, other) = (tap(&settings, 10_000), tap(&settings, 10_000));
        assert!(outlet.used() >= 20_000);
        finish(one);
        finish(other);
        finish(tap(&settings, 1));
        assert_eq!(outlet.dropped()[TapDrop::Memory as usize], 1);
        assert_eq!(receiver.try_iter().count(), 2);
        assert_eq!(outlet.used(), 0);
        finish(tap(&settings, 1));
        assert_eq!(receiver.try_iter().count(), 1);
    }

    #[test]
    fn a_full_queue_and_a_closed_one_drop_and_count() {
        let (settings, receiver) = settings(1, 1 << 20);
        let outlet = Arc::clone(&settings.outlet);
        for _ in 0..3 {
            finish(tap(&settings, 1));
        }
        assert_eq!(outlet.dropped(), [0, 0, 2, 0, 0]);
        outlet.close();
        finish(tap(&settings, 1));
        assert_eq!(outlet.dropped(), [0, 0, 2, 1, 0]);
        assert_eq!(receiver.iter().count(), 1, "a closed outlet ends its receiver");
    }
}
