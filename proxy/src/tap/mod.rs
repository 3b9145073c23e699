//! Copies of sampled exchanges, for scoring.
//!
//! A tap keeps bounded copies of the passing bytes and hands them over when the answer is complete.
//! Nothing waits for it: a copy that finds no room, here or at the receiver, is dropped and
//! counted. The selection of exchanges and the use of the copies are decided elsewhere.

mod copied;
mod outlet;
mod room;
mod settings;
mod tapped;

pub use copied::Copied;
pub use outlet::{Outlet, TapDrop};
pub use settings::{Picks, TapSettings};
pub use tapped::{TapReason, Tapped};

use crate::http1::{RequestHead, ResponseHead};
use crate::trace::{TraceContext, given};
use stagegate_rollout::Arm;
use stagegate_signals::End;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Requests that carry this header are a scorer's own: scoring them would go round in circles.
pub(crate) const EVAL_HEADER: &str = "stagegate-eval";

/// The copy of an exchange in progress.
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
    outlet: Arc<Outlet>,
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
        let mut request = settings.copied();
        request.content_type = text(head.field(bytes, "content-type"));
        request.content_encoding = text(Some(&head.codings(bytes)));
        Self {
            request: Some(request),
            response: settings.copied(),
            reason,
            pair: None,
            confidence: None,
            path: head.target(bytes).to_owned(),
            trace,
            outlet: Arc::clone(&settings.outlet),
        }
    }

    /// The copy of the request, for the one who sends it.
    pub(crate) const fn copy_of_request(&mut self) -> Option<Copied> {
        self.request.take()
    }

    /// Copies the whole body of a shadow request.
    pub(crate) fn copy_request(&mut self, body: &[u8]) {
        if let Some(request) = &mut self.request {
            request.add(body);
        }
    }

    /// The answer's head has come.
    pub(crate) fn answer_begins(&mut self, bytes: &[u8], head: &ResponseHead) {
        self.response.content_type = text(head.field(bytes, "content-type"));
        self.response.content_encoding = text(Some(&head.codings(bytes)));
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

    /// Hands the copy over; `told` has the other facts of the exchange.
    pub(crate) fn finish(self, told: Exchange) {
        let Some(request) = self.request else { return };
        let outlet = self.outlet;
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

/// Returns true if a response is worth scoring. Failures and truncated responses have an axis of
/// their own, and a client that left says nothing about the response.
pub(crate) fn is_worth_scoring(end: End, status: u16) -> bool {
    end == End::Complete && (200..300).contains(&status)
}

/// The facts of an exchange besides its bytes.
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
    use super::{Exchange, Outlet, Picks, Tap, TapDrop, TapReason, TapSettings, Tapped};
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
        let mut request = settings.copied();
        request.add(&vec![b'x'; bytes]);
        Tap {
            request: Some(request),
            response: settings.copied(),
            reason: TapReason::Picked,
            pair: None,
            confidence: None,
            path: "/".into(),
            trace: None,
            outlet: Arc::clone(&settings.outlet),
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
        let mut copied = settings.copied();
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
