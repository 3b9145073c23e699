//! One request's span in progress, and those of its tries.

use super::TraceContext;
use super::onward::Onward;
use crate::http1::{Forwarding, Known, RequestHead};
use crate::ids::Ids;
use stagegate_rollout::{Arm, Outcome, Reason, Weight};
use stagegate_settings::TraceParents;
use stagegate_signals::{Cost, Protocol, Signals, Usage};
use std::cell::Cell;
use std::sync::Arc;

/// Longest path and host that are kept of a request.
const MAX_TEXT: usize = 1024;
/// The most attempts that are recorded separately.
const MAX_ATTEMPTS: usize = 16;

/// The tracing settings of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// The parents whose traces are continued.
    pub parents: TraceParents,
    /// Traces that begin here are flagged as sampled if the random part of their id, 56 bits, is at
    /// least this: agents record those.
    threshold: u64,
    /// The proxy's own spans are kept of traces that begin here from this on; none are if absent.
    kept: Option<u64>,
    /// Each request is reported, so that spans of agents can be joined to it.
    joined: bool,
}

/// The least random part of a trace's id for it to be in a sample.
fn threshold(sample: Weight) -> u64 {
    let left_out = u64::from(Weight::FULL.parts() - sample.parts());
    ((u128::from(left_out) << 56) / u128::from(Weight::FULL.parts())) as u64
}

impl TraceSettings {
    /// Keeps `sample` of the traces that begin here.
    #[must_use]
    pub fn new(sample: Weight, parents: TraceParents) -> Self {
        let threshold = threshold(sample);
        Self { parents, threshold, kept: Some(threshold), joined: false }
    }

    /// Asks agents to record `agents` of the traces that begin here, reports every request, and keeps
    /// the proxy's own spans of `kept`, if of any.
    #[must_use]
    pub fn joined(agents: Weight, kept: Option<Weight>, parents: TraceParents) -> Self {
        let kept = kept.map(threshold);
        // Who looks for the rest of a kept trace must find it.
        let threshold = threshold(agents).min(kept.unwrap_or(u64::MAX));
        Self { parents, threshold, kept, joined: true }
    }

    fn keeps(self, context: TraceContext, is_continued: bool) -> bool {
        let in_sample = |kept| is_continued || context.random() >= kept;
        context.is_sampled() && self.kept.is_some_and(in_sample)
    }
}

/// A request's trace.
pub(crate) struct Trace {
    /// The request's own span.
    pub(crate) context: TraceContext,
    /// The client's span.
    pub(crate) parent: Option<[u8; 8]>,
    /// The span of the try in progress.
    attempt: TraceContext,
    /// It is reported, so that spans of agents can be joined to it.
    pub(crate) joined: bool,
    /// The recorded facts of a sampled request, until it ends.
    kept: Cell<Option<Box<Kept>>>,
}

/// The recorded facts of a sampled request before it ends.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) host: String,
    pub(crate) scheme: &'static str,
    pub(crate) http_version: &'static str,
    pub(crate) attempts: Vec<TracedAttempt>,
    /// The start of the current attempt.
    began_us: u64,
    /// The reason why the proxy answered itself.
    pub(crate) problem: Option<&'static str>,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) model: Option<String>,
    pub(crate) response_id: Option<String>,
}

impl Trace {
    /// Continues the client's trace, or begins one.
    pub(crate) fn begin(
        settings: TraceSettings,
        from: &Forwarding,
        ids: &mut Ids,
        bytes: &[u8],
        head: &RequestHead,
    ) -> Self {
        let accepted = match settings.parents {
            TraceParents::Any => true,
            TraceParents::Trusted => from.trusted,
            TraceParents::None => false,
        };
        let parent = accepted.then(|| given(bytes, head)).flatten();
        let context = match parent {
            Some(parent) => parent.child(ids),
            None => TraceContext::begin(settings.threshold, ids),
        };
        let kept = settings.keeps(context, parent.is_some());
        let kept = Cell::new(kept.then(|| Box::new(Kept::of(from, bytes, head))));
        let (parent, joined) = (parent.map(|it| it.span_id), settings.joined);
        Self { context, parent, attempt: context, joined, kept }
    }

