//! Usage, stages and cost that an answer states, read while it passes. No body is kept or changed.

use crate::http1::{BodyLength, ResponseHead};
use crate::plan::SignalSettings;
use crate::worker::Worker;
use stagegate_signals::{
    Answer, End, Failure, MAX_STAGES, Scanner, Signals, Stage, parse_usd, server_timing, stage_name,
};
use std::time::Instant;

/// The request that the response belongs to.
#[derive(Clone, Copy)]
pub(in crate::serve) struct Asked<'a> {
    /// Method of the request.
    pub(in crate::serve) method: &'a str,
    /// Path and query.
    pub(in crate::serve) path: &'a str,
    /// The name of the stage that this request is, from its own header.
    pub(in crate::serve) stage: Option<&'a [u8]>,
    /// True if the request resumes a stream of events that broke off.
    pub(in crate::serve) resumes: bool,
}

/// The facts read from one answer so far.
#[derive(Default)]
pub(in crate::serve) struct Observed {
    scanner: Option<Scanner>,
    /// Names and microseconds, from the head and the trailers.
    pub(super) stages: Vec<(String, u64)>,
    /// The name of the stage that this request is, from its own header.
    pub(super) is_stage: Option<String>,
    /// The cost that the backend states, in nano-dollars.
    pub(super) stated: Option<u64>,
    /// A cost was stated that is no amount.
    pub(super) unreadable: bool,
    /// Bytes of the request's body.
    pub(super) request_bytes: u64,
    /// The answer is gRPC's: its status is in `grpc-status`.
    is_grpc: bool,
    /// The failure in `grpc-status`, from the head or the trailers.
    grpc: Option<Failure>,
    is_stream: bool,
    /// The answer comes as long as it is made: it may pause for long.
    is_long: bool,
    /// Comments can be put between its events.
    takes_comments: bool,
    last_chunk: Option<Instant>,
}

impl Observed {
    /// An answer's head has come. Whatever an earlier one said is forgotten.
    pub(super) fn begin(
        &mut self,
        settings: &SignalSettings,
        asked: Asked<'_>,
        bytes: &[u8],
        head: &ResponseHead,
    ) {
        *self = Self::default();
        self.is_stage = asked.stage.and_then(stage_name).map(str::to_owned);
        let (mut content_type, mut content_encoding) = (&b""[..], &b""[..]);
        for field in &head.fields {
            let (name, value) = (field.name(bytes), field.value(bytes));
            match name.len() {
                12 if name.eq_ignore_ascii_case(b"content-type") => content_type = value,
                16 if name.eq_ignore_ascii_case(b"content-encoding") => content_encoding = value,
                11 | 13 | 14 => self.field(name, value),
                _ => {}
            }
        }
        // The prefix `application/grpc` also begins the types of gRPC with a codec's name.
        let grpc = b"application/grpc";
        self.is_grpc = content_type.len() >= grpc.len()
            && content_type[..grpc.len()].eq_ignore_ascii_case(grpc);
        if head.body == BodyLength::None {
            return;
        }
        self.is_stream = content_type.len() >= 17
            && content_type[..17].eq_ignore_ascii_case(b"text/event-stream");
        let identity =
            content_encoding.is_empty() || content_encoding.eq_ignore_ascii_case(b"identity");
        self.takes_comments = self.is_stream && identity;
        self.is_long = self.is_stream || self.is_grpc || is_streamed(content_type);
        self.scanner = Scanner::new(&Answer {
            protocol: settings.protocol,
            method: asked.method.as_bytes(),
            path: asked.path,
            resumes: asked.resumes,
            content_type,
            content_encoding,
        });
    }

