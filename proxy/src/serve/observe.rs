//! Usage, stages and cost that an answer states, read while it passes. No body is kept or changed.

use crate::http1::{BodyLength, ResponseHead};
use crate::identity::{IdRules, Learner};
use crate::inflating::Reading;
use crate::plan::SignalSettings;
use crate::stats::language;
use crate::worker::Worker;
use stagegate_signals::{
    Answer, End, Failure, MAX_STAGES, Plain, PlainScanner, Signals, Stage, Uncoded, Usage,
    parse_usd, server_timing, stage_name,
};
use std::borrow::Cow;
use std::time::Instant;

/// The fields in which Bedrock's InvokeModel counts tokens of input and of output.
const BEDROCK: [&[u8]; 2] =
    [b"x-amzn-bedrock-input-token-count", b"x-amzn-bedrock-output-token-count"];

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
    /// `Accept-Language`, while parts of the traffic are counted.
    pub(in crate::serve) language: Option<&'a [u8]>,
    /// Where ids of the answer are, if they are learned.
    pub(in crate::serve) learns: Option<&'a IdRules>,
}

/// What looks into the body of one answer. The body is decompressed once for both.
#[derive(Debug)]
struct Readers {
    scanner: Option<PlainScanner>,
    learner: Option<Learner>,
}

impl Plain for Readers {
    fn take(&mut self, bytes: &[u8]) {
        if let Some(scanner) = &mut self.scanner {
            scanner.take(bytes);
        }
        if let Some(learner) = &mut self.learner {
            learner.take(bytes);
        }
    }
}

