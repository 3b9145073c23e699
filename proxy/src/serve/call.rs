//! One request from its head to its record.

use super::observe::Observed;
use crate::http1::{Known, RequestHead};
use crate::identity::Found;
use crate::ids;
use crate::pins::Pins;
use crate::plan::{CurrentPlan, Release, Role, SignalSettings, Workload};
use crate::problem::Problem;
use crate::stats::{Finished, Told, tenant_label};
use crate::tap::{self, Tap, TapReason};
use crate::trace::Trace;
use crate::worker::Worker;
use stagegate_rollout::{Arm, Choice, KeyKind, Outcome, Reason, Record, Spent, Unpriced, Who};
use stagegate_signals::{Cost, End, Failure, Passed, Rules, Signals, Usage};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A request under way.
pub(super) struct Call {
    pub(super) id: String,
    pub(super) found: Found,
    pub(super) retries: u8,
    /// Set at the response head.
    pub(super) first_byte_us: u64,
    pub(super) status: u16,
    pub(super) bytes_out: u64,
    /// Usage, cost and failure as the backend's answer states them.
    pub(super) observed: Observed,
    /// The copy of this exchange, if it was picked for scoring.
    pub(super) tap: Option<Box<Tap>>,
    /// Its place in a trace, where requests are traced.
    pub(super) trace: Option<Trace>,
    /// A copy of the request was handed on to be sent to another release.
    pub(super) shadowed: bool,
    /// The client left before the end of the response.
    pub(super) abandoned: bool,
    started: Instant,
    at_ms: u64,
}

/// The decision for a request, and the plan it was made under.
pub(super) struct Decision {
    pub(super) plan: CurrentPlan,
    pub(super) workload: usize,
    pub(super) arm: Arm,
    pub(super) reason: Reason,
    detail: Option<String>,
    key: KeyKind,
    bucket: Option<u32>,
    /// Which of the workload's releases serves; none when the proxy answers itself.
    pub(super) role: Option<Role>,
}

impl Decision {
    pub(super) fn new(plan: &CurrentPlan, workload: usize, choice: &Choice<'_>) -> Self {
        Self {
            plan: plan.clone(),
            workload,
            arm: choice.arm(),
            reason: choice.reason,
            detail: choice.detail.map(str::to_owned),
            key: choice.key,
            bucket: choice.bucket.map(stagegate_rollout::Bucket::number),
            role: None,
        }
    }

    pub(super) fn workload(&self) -> &Workload {
        &self.plan.workloads[self.workload]
    }

    /// The release that serves.
    pub(super) fn release(&self) -> Option<&Release> {
        self.workload().role(self.role?)
    }

    /// Pins a conversation to the release that serves. Done before the client can know the id, so
    /// that not even its next request finds another release.
    pub(super) fn pin(&self, pins: &Pins, conversation: &str, now_s: u64) {
        let workload = self.workload();
        if let Some(release) = self.release() {
            let (name, generation) = (&workload.prepared.name, workload.split.state().generation);
            pins.put(name, conversation, self.arm, release.number, generation, now_s);
        }
    }
}

impl Call {
    /// Begins with the client's request id, or one of our own.
    pub(super) fn begin(worker: &Worker, head: &[u8], request: &RequestHead) -> Self {
        let at_ms = unix_ms();
        let mut id = String::with_capacity(36);
        match request.known(head, Known::RequestId).next().filter(|id| ids::is_well_formed(id)) {
            Some(given) => id.extend(given.iter().map(|&b| char::from(b))),
            None => worker.ids.borrow_mut().write(at_ms, &mut id),
        }
        Self {
            id,
            found: Found::default(),
            retries: 0,
            first_byte_us: 0,
            status: 0,
            bytes_out: 0,
            observed: Observed::default(),
            tap: None,
            trace: None,
            shadowed: false,
            abandoned: false,
            started: Instant::now(),
            at_ms,
        }
    }

    /// When it came, in Unix milliseconds.
    pub(super) fn at_ms(&self) -> u64 {
        self.at_ms
    }

    pub(super) fn now_s(&self) -> u64 {
        self.at_ms / 1000
    }