    /// A place for what is to be kept of it, if it is sampled and has not ended.
    pub(crate) fn kept(&mut self) -> Option<&mut Kept> {
        self.kept.get_mut().as_deref_mut()
    }

    /// The request has ended: gives what was kept of it, once.
    pub(crate) fn end(&self) -> Option<Box<Kept>> {
        self.kept.take()
    }

    /// A sampled request is about to be sent, `at_us` after it came.
    pub(crate) fn attempt_begins(&mut self, ids: &mut Ids, at_us: u64) {
        self.attempt = self.context.child(ids);
        if let Some(kept) = self.kept() {
            kept.began_us = at_us;
        }
    }

    /// Returns the trace context that is sent to the endpoint with the current attempt.
    pub(crate) fn onward(&self) -> Onward {
        Onward { context: self.attempt, state: self.parent.is_some() }
    }

    /// The try in progress is over.
    pub(crate) fn attempt_ends(
        &mut self,
        endpoint: &Arc<str>,
        at_us: u64,
        status: u16,
        failure: Option<&'static str>,
    ) {
        let span_id = self.attempt.span_id;
        let Some(kept) = self.kept().filter(|it| it.attempts.len() < MAX_ATTEMPTS) else { return };
        kept.attempts.push(TracedAttempt {
            span_id,
            endpoint: Arc::clone(endpoint),
            began_us: kept.began_us,
            ended_us: at_us,
            status,
            failure,
        });
    }

    /// Records the signals of the response.
    pub(crate) fn answered(&mut self, signals: Option<&Signals>) {
        if let (Some(kept), Some(signals)) = (self.kept(), signals) {
            kept.protocol = Some(signals.protocol);
            kept.model = signals.model().map(str::to_owned);
            kept.response_id = signals.response_id().map(str::to_owned);
        }
    }
}

/// The client's context; two of them are none (W3C Trace Context 3.2).
pub(crate) fn given(bytes: &[u8], head: &RequestHead) -> Option<TraceContext> {
    let mut fields = head.known(bytes, Known::Traceparent);
    let parent = TraceContext::parse(fields.next()?);
    parent.filter(|_| fields.next().is_none())
}

impl Kept {
    fn of(from: &Forwarding, bytes: &[u8], head: &RequestHead) -> Self {
        let path = head.target(bytes).split(['?', '#']).next().unwrap_or_default();
        Self {
            method: method(head.method(bytes)),
            path: short(path),
            host: short(head.host(bytes)),
            scheme: from.proto,
            http_version: match (from.http2, head.http_11) {
                (true, _) => "2",
                (false, true) => "1.1",
                (false, false) => "1.0",
            },
            ..Self::default()
        }
    }
}

fn short(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT)].to_owned()
}

/// A method by OpenTelemetry's rule: those that clients invent are one.
fn method(given: &str) -> &'static str {
    const KNOWN: [&str; 10] =
        ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "QUERY", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == given).unwrap_or("_OTHER")
}

