//! The state of an exchange: both directions, and how it may end.

use super::gap::Gap;
use super::turn::{Parts, Share};
use crate::edit::Edit;
use crate::http1::{
    BodyError, BodyLength, BodyReader, Piece, Progress, RequestHead, trailers_without,
};
use crate::problem::Problem;
use crate::serve::call::Call;
use crate::serve::decision::Decision;
use crate::serve::inspect::LateScan;
use crate::shadow_copy::Shadow;
use crate::tap::Copied;
use crate::transport::Stream;
use crate::watch::Watched;
use crate::worker::Worker;
use stagegate_settings::{Retry, Timeouts};
use std::io::Write as _;
use std::time::Duration;

/// The end of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum End {
    /// The whole answer reached the client.
    Done {
        /// The client may send another request.
        keep_client: bool,
        /// The upstream connection may carry another request.
        keep_upstream: bool,
    },
    /// Nothing was sent, and the plan has changed: decide again.
    Outdated,
    /// The connection was dead: no byte of an answer came, and the request can be sent again.
    Stale,
    /// The endpoint is unavailable for a moment: ask again after this time.
    Again(Duration),
    /// No byte of an answer reached the client; this is the answer instead.
    Refused(Problem),
    /// The client left, or does not read.
    ClientGone,
    /// The answer broke off after it had begun.
    Broken,
    /// A rollback ended the answer.
    Cut,
    /// The protocol was switched.
    Upgraded,
}

/// An exchange in progress.
pub(in crate::serve) struct Exchange<'a> {
    pub(in crate::serve) worker: &'a Worker,
    pub(in crate::serve) watch: &'a Watched,
    pub(in crate::serve) client: &'a mut Stream,
    pub(in crate::serve) upstream: &'a mut Stream,
    pub(in crate::serve) request: &'a RequestHead,
    pub(in crate::serve) call: &'a mut Call,
    pub(in crate::serve) decision: &'a Decision,
    pub(in crate::serve) timeouts: Timeouts,
    pub(in crate::serve) body_limit: u64,
    /// The retry settings and the number of the next retry, if a 503 answer may be retried.
    pub(in crate::serve) retry: Option<(Retry, u32)>,
    /// The endpoint's id, whose retries these are.
    pub(in crate::serve) endpoint: u64,
    /// The connection carried a request before, so it may be dead.
    pub(in crate::serve) reused: bool,
    /// The worker's time at which the whole request is over.
    pub(in crate::serve) over_ms: u64,
    /// The worker's time at which the present step is over.
    pub(in crate::serve) late_ms: u64,
    /// The worker's time at which a client that waits for `100 Continue` has waited long enough.
    pub(in crate::serve) patience_ms: u64,
    /// The worker's other tasks had their turn since the request was read.
    pub(in crate::serve) has_waited: bool,
    pub(in crate::serve) sending: Sending<'a>,
    pub(in crate::serve) receiving: Receiving<'a>,
}

/// The request's direction.
pub(in crate::serve) struct Sending<'a> {
    /// Bytes from the client; the body's first bytes begin at `at`.
    pub(in crate::serve::exchange) input: &'a mut Vec<u8>,
    pub(in crate::serve::exchange) at: usize,
    pub(in crate::serve::exchange) body: BodyReader,
    pub(in crate::serve::exchange) out: &'a mut Vec<u8>,
    pub(in crate::serve::exchange) written: usize,
    /// Written bytes have not all left yet.
    pub(in crate::serve::exchange) unflushed: bool,
    /// A byte was written.
    pub(in crate::serve::exchange) begun: bool,
    /// Bytes went on that are no longer in `input`, so the request cannot be sent again.
    pub(in crate::serve::exchange) beyond_input: bool,
    /// The upstream takes no more; its answer may still come.
    pub(in crate::serve::exchange) broken: bool,
    pub(in crate::serve::exchange) body_bytes: u64,
    /// A change of the body, which is sent chunked then.
    pub(in crate::serve) edit: Option<Edit>,
    /// The end of a changed body was written.
    edited: bool,
    /// Fields that never come as trailers.
    pub(in crate::serve) never_late: &'a [Box<str>],
    /// A copy of the body, where the exchange was picked for scoring.
    pub(in crate::serve) copy: Option<Copied>,
    /// A copy of the request, where another release is to have one.
    pub(in crate::serve) shadow: Option<Box<Shadow>>,
    /// A scan of the body for ids that come too late to decide.
    pub(in crate::serve) late: Option<Box<LateScan>>,
    /// What is left of this turn.
    pub(in crate::serve::exchange) share: Share,
    parts: Parts,
}