    pub(super) fn who(&self) -> Who<'_> {
        Who {
            request: &self.id,
            tenant: self.found.tenant.as_deref(),
            user: self.found.user.as_deref(),
            conversation: self.found.conversation.as_deref(),
        }
    }

    /// How long the client waited for the head of the response, or waits for it.
    pub(super) fn waited_us(&self) -> u64 {
        if self.first_byte_us > 0 { self.first_byte_us } else { self.elapsed_us() }
    }

    pub(super) fn elapsed_us(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    /// Counts a request that the proxy answered itself, or tunnelled, and keeps its record.
    pub(super) fn finish(&self, worker: &Worker, decision: &Decision, outcome: Outcome) {
        self.count(worker, decision, outcome, &Told::default());
    }

    /// Counts a tunnel that is over, and keeps its record.
    pub(super) fn tunnelled(
        &self,
        worker: &Worker,
        decision: &Decision,
        outcome: Outcome,
        told: &Told<'_>,
    ) {
        self.count(worker, decision, outcome, told);
    }

    /// Counts a request that a backend answered, to its end or not, and keeps its record.
    /// Gives its class.
    pub(super) fn answered(&mut self, worker: &Worker, decision: &Decision, end: End) -> Outcome {
        let settings = &decision.workload().prepared.signals;
        let signals = self.observed.end(end);
        let failure = self.observed.failure(signals.as_ref());
        let outcome = outcome(&settings.rules, self.status, failure.as_ref(), end);
        let (status, bytes) = (self.status, self.bytes_out);
        let observed = &self.observed;
        let cost = cost(worker, settings, signals.as_ref(), observed, status, bytes, self.now_s());
        if let Some(stage) = self.observed.is_stage.take() {
            let micros = self.elapsed_us();
            self.observed.stages.push((stage, micros));
        }
        let told = Told {
            usage: signals.as_ref().and_then(|signals| signals.usage),
            cost,
            stages: &self.observed.stages,
            unpriced: unpriced(cost, signals.as_ref()),
            rejected: Rules::is_rejection(self.status, failure.as_ref(), outcome),
            unreadable: self.observed.unreadable,
            tenant: tenant_label(&settings.tenants, self.found.tenant.as_deref(), &worker.other),
        };
        if let Some(trace) = &mut self.trace {
            trace.answered(signals.as_ref());
        }
        self.count(worker, decision, outcome, &told);
        if let Some(tap) = self.tap.take() {
            let (usage, cost) = (told.usage, told.cost);
            self.hand_over(*tap, decision, end, usage, cost);
        }
        outcome
    }

    /// Hands the copy of an exchange over, if it is worth scoring.
    fn hand_over(
        &mut self,
        mut tap: Tap,
        decision: &Decision,
        end: End,
        usage: Option<Usage>,
        cost: Option<Cost>,
    ) {
        if !tap::is_worth_scoring(end, self.status) {
            return;
        }
        let Some(release) = decision.release() else { return };
        if !self.shadowed {
            if tap.reason == TapReason::Pair {
                return;
            }
            tap.pair = None;
        }
        tap.finish(tap::Exchange {
            id: self.id.clone(),
            at_ms: self.at_ms,
            workload: Arc::clone(&decision.workload().prepared.name),
            release: Arc::clone(&release.name),
            arm: decision.arm,
            conversation: self.found.conversation.clone(),
            tenant: self.found.tenant.clone(),
            status: self.status,
            duration_us: self.elapsed_us(),
            first_byte_us: self.first_byte_us,
            tokens: usage.map(|usage| (usage.total_input(), usage.output)),
            cost_nanos: cost.and_then(|cost| cost.nanos),
        });
    }

    /// A read brought bytes of the body: counts the pause before it, if it is a stream's.
    pub(super) fn chunk_came(&mut self, worker: &Worker, decision: &Decision) {
        if !self.observed.is_stream() {
            return;
        }
        let pause = self.observed.chunk(Instant::now());
        if let Some(micros) = pause.filter(|_| decision.reason != Reason::Forced) {
            let name = &decision.workload().prepared.name;
            let mut stats = worker.stats.borrow_mut();
            stats.between_chunks(name, decision.release(), decision.arm, micros);
        }
    }

    fn count(&self, worker: &Worker, decision: &Decision, outcome: Outcome, told: &Told<'_>) {
        let (workload, release) = (decision.workload(), decision.release());
        let record = Record {
            workload: &workload.prepared.name,
            release: release.map_or("", |release| &release.name),
            arm: decision.arm,
            reason: decision.reason,
            detail: decision.detail.as_deref().unwrap_or(""),
            key: decision.key,
            bucket: decision.bucket,
            weight: workload.split.weight().parts(),
            outcome,
            spent: told.cost.map(|cost| spent(cost, told.usage)),
            ..self.record(&decision.plan)
        };
        let finished = Finished {
            outcome,
            reason: decision.reason,
            duration_us: record.duration_us,
            first_byte_us: self.first_byte_us,
            bytes_out: self.bytes_out,
            bytes_in: self.observed.request_bytes,
            retries: self.retries,
            abandoned: self.abandoned && outcome == Outcome::ClientGone,
        };
        let name = &workload.prepared.name;
        let mut stats = worker.stats.borrow_mut();
        stats.finish(name, release, decision.arm, finished, told, &record);
        drop(stats);
        worker.report_if_full();
        self.end_trace(worker, decision, outcome, told);
    }

    /// Keeps the record of a request that was refused before anything was decided.
    pub(super) fn refused(
        &self,
        worker: &Worker,
        plan: &CurrentPlan,
        workload: Option<&Workload>,
        problem: Problem,
    ) {
        let record = Record {
            workload: workload.map_or("", |workload| &workload.prepared.name),
            weight: workload.map_or(0, |workload| workload.split.weight().parts()),
            detail: problem.reason(),
            status: problem.status(),
            outcome: outcome_of(problem),
            ..self.record(plan)
        };
        worker.stats.borrow_mut().note(&record);
        worker.report_if_full();
        self.end_refused_trace(worker, plan, workload, problem);
    }

    /// The record of a request without its decision.
    fn record(&self, plan: &CurrentPlan) -> Record<'_> {
        fn text(id: &Option<String>) -> &str {
            id.as_deref().unwrap_or("")
        }
        Record {
            request_id: &self.id,
            at_ms: self.at_ms,
            workload: "",
            release: "",
            arm: Arm::Stable,
            reason: Reason::Refused,
            detail: "",
            epoch: plan.epoch,
            key: KeyKind::Request,
            bucket: None,
            weight: 0,
            tenant: text(&self.found.tenant),
            user: text(&self.found.user),
            conversation: text(&self.found.conversation),
            status: self.status,
            outcome: Outcome::ClientGone,
            duration_us: self.elapsed_us(),
            first_byte_us: self.first_byte_us,
            retries: self.retries,
            shadowed: self.shadowed,
            spent: None,
        }
    }
}

