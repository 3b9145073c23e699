//! Usage, stages and cost that an answer states, read while it passes. No body is kept or changed.

use crate::http1::{BodyLength, ResponseHead};
use crate::plan::SignalSettings;
use stagegate_signals::{
    Answer, End, MAX_STAGES, Scanner, Signals, Stage, parse_usd, server_timing, stage_name,
};
use std::time::Instant;

/// The facts read from one answer so far.
#[derive(Default)]
pub(in crate::serve) struct Observed {
    scanner: Option<Scanner>,
    /// Names and microseconds, from the head and the trailers.
    pub(super) stages: Vec<(String, u64)>,
    /// The stage of an outer request that this request is, by its own word.
    pub(super) is_stage: Option<String>,
    /// The backend's own word on the cost, in nano-dollars.
    pub(super) stated: Option<u64>,
    /// A cost was stated that is no amount.
    pub(super) unreadable: bool,
    /// Bytes of the request's body.
    pub(super) request_bytes: u64,
    is_stream: bool,
    last_chunk: Option<Instant>,
}

impl Observed {
    /// An answer's head has come. Whatever an earlier one said is forgotten.
    pub(super) fn begin(
        &mut self,
        settings: &SignalSettings,
        path: &str,
        stage: Option<&[u8]>,
        bytes: &[u8],
        head: &ResponseHead,
    ) {
        *self = Self::default();
        self.is_stage = stage.and_then(stage_name).map(str::to_owned);
        let (mut content_type, mut content_encoding) = (&b""[..], &b""[..]);
        for field in &head.fields {
            let (name, value) = (field.name(bytes), field.value(bytes));
            match name.len() {
                12 if name.eq_ignore_ascii_case(b"content-type") => content_type = value,
                16 if name.eq_ignore_ascii_case(b"content-encoding") => content_encoding = value,
                13 | 14 => self.field(name, value),
                _ => {}
            }
        }
        if head.body == BodyLength::None {
            return;
        }
        self.is_stream = content_type.len() >= 17
            && content_type[..17].eq_ignore_ascii_case(b"text/event-stream");
        let protocol = settings.protocol;
        self.scanner = Scanner::new(&Answer { protocol, path, content_type, content_encoding });
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
        }
    }

    /// The next bytes of the body.
    pub(super) fn data(&mut self, data: &[u8]) {
        if let Some(scanner) = &mut self.scanner {
            scanner.feed(data);
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
