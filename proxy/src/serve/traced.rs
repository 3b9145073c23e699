//! The trace record of a sampled request. Where requests are not traced, each of these functions
//! checks one option and returns.

use super::call::Call;
use super::decision::Decision;
use super::exchange::End;
use crate::http1::{Forwarding, RequestHead};
use crate::plan::{CurrentPlan, Release, Workload};
use crate::problem::Problem;
use crate::stats::Told;
use crate::trace::{Joinable, Trace, Traced};
use crate::worker::Worker;
use stagegate_rollout::{Arm, Outcome, Reason};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the result of an attempt: the status of its response, or the reason why it has none.
const fn result(end: &End, status: u16) -> (u16, Option<&'static str>) {
    match end {
        End::Done { .. } | End::Upgraded => (status, None),
        End::Again(_) => (503, None),
        End::Stale => (0, Some("stale_connection")),
        End::Refused(problem) => (0, Some(problem.reason())),
        End::ClientGone => (status, Some("client_gone")),
        End::Broken => (status, Some("broken_off")),
        End::Cut => (status, Some("cut")),
        End::Outdated => (0, Some("outdated")),
    }
}

impl Call {
    /// Continues the request's trace or begins one, after its workload is known.
    pub(super) fn begin_trace(
        &mut self,
        worker: &Worker,
        workload: &Workload,
        from: &Forwarding,
        bytes: &[u8],
        head: &RequestHead,
    ) {
        if let Some(settings) = workload.prepared.trace {
            let mut ids = worker.ids.borrow_mut();
            self.trace = Some(Trace::begin(settings, from, &mut ids, bytes, head));
        }
    }

    /// The request is about to be sent to an endpoint.
    pub(super) fn attempt_begins(&mut self, worker: &Worker) {
        if self.is_sampled() {
            let at_us = self.elapsed_us();
            if let Some(trace) = &mut self.trace {
                trace.attempt_begins(&mut worker.ids.borrow_mut(), at_us);
            }
        }
    }

    fn is_sampled(&mut self) -> bool {
        self.trace.as_mut().is_some_and(|trace| trace.kept().is_some())
    }

    /// The endpoint took no connection.
    pub(super) fn attempt_failed(&mut self, decision: &Decision, endpoint: usize, why: Problem) {
        self.attempt_is_over(decision, endpoint, 0, Some(why.reason()));
    }

    /// The exchange with the endpoint ended.
    pub(super) fn attempt_ends(&mut self, decision: &Decision, endpoint: usize, end: &End) {
        // Nothing was sent.
        if *end != End::Outdated {
            let (status, failure) = result(end, self.status);
            self.attempt_is_over(decision, endpoint, status, failure);
        }
    }

    fn attempt_is_over(
        &mut self,
        decision: &Decision,
        endpoint: usize,
        status: u16,
        failure: Option<&'static str>,
    ) {
        if !self.is_sampled() {
            return;
        }
        let at_us = self.elapsed_us();
        if let (Some(trace), Some(release)) = (&mut self.trace, decision.release()) {
            let name = &release.endpoints.all()[endpoint].address.name;
            trace.attempt_ends(name, at_us, status, failure);
        }
    }

    /// The proxy answers itself, and why.
    pub(super) fn trace_problem(&mut self, problem: Problem) {
        if let Some(kept) = self.trace.as_mut().and_then(Trace::kept) {
            kept.problem = Some(problem.reason());
        }
    }

    /// Ends the trace after the request was counted, and reports a sampled one.
    pub(super) fn end_trace(
        &self,
        worker: &Worker,
        decision: &Decision,
        outcome: Outcome,
        told: &Told<'_>,
    ) {
        let by = By {
            workload: &decision.workload().prepared.name,
            release: decision.release(),
            arm: Some(decision.arm),
            reason: decision.reason,
            epoch: decision.plan.epoch,
            flags: decision.flags.as_ref().map_or("", |flags| &flags.record),
        };
        let joined = self.trace.as_ref().is_some_and(|trace| trace.joined);
        let traced = self.traced(&by, outcome, told, None);
        if joined
            && let Some(joinable) = self.joinable(&by, decision.is_drawn, traced.as_ref(), told)
        {
            worker.join(joinable);
        }
        if let Some(traced) = traced {
            worker.trace(traced);
        }
    }