/// Bytes of the input that are made ready to be sent in one go: what was held back is copied piece
/// by piece, not as a whole.
const PIECE: usize = 64 * 1024;

impl<'a> Sending<'a> {
    /// `out` holds the head to send; the body's first bytes are in `input` from `at` on.
    pub(in crate::serve) fn new(
        input: &'a mut Vec<u8>,
        at: usize,
        length: BodyLength,
        out: &'a mut Vec<u8>,
    ) -> Self {
        Self {
            input,
            at,
            body: BodyReader::new(length),
            parts: if length == BodyLength::Chunked { Parts::Chunks } else { Parts::None },
            share: Share::WHOLE,
            out,
            written: 0,
            unflushed: false,
            begun: false,
            beyond_input: false,
            broken: false,
            body_bytes: 0,
            edit: None,
            edited: false,
            never_late: &[],
            copy: None,
            shadow: None,
            late: None,
        }
    }

    /// The place in the input where the next request begins.
    pub(in crate::serve) fn consumed(&self) -> usize {
        self.at
    }

    /// Bytes of the request's body so far.
    pub(in crate::serve) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    pub(in crate::serve) fn is_replayable(&self) -> bool {
        !self.beyond_input
    }

    /// Takes body bytes off `bytes`, as many as belong to this turn, appends what goes out, and says
    /// how many were taken.
    pub(in crate::serve::exchange) fn encode(&mut self, bytes: &[u8]) -> Result<usize, BodyError> {
        let (bytes, _) = self.share.takes(bytes, self.parts);
        let mut rest = bytes;
        loop {
            match self.body.read(&mut rest)? {
                Piece::Data(data) => {
                    self.body_bytes += data.len() as u64;
                    match &mut self.edit {
                        None => self.out.extend_from_slice(data),
                        Some(edit) => chunk(edit, data, self.out),
                    }
                    if let Some(copy) = &mut self.copy {
                        copy.add(data);
                    }
                    if let Some(shadow) = &mut self.shadow {
                        shadow.add(data);
                    }
                    if let Some(late) = &mut self.late {
                        late.feed(data);
                    }
                }
                Piece::ChunkStart(_) | Piece::ChunkEnd if self.edit.is_some() => {}
                Piece::ChunkStart(size) => {
                    let _ = write!(self.out, "{size:x}\r\n");
                }
                Piece::ChunkEnd => self.out.extend_from_slice(b"\r\n"),
                Piece::Trailers => {
                    self.edited = true;
                    let section = trailers_without(self.body.trailers(), self.never_late);
                    self.out.extend_from_slice(b"0\r\n");
                    self.out.extend_from_slice(&section);
                    if let Some(shadow) = &mut self.shadow {
                        shadow.trailers(&section);
                    }
                    self.out.extend_from_slice(b"\r\n");
                }
                Piece::End => {
                    // A body of known length has no end of its own in chunks.
                    if self.edit.is_some() && !std::mem::replace(&mut self.edited, true) {
                        self.out.extend_from_slice(b"0\r\n\r\n");
                    }
                    break;
                }
                Piece::More => break,
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// Returns whether body bytes wait in the input.
    pub(in crate::serve::exchange) fn has_input(&self) -> bool {
        !self.is_done() && self.at < self.input.len()
    }

    pub(in crate::serve::exchange) fn encode_input(&mut self) -> Result<(), BodyError> {
        let input = std::mem::take(self.input);
        let end = input.len().min(self.at + PIECE);
        let taken = self.encode(&input[self.at..end]);
        *self.input = input;
        self.at += taken?;
        Ok(())
    }

    /// Returns whether the request is whole.
    pub(in crate::serve) fn is_done(&self) -> bool {
        self.body.is_done()
    }

    pub(in crate::serve::exchange) fn is_flushed(&self) -> bool {
        self.broken || (self.is_done() && !self.has_unsent())
    }

    /// Returns whether the upstream has not taken all that is ready for it.
    pub(in crate::serve::exchange) fn has_unsent(&self) -> bool {
        self.unflushed || self.written < self.out.len()
    }
}

/// Writes bytes of a changed body as a chunk; none where nothing goes on of them.
fn chunk(edit: &mut Edit, data: &[u8], out: &mut Vec<u8>) {
    let mut changed = Vec::with_capacity(data.len() + 64);
    edit.feed(data, &mut changed);
    if !changed.is_empty() {
        let _ = write!(out, "{:x}\r\n", changed.len());
        out.extend_from_slice(&changed);
        out.extend_from_slice(b"\r\n");
    }
}

/// The answer's direction.
pub(in crate::serve) struct Receiving<'a> {
    pub(in crate::serve::exchange) out: &'a mut Vec<u8>,
    pub(in crate::serve::exchange) written: usize,
    /// Written bytes have not all left yet.
    pub(in crate::serve::exchange) unflushed: bool,
    /// A byte of the answer was written to the client.
    pub(in crate::serve::exchange) begun: bool,
    /// A head that came in pieces.
    pub(in crate::serve::exchange) partial: Vec<u8>,
    pub(in crate::serve::exchange) progress: Progress,
    pub(in crate::serve::exchange) answer: Option<Response>,
    /// What is left of this turn.
    pub(in crate::serve::exchange) share: Share,
    /// Bytes of the body that wait for the next turn.
    pub(in crate::serve::exchange) later: Vec<u8>,
    /// Interim answers that came.
    pub(in crate::serve::exchange) interim: u32,
    pub(in crate::serve::exchange) finished: bool,
    /// The answer's first bytes are gathered, and go out last in this turn of the worker.
    pub(in crate::serve::exchange) held_back: bool,
    /// Where comments may be put between the events of a stream.
    pub(in crate::serve::exchange) gap: Gap,
}

impl<'a> Receiving<'a> {
    pub(in crate::serve) fn new(out: &'a mut Vec<u8>) -> Self {
        out.clear();
        Self {
            out,
            written: 0,
            unflushed: false,
            begun: false,
            partial: Vec::new(),
            progress: Progress::default(),
            answer: None,
            share: Share::WHOLE,
            later: Vec::new(),
            interim: 0,
            finished: false,
            held_back: false,
            gap: Gap::default(),
        }
    }

    /// Returns whether the client has not taken all that is ready for it.
    pub(in crate::serve::exchange) fn is_held_up(&self) -> bool {
        self.unflushed || self.written < self.out.len()
    }

    /// Returns whether the answer has come, and nothing of it was written yet.
    pub(in crate::serve::exchange) fn is_gathered(&self) -> bool {
        !self.begun && self.has_answered() && self.is_held_up()
    }

    /// Returns whether the client has seen anything of an answer.
    pub(in crate::serve::exchange) fn has_answered(&self) -> bool {
        self.answer.is_some()
    }
}

/// An answer whose head has come.
pub(in crate::serve::exchange) struct Response {
    pub(in crate::serve::exchange) body: BodyReader,
    pub(in crate::serve::exchange) coding: Coding,
    pub(in crate::serve::exchange) parts: Parts,
    pub(in crate::serve::exchange) keep_upstream: bool,
    pub(in crate::serve::exchange) keep_client: bool,
}

/// The framing of the response's body to the client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::serve::exchange) enum Coding {
    /// As it is.
    Plain,
    /// Chunked, as it came.
    Chunks,
    /// Chunked, though it came until close.
    IntoChunks,
    /// Upgraded: no body, but a tunnel.
    Tunnel,
}