/// Now, in Unix milliseconds.
pub(super) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_millis() as u64)
}

/// How a backend's answer ended. A failure it names goes before a client that leaves because of
/// it, and before the way it broke off.
pub(super) fn outcome(rules: &Rules, status: u16, failure: Option<&Failure>, end: End) -> Outcome {
    let said = rules.outcome(status, failure);
    match end {
        End::Complete => said,
        _ if failure.is_some() && said != Outcome::Ok => said,
        // A client that leaves does not blame the release.
        End::ClientGone => Outcome::ClientGone,
        End::Truncated => Outcome::Permanent,
    }
}

/// The cost of an answer with a body of `bytes` bytes; none where no cost is expected.
pub(super) fn cost(
    worker: &Worker,
    settings: &SignalSettings,
    signals: Option<&Signals>,
    observed: &Observed,
    status: u16,
    bytes: u64,
    now_s: u64,
) -> Option<Cost> {
    let passed = Passed { request: observed.request_bytes, response: bytes };
    Cost::of(signals, observed.stated, status, passed, |wanted| {
        worker.with_tariff(&settings.prices, |tariff| tariff.rates(wanted, now_s))
    })
}

/// Why a cost is not known, and of which model.
fn unpriced(cost: Option<Cost>, signals: Option<&Signals>) -> Option<(Unpriced, &str)> {
    let why = cost?.unpriced?;
    Some((why, signals.and_then(Signals::model).unwrap_or("")))
}

fn spent(cost: Cost, usage: Option<Usage>) -> Spent {
    let usage = usage.unwrap_or_default();
    Spent {
        truth: cost.truth,
        nanos: cost.nanos.unwrap_or(0),
        input: usage.total_input(),
        output: usage.output,
    }
}

/// The class a proxy-made answer counts under: what the release is to blame for, and how.
pub(super) const fn outcome_of(problem: Problem) -> Outcome {
    match problem {
        Problem::StableDown
        | Problem::EndpointBusy
        | Problem::UpstreamConnect
        | Problem::ConnectTimeout
        | Problem::UpstreamReset
        | Problem::FirstByteTimeout
        | Problem::TotalTimeout => Outcome::Transient,
        Problem::UpstreamMalformed(_) | Problem::NoWebSockets => Outcome::Permanent,
        _ => Outcome::ClientGone,
    }
}