    /// What joins the spans of agents to the request; none if no endpoint has taken it.
    fn joinable(
        &self,
        by: &By<'_>,
        is_drawn: bool,
        traced: Option<&Traced>,
        told: &Told<'_>,
    ) -> Option<Joinable> {
        let (trace, release, arm) = (self.trace.as_ref()?, by.release?, by.arm?);
        if self.first_byte_us == 0 && !self.abandoned {
            return None;
        }
        // Without a record of its own, every try is sent the request's own span.
        let own = std::iter::once(trace.context.span_id);
        let attempts = traced.into_iter().flat_map(|it| &it.attempts).map(|it| it.span_id);
        Some(Joinable {
            trace_id: trace.context.trace_id,
            spans: own.chain(attempts).collect(),
            parent: trace.parent,
            request_id: self.id.clone(),
            workload: Arc::clone(by.workload),
            release: Arc::clone(&release.name),
            arm,
            reason: by.reason,
            is_drawn,
            ended_ms: super::call::unix_ms(),
            stages: told.stages.to_vec(),
        })
    }

    /// The request was refused before anything was decided.
    pub(super) fn end_refused_trace(
        &self,
        worker: &Worker,
        plan: &CurrentPlan,
        workload: Option<&Workload>,
        problem: Problem,
    ) {
        let Some(workload) = workload.filter(|_| self.trace.is_some()) else { return };
        let by = By {
            workload: &workload.prepared.name,
            release: None,
            arm: None,
            reason: Reason::Refused,
            epoch: plan.epoch,
            flags: "",
        };
        let outcome = super::outcome::outcome_of(problem);
        if let Some(traced) = self.traced(&by, outcome, &Told::default(), Some(problem)) {
            worker.trace(traced);
        }
    }

    /// The targeting key of flags, unless it is a person's or a customer's.
    fn flag_context(&self) -> Option<&str> {
        match (&self.found.user, &self.found.conversation, &self.found.tenant) {
            (None, Some(conversation), _) => Some(conversation),
            (None, None, None) => Some(self.own_id()),
            _ => None,
        }
    }

    fn traced(
        &self,
        by: &By<'_>,
        outcome: Outcome,
        told: &Told<'_>,
        problem: Option<Problem>,
    ) -> Option<Traced> {
        let trace = self.trace.as_ref()?;
        let kept = *trace.end()?;
        let duration_us = self.elapsed_us();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_nanos() as u64);
        Some(Traced {
            context: trace.context,
            parent: trace.parent,
            began_ns: now.saturating_sub(duration_us.saturating_mul(1000)),
            duration_us,
            first_byte_us: self.first_byte_us,
            request_id: self.id.clone(),
            method: kept.method,
            path: kept.path,
            host: kept.host,
            scheme: kept.scheme,
            http_version: kept.http_version,
            workload: Arc::clone(by.workload),
            release: by.release.map(|release| Arc::clone(&release.name)),
            arm: by.arm,
            reason: by.reason,
            epoch: by.epoch,
            conversation: self.found.conversation.clone(),
            status: problem.map_or(self.status, Problem::status),
            outcome,
            problem: problem.map(Problem::reason).or(kept.problem),
            protocol: kept.protocol,
            model: kept.model,
            response_id: kept.response_id,
            usage: told.usage,
            cost: told.cost,
            stages: told.stages.to_vec(),
            flags: by.flags.to_owned(),
            flag_context: self.flag_context().filter(|_| !by.flags.is_empty()).map(str::to_owned),
            attempts: kept.attempts,
        })
    }
}

/// The release that served a request, and the decision that chose it.
struct By<'a> {
    workload: &'a Arc<str>,
    release: Option<&'a Release>,
    arm: Option<Arm>,
    reason: Reason,
    epoch: u64,
    /// Flags that were evaluated, as in the record.
    flags: &'a str,
}
