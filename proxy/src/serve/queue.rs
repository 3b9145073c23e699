//! Requests of a killed workload that are kept, and callers who ask for their answers.

use super::call::Call;
use super::client::{After, Client};
use super::decision::Decision;
use super::inspect::{Held, Read};
use crate::http1::{Field, Known};
use crate::problem::Problem;
use crate::queued::{PLACE, QueueAnswer, QueueAsk, QueueReply, Queued};
use stagegate_rollout::{FixedResponse, Outcome};
use std::fmt::Write as _;
use std::rc::Rc;
use tokio::sync::oneshot;

/// Fields that belong to the connection, frame the body, or are about it alone. What stands for the client's
/// address is written again when the request is sent.
const LEFT_OUT: [&str; 8] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Fields that tell callers apart, so that an idempotency key of one says nothing about another's.
const CALLER: [&str; 4] = ["authorization", "cookie", "x-api-key", "x-tenant-id"];

/// An answer about a request that was kept.
struct Note<'a> {
    status: u16,
    state: &'a str,
    detail: &'a str,
    /// More fields, each ended by CRLF.
    fields: String,
}

impl Client {
    /// Keeps the request if it is of those that are kept, and answers; otherwise the fixed answer.
    pub(super) async fn keep_for_later(
        &mut self,
        call: &mut Call,
        decision: &Decision,
        fixed: &FixedResponse,
    ) -> After {
        if self.context.forwarding.resent {
            // The workload was killed again: it goes on waiting.
            return self.say_not_sent(call, decision).await;
        }
        let (method, target) = (self.head.method(&self.input), self.head.target(&self.input));
        let settings = decision.workload().prepared.settings.queue.as_ref();
        let kept = settings.filter(|it| it.takes(method, target) && self.head.upgrade.is_none());
        let sink = self.worker.shared.queue.get().cloned();
        let (Some(settings), Some(sink)) = (kept, sink) else {
            return self.respond_fixed(call, decision, fixed).await;
        };
        let limit = usize::try_from(settings.body).unwrap_or(usize::MAX);
        let mut held = Held::default();
        match self.read_body(limit, &mut held, |_| false).await {
            Err(problem) => return self.fail(call, decision, problem).await,
            Ok(Read::Gone) => return After::Abort,
            Ok(Read::Whole) => {}
            Ok(_) => return self.respond_fixed(call, decision, fixed).await,
        }
        let body = self.body_read().map(std::borrow::Cow::into_owned).unwrap_or_default();
        if body.len() > limit {
            return self.respond_fixed(call, decision, fixed).await;
        }
        let (reply, answer) = oneshot::channel();
        sink(QueueAsk::Keep(Box::new(self.queued(call, decision, body)), reply));
        let wait = fixed.retry_after.map_or(60, |it| it.as_secs());
        match answer.await {
            Ok(QueueReply::Kept(id)) => {
                let detail = "the request is stored and will be sent when the service is back";
                let fields = format!("Location: {PLACE}{id}\r\nRetry-After: {wait}\r\n");
                let note = Note { status: 202, state: "waiting", detail, fields };
                self.say(call, decision, &note).await
            }
            Ok(QueueReply::KeyReused) => {
                let detail = "the idempotency key belongs to another request";
                let note = Note { status: 422, state: "refused", detail, fields: String::new() };
                self.say(call, decision, &note).await
            }
            Ok(QueueReply::NotKept) | Err(_) => self.respond_fixed(call, decision, fixed).await,
        }
    }