/// A sampled request that has ended.
#[derive(Debug)]
pub struct Traced {
    /// The request's own span.
    pub context: TraceContext,
    /// The client's span, if its trace is continued.
    pub parent: Option<[u8; 8]>,
    /// When the request came, in Unix nanoseconds.
    pub began_ns: u64,
    /// Microseconds from then to the end of the answer.
    pub duration_us: u64,
    /// Microseconds from then to the answer's head; 0 when there was none.
    pub first_byte_us: u64,
    /// The request's id.
    pub request_id: String,
    /// The request's method, `_OTHER` for one that is not HTTP's own.
    pub method: &'static str,
    /// Its path, without the query.
    pub path: String,
    /// The host it asked for, with the port if it named one; empty if it named none.
    pub host: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// `1.0`, `1.1` or `2`.
    pub http_version: &'static str,
    /// Name of the workload.
    pub workload: Arc<str>,
    /// Name of the release that served.
    pub release: Option<Arc<str>>,
    /// The arm it counts under; none when it was refused before that was decided.
    pub arm: Option<Arm>,
    /// The rule that decided.
    pub reason: Reason,
    /// Number of the plan it was decided under.
    pub epoch: u64,
    /// The conversation.
    pub conversation: Option<String>,
    /// Status of the answer; 0 when there was none.
    pub status: u16,
    /// The class it counts under.
    pub outcome: Outcome,
    /// The reason why the proxy answered itself.
    pub problem: Option<&'static str>,
    /// The protocol of the response.
    pub protocol: Option<Protocol>,
    /// The model that answered.
    pub model: Option<String>,
    /// The answer's own id.
    pub response_id: Option<String>,
    /// Tokens.
    pub usage: Option<Usage>,
    /// Its cost.
    pub cost: Option<Cost>,
    /// The backend's stages: names and microseconds.
    pub stages: Vec<(String, u64)>,
    /// The flags that were evaluated for it, as in its record.
    pub flags: String,
    /// The key by which percentages of flags chose: a conversation or the request itself. None where it
    /// is a user or a tenant, who are not told to collectors.
    pub flag_context: Option<String>,
    /// The tries to have it served, in order.
    pub attempts: Vec<TracedAttempt>,
}

/// A request that was sent to an endpoint with a trace, to join the spans of agents to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joinable {
    /// The trace.
    pub trace_id: [u8; 16],
    /// The spans that endpoints were sent.
    pub spans: Vec<[u8; 8]>,
    /// The client's span, if its trace is continued.
    pub parent: Option<[u8; 8]>,
    /// The request's id.
    pub request_id: String,
    /// Name of the workload.
    pub workload: Arc<str>,
    /// Name of the release that served.
    pub release: Arc<str>,
    /// The arm it counts under.
    pub arm: Arm,
    /// The rule that decided.
    pub reason: Reason,
    /// The split has drawn its arm, so that it is compared.
    pub is_drawn: bool,
    /// Its end, in Unix milliseconds.
    pub ended_ms: u64,
    /// The stages that the answer stated: names and microseconds.
    pub stages: Vec<(String, u64)>,
}

/// One try to have a request served by an endpoint. Times are microseconds since the request came.
#[derive(Debug)]
pub struct TracedAttempt {
    /// Its span, whose child the endpoint's work is.
    pub span_id: [u8; 8],
    /// The endpoint's name.
    pub endpoint: Arc<str>,
    /// The start.
    pub began_us: u64,
    /// The end.
    pub ended_us: u64,
    /// Status of its answer; 0 when there was none.
    pub status: u16,
    /// The failure, other than its status.
    pub failure: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use super::TraceSettings;
    use crate::ids::Ids;
    use crate::trace::TraceContext;
    use stagegate_rollout::Weight;
    use stagegate_settings::TraceParents;

    #[test]
    fn agents_are_asked_for_their_share_and_the_proxys_own_spans_are_kept_of_another() {
        let mut ids = Ids::new(7);
        for (agents, kept, flagged, of_kept) in [
            (100, None, 2000..=2000, 0..=0),
            (100, Some(0), 2000..=2000, 0..=0),
            (50, Some(10), 900..=1100, 140..=260),
            // Whatever is kept is flagged.
            (10, Some(50), 900..=1100, 900..=1100),
        ] {
            let of = TraceSettings::joined(
                Weight::percent(agents),
                kept.map(Weight::percent),
                TraceParents::Any,
            );
            let (mut sampled, mut keeps) = (0, 0);
            for _ in 0..2000 {
                let begun = TraceContext::begin(of.threshold, &mut ids);
                sampled += u32::from(begun.is_sampled());
                keeps += u32::from(of.keeps(begun, false));
            }
            assert!(flagged.contains(&sampled) && of_kept.contains(&keeps), "{sampled} {keeps}");
        }
        let none = TraceSettings::joined(Weight::percent(100), None, TraceParents::Any);
        let client =
            TraceContext::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert!(!none.keeps(client.expect("valid"), true), "nothing is exported");
    }
}
