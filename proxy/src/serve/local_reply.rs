//! Local replies: the responses that the proxy makes itself, and the connection after them.

use super::call::Call;
use super::client::{After, Client};
use super::decision::Decision;
use super::queue::is_not_sent;
use crate::dialect::Dialect;
use crate::http1::BodyLength;
use crate::plan::{CurrentPlan, Workload};
use crate::problem::Problem;
use crate::problem_answer::{Reply, answer};
use stagegate_rollout::{Fallback, FixedResponse, Outcome};
use std::rc::Rc;
use std::time::Duration;

impl Client {
    /// The kill switch's fixed answer.
    pub(super) async fn respond(&mut self, call: &mut Call, decision: &Decision) -> After {
        match &decision.workload().split.spec().fallback {
            Fallback::Respond(fixed) => self.respond_fixed(call, decision, fixed).await,
            Fallback::Queue(fixed) => self.keep_for_later(call, decision, fixed).await,
            _ => self.fail(call, decision, Problem::StableDown).await,
        }
    }

    /// A fixed answer.
    pub(super) async fn respond_fixed(
        &mut self,
        call: &mut Call,
        decision: &Decision,
        fixed: &FixedResponse,
    ) -> After {
        let worker = Rc::clone(&self.worker);
        let dialect = self.dialect(Some(decision.workload()));
        let close = !self.discard_body();
        let answer = match self.killed(fixed, call, dialect, close) {
            Some(answer) => answer,
            None => self.as_configured(fixed, call, close),
        };
        call.status = fixed.status;
        call.first_byte_us = call.elapsed_us().max(1);
        call.finish(&worker, decision, Outcome::Ok);
        self.finish_with(&answer, close).await
    }

    /// The answer of the kill switch, where the configuration gives none of its own: a problem, in the
    /// form that the client's protocol reads.
    fn killed(
        &self,
        fixed: &FixedResponse,
        call: &Call,
        dialect: Dialect,
        close: bool,
    ) -> Option<Vec<u8>> {
        if !fixed.body.is_empty() || fixed.status < 400 {
            return None;
        }
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let (status, retry_after) = (fixed.status, fixed.retry_after.map(seconds));
        let with_body = !self.head.is_head;
        let reply = Reply { request_id: &call.id, dialect, close, with_body };
        Some(answer(Problem::Killed { status, retry_after }, reply))
    }

    /// The answer of the kill switch with the body that is configured.
    fn as_configured(&self, fixed: &FixedResponse, call: &Call, close: bool) -> Vec<u8> {
        let retry_after =
            fixed.retry_after.map(|time| format!("Retry-After: {}\r\n", time.as_secs()));
        let answer = format!(
            "HTTP/1.1 {} \r\nContent-Type: {}\r\nContent-Length: {}\r\nstagegate-reason: kill_switch\r\nx-request-id: {}\r\n{}{}\r\n{}",
            fixed.status,
            fixed.content_type,
            fixed.body.len(),
            call.id,
            retry_after.unwrap_or_default(),
            if close { "Connection: close\r\n" } else { "" },
            if self.head.is_head { "" } else { &fixed.body },
        );
        answer.into_bytes()
    }

    /// Answers a request that was decided but cannot be served.
    pub(super) async fn fail(
        &mut self,
        call: &mut Call,
        decision: &Decision,
        problem: Problem,
    ) -> After {
        call.status = problem.status();
        call.trace_problem(problem);
        call.failed(&self.worker, decision, problem);
        self.answer(call, Some(decision.workload()), problem).await
    }

    /// Answers a request before anything was decided for it.
    pub(super) async fn refuse(
        &mut self,
        call: &Call,
        plan: &CurrentPlan,
        workload: Option<&Workload>,
        problem: Problem,
    ) -> After {
        call.refused(&self.worker, plan, workload, problem);
        self.answer(call, workload, problem).await
    }

    /// Answers with a problem of our own.
    async fn answer(
        &mut self,
        call: &Call,
        workload: Option<&Workload>,
        problem: Problem,
    ) -> After {
        let name = workload.map(|workload| &workload.prepared.name);
        self.worker.stats.borrow_mut().refuse(name, problem.reason());
        let dialect = self.dialect(workload);
        let close = problem.closes() || !self.discard_body();
        let with_body = !self.head.is_head;
        let reply = Reply { request_id: &call.id, dialect, close, with_body };
        let mut bytes = answer(problem, reply);
        if self.context.forwarding.resent && is_not_sent(problem) {
            let end = bytes.windows(2).position(|it| it == b"\r\n").map_or(0, |at| at + 2);
            bytes.splice(end..end, *b"stagegate-queue: not-sent\r\n");
        }
        self.finish_with(&bytes, close).await
    }

    /// The form of errors that the client reads. Asked before the request is taken off the input.
    fn dialect(&self, workload: Option<&Workload>) -> Dialect {
        let protocol = workload.map(|workload| workload.prepared.signals.protocol);
        Dialect::of(protocol.unwrap_or_default(), self.head.target(&self.input))
    }

    pub(super) async fn finish_with(&mut self, answer: &[u8], close: bool) -> After {
        if !self.write(answer).await {
            return After::Abort;
        }
        if close { After::Close } else { After::KeepAlive }
    }

    /// Takes the unforwarded request off the input; false when its end has not come yet, so that
    /// the connection cannot be used again.
    pub(super) fn discard_body(&mut self) -> bool {
        let end = match self.head.body {
            Some(BodyLength::None) => Some(self.head.len),
            Some(BodyLength::Bytes(bytes)) => {
                usize::try_from(bytes).ok().and_then(|bytes| self.head.len.checked_add(bytes))
            }
            _ => None,
        };
        let complete = end.filter(|&end| {
            end <= self.input.len() && self.head.keep_alive && !self.worker.draining.get()
        });
        if let Some(end) = complete {
            self.input.drain(..end);
        }
        complete.is_some()
    }

    /// Makes the close that follows look like the failure it is, also to a client that takes a
    /// clean close for the end of the body.
    pub(super) fn break_off(&self) {
        if !self.head.http_11 {
            self.stream.reset_on_close();
        }
    }
}