    fn queued(&self, call: &Call, decision: &Decision, body: Vec<u8>) -> Queued {
        let (method, target) = (self.head.method(&self.input), self.head.target(&self.input));
        let mut head = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
        let named = |field: &Field, names: &[&str]| {
            let name = field.name(&self.input);
            names.iter().any(|it| name.eq_ignore_ascii_case(it.as_bytes()))
        };
        let mut has_host = false;
        let mut caller = Vec::new();
        for field in &self.head.fields {
            if named(field, &CALLER) {
                caller.extend_from_slice(field.name(&self.input));
                caller.push(0);
                caller.extend_from_slice(field.value(&self.input));
                caller.push(0);
            }
            let own = field.known == Known::RequestId;
            if field.nominated || own || named(field, &LEFT_OUT) {
                continue;
            }
            has_host |= named(field, &["host"]);
            for part in [field.name(&self.input), b": ", field.value(&self.input), b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
        if !has_host {
            let host = self.head.host_bytes(&self.input);
            head.extend_from_slice(&[b"host: ", host, b"\r\n"].concat());
        }
        head.extend_from_slice(format!("x-request-id: {}\r\n", call.id).as_bytes());
        let path = target.split('?').next().unwrap_or_default();
        let key = self.head.field(&self.input, "idempotency-key").map(<[u8]>::to_vec);
        Queued {
            workload: std::sync::Arc::clone(&decision.workload().prepared.name),
            line: format!("{method} {path}"),
            head,
            body,
            peer: self.context.forwarding.peer.parse().ok(),
            secure: self.context.forwarding.proto == "https",
            request_id: call.id.clone(),
            repeatable: self.is_idempotent(),
            key,
            caller,
        }
    }

    /// The id in the request's path, if it asks for the answer to a queued request.
    pub(super) fn asks_for_queued(&self) -> Option<String> {
        self.worker.shared.queue.get()?;
        let path = self.head.target(&self.input).split('?').next().unwrap_or_default();
        let id = path.strip_prefix(PLACE)?;
        let is_id = id.len() == 32 && id.bytes().all(|it| it.is_ascii_hexdigit());
        is_id.then(|| id.to_ascii_lowercase())
    }

    /// Answers a caller who asks for the answer to a queued request. Who knows its id may have it.
    pub(super) async fn answer_queued(&mut self, call: &Call, id: String) -> After {
        let Some(sink) = self.worker.shared.queue.get().cloned() else { return After::Close };
        let method = self.head.method(&self.input);
        if !matches!(method, "GET" | "HEAD") {
            let detail = "ask for the answer with GET";
            let fields = "Allow: GET, HEAD\r\n".to_owned();
            return self
                .tell_state(call, &Note { status: 405, state: "refused", detail, fields })
                .await;
        }
        let (reply, answer) = oneshot::channel();
        sink(QueueAsk::Answer(id, reply));
        let note = |status, state, detail, fields: &str| Note {
            status,
            state,
            detail,
            fields: fields.to_owned(),
        };
        let note = match answer.await.unwrap_or(QueueAnswer::Waiting) {
            QueueAnswer::Answered { status, fields, body } => {
                return self.pass_on(call, status, &fields, &body).await;
            }
            QueueAnswer::Waiting => {
                note(202, "waiting", "the request was not sent yet", "Retry-After: 5\r\n")
            }
            QueueAnswer::Nothing => {
                note(404, "unknown", "there is no queued request with this id, or not any more", "")
            }
            QueueAnswer::Over("unknown") => note(
                502,
                "unknown",
                "the process ended while the request was sent: it is not known what became of it",
                "",
            ),
            QueueAnswer::Over(state) => note(410, state, "the request will not be sent", ""),
        };
        self.tell_state(call, &note).await
    }

    /// The kept answer of a backend.
    async fn pass_on(&mut self, call: &Call, status: u16, fields: &[u8], body: &[u8]) -> After {
        let close = !self.discard_body();
        let mut head = format!("HTTP/1.1 {status} \r\n").into_bytes();
        head.extend_from_slice(fields);
        let own = format!(
            "stagegate-queue: answered\r\nCache-Control: no-store\r\n{}",
            if fields_name(fields, b"x-request-id") {
                String::new()
            } else {
                format!("x-request-id: {}\r\n", call.id)
            }
        );
        head.extend_from_slice(own.as_bytes());
        if !matches!(status, 204 | 304) {
            head.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        head.extend_from_slice(if close { b"Connection: close\r\n\r\n" } else { b"\r\n" });
        if !self.head.is_head && !matches!(status, 204 | 304) {
            head.extend_from_slice(body);
        }
        self.finish_with(&head, close).await
    }

    /// Tells the queue that no backend saw the request.
    async fn say_not_sent(&mut self, call: &mut Call, decision: &Decision) -> After {
        let detail = "the workload is killed";
        let fields = String::new();
        self.say(call, decision, &Note { status: 503, state: "not-sent", detail, fields }).await
    }

    /// Answers a request that was decided, and keeps its record.
    async fn say(&mut self, call: &mut Call, decision: &Decision, note: &Note<'_>) -> After {
        let worker = Rc::clone(&self.worker);
        call.status = note.status;
        call.first_byte_us = call.elapsed_us().max(1);
        call.finish(&worker, decision, Outcome::Ok);
        self.tell_state(call, note).await
    }

    async fn tell_state(&mut self, call: &Call, note: &Note<'_>) -> After {
        let Note { status, state, detail, fields } = note;
        let body = format!(
            "{{\"state\":\"{state}\",\"detail\":\"{detail}\",\"request_id\":\"{}\"}}\n",
            call.id
        );
        let close = !self.discard_body();
        let mut answer = format!(
            "HTTP/1.1 {status} \r\nContent-Type: application/json\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             stagegate-reason: kill_switch\r\nstagegate-queue: {state}\r\nx-request-id: {}\r\n{fields}",
            body.len(),
            call.id,
        );
        let _ = write!(answer, "{}\r\n", if close { "Connection: close\r\n" } else { "" });
        if !self.head.is_head {
            answer.push_str(&body);
        }
        self.finish_with(answer.as_bytes(), close).await
    }
}

fn fields_name(fields: &[u8], name: &[u8]) -> bool {
    fields.split(|it| *it == b'\n').any(|line| {
        line.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name))
            && line.get(name.len()) == Some(&b':')
    })
}

/// True if no endpoint can have seen a request that ended this way: it is sent again.
pub(super) const fn is_not_sent(problem: Problem) -> bool {
    matches!(
        problem,
        Problem::StableDown
            | Problem::UpstreamConnect
            | Problem::ConnectTimeout
            | Problem::Busy
            | Problem::EndpointBusy
            | Problem::RateLimited
            | Problem::TooManyInFlight
            | Problem::Overloaded
    )
}
