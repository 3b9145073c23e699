//! The head of an answer: it decides how the body is read and whether the connection is used again.

use super::super::observe::Asked;
use super::parts::{Coding, End, Exchange, Response};
use super::turn::Parts;
use crate::http1::{
    BodyLength, BodyReader, Known, ResponseFraming, ResponseHead, client_head, tokens,
};
use crate::identity::issued_in_head;
use crate::problem::Problem;
use crate::retry::wait;
use std::time::Duration;

/// Most interim answers to one request. A slow request sees some dozens (RFC 9110 15.2); without a
/// bound an endpoint could keep a client waiting and fill its memory for ever.
const MAX_INTERIM: u32 = 100;

fn malformed(why: &'static str) -> End {
    End::Refused(Problem::UpstreamMalformed(why))
}

/// A protocol's name, without its version.
fn name_of(protocol: &[u8]) -> &[u8] {
    protocol.split(|&b| b == b'/').next().unwrap_or(protocol)
}

impl Exchange<'_> {
    /// Takes a head: an interim one is passed on, the final one determines the framing of the rest.
    pub(super) fn take_head(&mut self, bytes: &[u8], head: &ResponseHead) -> Result<(), End> {
        let receiving = &mut self.receiving;
        if head.is_interim() {
            // HTTP/1.0 knows no interim answers.
            if self.request.http_11 {
                client_head(receiving.out, bytes, head, None);
            }
            receiving.interim += 1;
            if receiving.interim > MAX_INTERIM {
                return Err(malformed("more interim answers than anyone waits for"));
            }
            return Ok(());
        }
        if head.status == 503
            && let Some(wait) = self.worth_another(bytes, head)
        {
            return Err(End::Again(wait));
        }
        let upgrade = head.status == 101;
        if upgrade && !self.was_asked_for(bytes, head) {
            return Err(malformed("switches to a protocol that nobody asked for"));
        }
        let until_close = head.body == BodyLength::UntilClose;
        let keep_upstream = head.keep_alive && !until_close && !self.may_say_more();
        let receiving = &mut self.receiving;
        let http_11 = self.request.http_11;
        let coding = match head.body {
            _ if upgrade => Coding::Tunnel,
            BodyLength::Chunked if http_11 => Coding::Chunks,
            BodyLength::UntilClose if http_11 => Coding::IntoChunks,
            _ => Coding::Plain,
        };
        // An HTTP/1.0 client learns of the end of a body of unknown length only by the close.
        let ends_by_close = !http_11 && (until_close || head.body == BodyLength::Chunked);
        let keep_client = self.request.keep_alive && !ends_by_close && !self.worker.draining.get();
        let answer = ResponseFraming {
            request_id: &self.call.id,
            chunked: matches!(coding, Coding::Chunks | Coding::IntoChunks),
            close: !keep_client,
            http_11,
            upgrade,
        };
        client_head(receiving.out, bytes, head, Some(&answer));
        self.note_head(bytes, head);
        let body = BodyReader::new(if upgrade { BodyLength::None } else { head.body });
        let parts = match head.body {
            _ if self.call.observed.is_stream() => Parts::Events,
            BodyLength::Chunked => Parts::Chunks,
            _ => Parts::None,
        };
        self.receiving.answer = Some(Response { body, coding, parts, keep_upstream, keep_client });
        Ok(())
    }

    /// Notes status and time, and observes the head.
    fn note_head(&mut self, bytes: &[u8], head: &ResponseHead) {
        self.call.first_byte_us = self.call.elapsed_us().max(1);
        self.call.status = head.status;
        let input = &*self.sending.input;
        let workload = self.decision.workload();
        let learns = workload.prepared.learns();
        let language = workload
            .watches_its_split()
            .then(|| self.request.field(input, "accept-language"))
            .flatten();
        self.call.observed.begin(
            &workload.prepared.signals,
            Asked {
                method: self.request.method(input),
                path: self.request.target(input),
                stage: self.request.field(input, "stagegate-stage"),
                resumes: self.request.field(input, "last-event-id").is_some(),
                language,
                learns,
            },
            bytes,
            head,
        );
        if let Some(tap) = &mut self.call.tap {
            tap.answer_begins(bytes, head);
        }
        if learns.is_some() {
            for id in issued_in_head(bytes, head, self.request.target(input)) {
                let pins = &self.worker.shared.pins;
                self.decision.pin(pins, &id, self.call.steady_s(pins));
            }
        }
    }

    /// Returns the wait before the request is retried instead of passing this response on; `None`
    /// if it is not retried.
    fn worth_another(&mut self, bytes: &[u8], head: &ResponseHead) -> Option<Duration> {
        let (settings, number) = self.retry?;
        if !self.sending.is_replayable() || self.receiving.interim > 0 {
            return None;
        }
        let asked = head.field(bytes, "retry-after");
        let asked = match asked.map(|value| std::str::from_utf8(value).ok()?.parse().ok()) {
            None => None,
            Some(Some(seconds)) => Some(Duration::from_secs(seconds)),
            // A date, or nonsense: not for us to wait for.
            Some(None) => return None,
        };
        let chance = (self.worker.ids.borrow_mut().random() >> 32) as u32;
        let wait = wait(&settings, number, asked, chance)?;
        let mut pools = self.worker.pools.borrow_mut();
        pools.may_retry(self.endpoint, &settings).then_some(wait)
    }

    /// Returns whether every protocol the answer switches to is one that the request offered (RFC
    /// 9110 7.8).
    fn was_asked_for(&self, bytes: &[u8], head: &ResponseHead) -> bool {
        let Some(at) = self.request.upgrade else { return false };
        let offer = self.request.fields[at].value(self.sending.input);
        let mut chosen =
            head.fields.iter().filter(|field| field.known == Known::Upgrade).peekable();
        chosen.peek().is_some()
            && chosen.flat_map(|field| tokens(field.value(bytes))).all(|protocol| {
                tokens(offer)
                    .any(|offered| name_of(offered).eq_ignore_ascii_case(name_of(protocol)))
            })
    }

    /// Returns whether the endpoint may take body bytes for a request of their own and answer that
    /// too: it has answered before it can have read them, or by a method whose body many servers
    /// leave unread (RFC 9110 9.3). Such an answer would be taken for the next request's.
    fn may_say_more(&self) -> bool {
        let has_body = !matches!(self.request.body, None | Some(BodyLength::None));
        has_body
            && (!self.sending.is_flushed()
                || matches!(
                    self.request.method(self.sending.input),
                    "GET" | "HEAD" | "OPTIONS" | "DELETE"
                ))
    }
}
