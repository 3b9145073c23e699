//! Waits for the next request head of a connection.

use super::client::{Client, More};
use crate::http1::{HeadLimits, Progress, Status};
use crate::http2::PREFACE;
use crate::problem::Problem;
use std::future::poll_fn;
use std::task::Poll;

/// The outcome of waiting for a head.
pub(super) enum Head {
    /// It is in the input.
    Whole,
    /// The client has closed, or no further request is awaited.
    None,
    /// The input is the beginning of an HTTP/2 connection.
    Preface,
    /// Another process reads the head.
    HandedOver,
}

impl Client {
    /// Reads until a whole head is in `input`.
    pub(super) async fn read_head(&mut self, first: bool) -> Result<Head, Problem> {
        let settings = self.worker.shared.settings.load();
        let limits =
            HeadLimits { bytes: settings.limits.header_bytes, fields: settings.limits.headers };
        let (header_timeout, keep_alive) =
            (settings.limits.header_timeout, settings.limits.keep_alive);
        drop(settings);
        let mut started = false;
        let mut progress = Progress::default();
        self.watch.set(if first { header_timeout } else { keep_alive });
        loop {
            if self.is_handed_over() {
                return Ok(Head::HandedOver);
            }
            // Empty lines before a request are ignored (RFC 9112 2.2).
            let empty = self.input.chunks_exact(2).take_while(|line| *line == b"\r\n").count() * 2;
            self.input.drain(..empty);
            if !self.input.is_empty() {
                match self.preface().filter(|_| first) {
                    Some(true) => return Ok(Head::Preface),
                    Some(false) => {}
                    None => {
                        if progress.is_worth_parsing(&self.input, limits.bytes)
                            && let Status::Complete(()) = self.head.parse(&self.input, limits)?
                        {
                            self.watch.set_at(u64::MAX);
                            return Ok(Head::Whole);
                        }
                    }
                }
                if !started {
                    started = true;
                    self.watch.set(header_timeout);
                }
            }
            let more = poll_fn(|cx| match self.poll_more(cx, started || first) {
                Poll::Pending if self.is_handed_over() => Poll::Ready(None),
                polled => polled.map(Some),
            });
            let Some(more) = more.await else { return Ok(Head::HandedOver) };
            match more {
                More::Bytes => {}
                More::End => return Ok(Head::None),
                More::Late if started => return Err(Problem::RequestTimeout),
                More::Late => return Ok(Head::None),
            }
        }
    }

    /// Returns whether the input is HTTP/2's preface (true) or may become it (false).
    fn preface(&self) -> Option<bool> {
        let length = self.input.len().min(PREFACE.len());
        let begins = self.may_be_http2 && self.input[..length] == PREFACE[..length];
        begins.then_some(length == PREFACE.len())
    }
}
