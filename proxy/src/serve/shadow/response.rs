//! The answer to a copy: read to its end, looked at, and forgotten.

use super::super::observe::{Asked, Observed};
use crate::http1::{BodyLength, BodyReader, HeadLimits, Piece, ResponseHead, Status};
use crate::plan::SignalSettings;
use crate::problem::Problem;
use crate::shadow_copy::Shadow;
use crate::tap::Tap;
use crate::worker::Worker;
use stagegate_signals::End;
use std::time::Instant;

const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: usize::MAX };

/// An answer in progress.
pub(super) struct ShadowResponse<'a> {
    worker: &'a Worker,
    copy: &'a Shadow,
    signals: &'a SignalSettings,
    /// A head that came in pieces.
    partial: Vec<u8>,
    body: Option<BodyReader>,
    keep_alive: bool,
    /// HTTP status; 0 before the head.
    pub(super) status: u16,
    /// Bytes of the body so far.
    pub(super) bytes: u64,
    pub(super) observed: Observed,
    /// A copy of the answer, where it is scored.
    tap: Option<&'a mut Tap>,
    began: Instant,
    /// Microseconds to the head; 0 before it.
    pub(super) first_byte_us: u64,
}

/// The end of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) how: End,
    /// The connection may carry another request.
    pub(super) reusable: bool,
}

impl<'a> ShadowResponse<'a> {
    pub(super) fn new(
        worker: &'a Worker,
        copy: &'a Shadow,
        signals: &'a SignalSettings,
        tap: Option<&'a mut Tap>,
        began: Instant,
    ) -> Self {
        Self {
            worker,
            copy,
            signals,
            partial: Vec::new(),
            body: None,
            keep_alive: false,
            status: 0,
            bytes: 0,
            observed: Observed::default(),
            tap,
            began,
            first_byte_us: 0,
        }
    }

    /// Returns whether nothing of it has come.
    pub(super) const fn is_empty(&self) -> bool {
        self.body.is_none() && self.partial.is_empty()
    }

    /// Takes the next bytes; gives how it ended, once it has.
    ///
    /// # Errors
    /// When it is no answer.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Ended>, Problem> {
        if self.body.is_some() {
            return Ok(self.take_body(bytes));
        }
        let mut joined = std::mem::take(&mut self.partial);
        joined.extend_from_slice(bytes);
        let mut rest = joined.as_slice();
        loop {
            let parsed = ResponseHead::parse(rest, self.copy.is_head, LIMITS, Vec::new());
            match parsed.map_err(Problem::UpstreamMalformed)? {
                Status::Partial => {
                    self.partial = rest.to_vec();
                    return Ok(None);
                }
                Status::Complete(head) if head.is_interim() => rest = &rest[head.len..],
                Status::Complete(head) => {
                    let (of_head, body) = rest.split_at(head.len);
                    self.take_head(of_head, &head)?;
                    return Ok(self.take_body(body));
                }
            }
        }
    }

    fn take_head(&mut self, bytes: &[u8], head: &ResponseHead) -> Result<(), Problem> {
        if head.status == 101 {
            let why = "switches protocols without being asked";
            return Err(Problem::UpstreamMalformed(why));
        }
        self.status = head.status;
        self.first_byte_us = (self.began.elapsed().as_micros() as u64).max(1);
        if let Some(tap) = &mut self.tap {
            tap.answer_begins(bytes, head);
        }
        self.keep_alive = head.keep_alive && head.body != BodyLength::UntilClose;
        let asked = Asked {
            method: &self.copy.method,
            path: &self.copy.target,
            stage: None,
            resumes: false,
            language: None,
            learns: None,
        };
        self.observed.begin(self.signals, asked, bytes, head);
        self.observed.request_bytes = self.copy.body.len() as u64;
        self.body = Some(BodyReader::new(head.body));
        Ok(())
    }

    fn take_body(&mut self, bytes: &[u8]) -> Option<Ended> {
        let body = self.body.as_mut()?;
        let mut rest = bytes;
        loop {
            match body.read(&mut rest) {
                Ok(Piece::Data(data)) => {
                    self.bytes += data.len() as u64;
                    self.observed.data(data, self.worker, |_| {});
                    if let Some(tap) = &mut self.tap {
                        tap.response.add(data);
                    }
                }
                Ok(Piece::Trailers) => {
                    self.observed.trailers(body.trailers());
                    if let Some(tap) = &mut self.tap {
                        tap.trailers(body.trailers());
                    }
                }
                Ok(Piece::ChunkStart(_) | Piece::ChunkEnd) => {}
                Ok(Piece::More) => return None,
                Ok(Piece::End) => {
                    let reusable = self.keep_alive && rest.is_empty();
                    return Some(Ended { how: End::Complete, reusable });
                }
                Err(_) => return Some(Ended { how: End::Truncated, reusable: false }),
            }
        }
    }

    /// The endpoint closed the connection, cleanly or not.
    ///
    /// # Errors
    /// When no answer had come.
    pub(super) fn closed(&self, clean: bool) -> Result<Ended, Problem> {
        let body = self.body.as_ref().ok_or(Problem::UpstreamReset)?;
        let whole = clean && body.ends_with_connection();
        let how = if whole { End::Complete } else { End::Truncated };
        Ok(Ended { how, reusable: false })
    }
}