/// The facts read from one answer so far.
#[derive(Default)]
pub(in crate::serve) struct Observed {
    readers: Option<Uncoded<Readers>>,
    /// Ids are learned from the rest of the body.
    learns: bool,
    /// The body is a text of no kind so far: its beginning tells whether anything is in it.
    is_text: bool,
    /// The rest of the body is not looked into: it cannot be decompressed, or not any more.
    sealed: bool,
    /// Names and microseconds, from the head and the trailers.
    pub(super) stages: Vec<(String, u64)>,
    /// The name of the stage that this request is, from its own header.
    pub(super) is_stage: Option<String>,
    /// The cost that the backend states, in nano-dollars.
    pub(super) stated: Option<u64>,
    /// Tokens of input and of output that the head counts, as Bedrock's does for models whose bodies
    /// do not.
    counted: [Option<u64>; 2],
    /// A cost was stated that is no amount.
    pub(super) unreadable: bool,
    /// Bytes of the request's body.
    pub(super) request_bytes: u64,
    /// The answer is gRPC's: its status is in `grpc-status`.
    is_grpc: bool,
    /// The failure in `grpc-status`, from the head or the trailers.
    grpc: Option<Failure>,
    /// A `grpc-status` has come.
    has_grpc: bool,
    /// The answer must have a `grpc-status`, and none has come.
    lacks_grpc: bool,
    /// The failure of a function that stands behind a good status.
    function: Option<Failure>,
    is_stream: bool,
    /// The answer comes as long as it is made: it may pause for long.
    is_long: bool,
    /// Comments can be put between its events.
    takes_comments: bool,
    last_chunk: Option<Instant>,
    /// The language that the client prefers.
    pub(super) language: Option<Box<str>>,
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
        self.language = asked.language.and_then(language);
        self.is_stage = asked.stage.and_then(stage_name).map(str::to_owned);
        let mut content_type = &b""[..];
        let mut content_encoding = Cow::Borrowed(content_type);
        for field in &head.fields {
            let (name, value) = (field.name(bytes), field.value(bytes));
            match name.len() {
                12 if name.eq_ignore_ascii_case(b"content-type") => content_type = value,
                16 if name.eq_ignore_ascii_case(b"content-encoding") => {
                    // Several fields are one list (RFC 9110 5.3).
                    content_encoding = match content_encoding.is_empty() {
                        true => value.into(),
                        false => [&*content_encoding, value].join(&b", "[..]).into(),
                    };
                }
                11 | 13 | 14 => self.field(name, value),
                20 if name.eq_ignore_ascii_case(b"x-amz-function-error") => {
                    self.function = Failure::of_function(value);
                }
                32 if name.eq_ignore_ascii_case(BEDROCK[0]) => self.counted[0] = count(value),
                33 if name.eq_ignore_ascii_case(BEDROCK[1]) => self.counted[1] = count(value),
                _ => {}
            }
        }
        // The prefix `application/grpc` also begins the types of gRPC with a codec's name.
        let grpc = b"application/grpc";
        self.is_grpc = content_type.len() >= grpc.len()
            && content_type[..grpc.len()].eq_ignore_ascii_case(grpc);
        // gRPC-Web has its status in the body.
        let is_web = content_type.get(grpc.len()..).is_some_and(|rest| rest.starts_with(b"-"));
        self.lacks_grpc = self.is_grpc
            && !is_web
            && !self.has_grpc
            && head.status == 200
            && asked.method == "POST";
        if head.body == BodyLength::None {
            return;
        }
        self.is_stream = content_type.len() >= 17
            && content_type[..17].eq_ignore_ascii_case(b"text/event-stream");
        let identity =
            content_encoding.is_empty() || content_encoding.eq_ignore_ascii_case(b"identity");
        self.takes_comments = self.is_stream && identity;
        self.is_long = self.is_stream || self.is_grpc || is_streamed(content_type);
        let answer = Answer {
            protocol: settings.protocol,
            method: asked.method.as_bytes(),
            path: asked.path,
            resumes: asked.resumes,
            status: head.status,
            content_type,
            content_encoding: &content_encoding,
        };
        let learner = asked.learns.and_then(|ids| Learner::new(ids, bytes, head, asked.path));
        self.read(&answer, learner);
    }

    /// Prepares to look into the body.
    fn read(&mut self, answer: &Answer<'_>, learner: Option<Learner>) {
        let scanner = PlainScanner::new(answer);
        self.is_text = scanner.as_ref().is_some_and(PlainScanner::is_undecided);
        if scanner.is_none() && learner.is_none() {
            return;
        }
        self.learns = learner.is_some();
        self.readers = Some(Uncoded::new(answer.content_encoding, Readers { scanner, learner }));
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
            (self.has_grpc, self.lacks_grpc) = (true, false);
        }
    }

    /// The failure that the answer names: gRPC's status, or what its body said.
    pub(super) fn failure(&self, signals: Option<&Signals>) -> Option<Failure> {
        let grpc = self.grpc.filter(|_| self.is_grpc).or(self.function);
        grpc.or_else(|| signals.and_then(|signals| signals.failure))
    }

    /// The next bytes of the body; `learn` gets the ids in them. Decompressing ends where the worker's
    /// budget for it does.
    pub(super) fn data(&mut self, data: &[u8], worker: &Worker, learn: impl FnMut(String)) {
        let Some(readers) = self.readers.as_mut().filter(|_| !self.sealed) else { return };
        let reading = if self.learns { Reading::Ids } else { Reading::Usage };
        if readers.is_coded() && !worker.inflating.may_go_on(worker.watches.now_ms(), reading) {
            self.sealed = true;
            return;
        }
        let before = readers.inflated();
        self.sealed = !readers.feed(data);
        if self.learns
            && let Some(both) = readers.reader()
            && !both.learner.as_mut().is_some_and(|learner| learner.drain(learn))
        {
            (self.learns, both.learner) = (false, None);
            // Nobody reads on.
            self.sealed |= both.scanner.is_none();
        }
        worker.inflating.spend(readers.inflated() - before);
        if self.is_text {
            self.text_begins();
        }
    }

    /// More of a text of no kind has come. A text for people is not looked into any further.
    fn text_begins(&mut self) {
        let Some(both) = self.readers.as_mut().and_then(Uncoded::reader) else { return };
        self.is_text = both.scanner.as_ref().is_some_and(PlainScanner::is_undecided);
        if !self.is_text && both.scanner.as_ref().is_some_and(PlainScanner::is_nothing) {
            both.scanner = None;
            self.sealed |= !self.learns;
        }
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
        if self.lacks_grpc && end == End::Complete {
            // What clients make of it (gRPC over HTTP2, "Responses"): UNKNOWN.
            self.grpc = Failure::of_grpc(b"2");
        }
        let mut readers = self.readers.take()?;
        let scanner = readers.reader()?.scanner.as_mut().filter(|it| !it.is_nothing())?;
        let mut signals = scanner.finish(end, self.sealed);
        self.unreadable |= signals.unreadable;
        if let [Some(input), Some(output)] = self.counted
            && signals.is_generation
            && signals.usage.is_none()
        {
            signals.usage = Some(Usage { input, output, ..Usage::default() });
            signals.is_final = true;
        }
        Some(signals)
    }
}

/// A number of tokens; none if it is none, or more than any answer has.
fn count(value: &[u8]) -> Option<u64> {
    let count: u64 = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    (count <= 1 << 40).then_some(count)
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
        "application/connect+json",
        "application/connect+proto",
    ]
    .iter()
    .any(|name| kind.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests;