    /// A field that may stand in the head or in the trailers.
    fn field(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"server-timing") {
            let room = MAX_STAGES.saturating_sub(self.stages.len());
            let owned = |stage: Stage<'_>| (stage.name.to_owned(), stage.micros);
            self.stages.extend(server_timing(value).take(room).map(owned));
        } else if name.eq_ignore_ascii_case(b"agent-cost-usd") {
            let stated = parse_usd(value);
            self.unreadable |= stated.is_none();
            self.stated = stated.or(self.stated);
        } else if name.eq_ignore_ascii_case(b"grpc-status") {
            self.grpc = Failure::of_grpc(value);
        }
    }

    /// The failure that the answer names: gRPC's status, or what its body said.
    pub(super) fn failure(&self, signals: Option<&Signals>) -> Option<Failure> {
        let grpc = self.grpc.filter(|_| self.is_grpc);
        grpc.or_else(|| signals.and_then(|signals| signals.failure))
    }

    /// The next bytes of the body. Decompressing ends where the worker's budget for it does.
    pub(super) fn data(&mut self, data: &[u8], worker: &Worker) {
        let Some(scanner) = &mut self.scanner else { return };
        if !scanner.is_inflating() {
            return scanner.feed(data);
        }
        if !worker.inflating.may_go_on(worker.watches.now_ms()) {
            return scanner.give_up();
        }
        let before = scanner.inflated();
        scanner.feed(data);
        worker.inflating.spend(scanner.inflated() - before);
    }

    /// The trailer section: field lines, each with its CRLF, already checked.
    pub(super) fn trailers(&mut self, section: &[u8]) {
        for line in section.split(|byte| *byte == b'\n') {
            if let Some(colon) = memchr::memchr(b':', line) {
                self.field(&line[..colon], line[colon + 1..].trim_ascii());
            }
        }
    }

    /// Returns whether the pauses between an answer's chunks say anything.
    pub(super) const fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// Returns whether the answer comes as long as it is made, so that it may pause for long.
    pub(super) const fn is_long(&self) -> bool {
        self.is_long
    }

    /// Returns whether comments can be put between its events.
    pub(super) const fn takes_comments(&self) -> bool {
        self.takes_comments
    }

    /// A chunk of a stream came at `now`; gives the microseconds since the one before.
    pub(super) fn chunk(&mut self, now: Instant) -> Option<u64> {
        let before = self.last_chunk.replace(now)?;
        Some(now.saturating_duration_since(before).as_micros() as u64)
    }

    /// The answer is over; what its body said.
    pub(super) fn end(&mut self, end: End) -> Option<Signals> {
        let signals = self.scanner.take().map(|mut scanner| scanner.finish(end))?;
        self.unreadable |= signals.unreadable;
        Some(signals)
    }
}

/// Whether bodies of this type are written piece by piece, beside server-sent events and gRPC.
fn is_streamed(content_type: &[u8]) -> bool {
    let kind = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    [
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/json-seq",
        "application/vnd.amazon.eventstream",
    ]
    .iter()
    .any(|name| kind.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{Asked, Observed};
    use crate::fixtures::{clients, shared};
    use crate::http1::{HeadLimits, ResponseHead, Status};
    use crate::plan::SignalSettings;
    use crate::worker::Worker;
    use stagegate_rollout::Outcome;
    use stagegate_signals::{End, Prices, Protocol, Rules};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn observed(head: &str, body: &[u8], trailers: &[u8]) -> (Observed, Outcome) {
        let settings = SignalSettings {
            protocol: Protocol::Auto,
            rules: Rules::default(),
            prices: Arc::new(Prices::builtin()),
            tenants: BTreeSet::new(),
        };
        let bytes = head.as_bytes();
        let limits = HeadLimits { bytes: 4096, fields: 32 };
        let parsed = ResponseHead::parse(bytes, false, limits, Vec::new());
        let Ok(Status::Complete(parsed)) = parsed else { panic!("no head: {head}") };
        let asked = Asked { method: "POST", path: "/s.A/M", stage: None, resumes: false };
        let mut observed = Observed::default();
        observed.begin(&settings, asked, bytes, &parsed);
        let worker = Worker::new(Arc::new(shared(clients(), 1)), Some(0));
        observed.data(body, &worker);
        observed.trailers(trailers);
        let signals = observed.end(End::Complete);
        let failure = observed.failure(signals.as_ref());
        let outcome = settings.rules.outcome(parsed.status, failure.as_ref());
        (observed, outcome)
    }

    #[test]
    fn a_grpc_status_is_read_from_the_head_and_from_the_trailers() {
        for kind in ["application/grpc", "Application/gRPC+proto"] {
            for (code, expected) in [
                ("0", Outcome::Ok),
                ("14", Outcome::Transient),
                ("13", Outcome::Permanent),
                ("5", Outcome::Ok),
            ] {
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nGrpc-Status: {code}\r\nContent-Length: 0\r\n\r\n"
                );
                assert_eq!(observed(&head, b"", b"").1, expected, "{kind} {code} in the head");
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
                );
                let trailers = format!("grpc-status: {code}\r\ngrpc-message: m\r\n");
                let seen = observed(&head, b"\0\0\0\0\0", trailers.as_bytes()).1;
                assert_eq!(seen, expected, "{kind} {code} in the trailers");
            }
        }
        let other = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nGrpc-Status: 13\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(observed(other, b"", b"").1, Outcome::Ok, "not gRPC's");
    }

    #[test]
    fn a_stated_cost_is_read_as_programs_print_it() {
        for (text, nanos) in [("0.00021", 210_000), ("7.4e-06", 7_400), ("7.4e-7", 740)] {
            let head =
                format!("HTTP/1.1 200 OK\r\nAgent-Cost-Usd: {text}\r\nContent-Length: 0\r\n\r\n");
            let (seen, _) = observed(&head, b"", b"");
            assert_eq!((seen.stated, seen.unreadable), (Some(nanos), false), "{text}");
        }
    }
}
