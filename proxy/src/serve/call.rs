//! One request from its head to its record.

use super::decision::Decision;
use super::inspect::{Held, LateScan};
use super::observe::Observed;
use super::outcome::{cost, failure_class, outcome, outcome_of, spent, unpriced};
use crate::http1::{Forwarding, Known, RequestHead};
use crate::identity::{Claims, Found, Uses};
use crate::ids;
use crate::pins::Pins;
use crate::plan::{CurrentPlan, Workload};
use crate::problem::Problem;
use crate::stats::{Facts, Finished, Told, tenant_label};
use crate::tap::{self, Tap, TapReason};
use crate::trace::Trace;
use crate::worker::Worker;
use stagegate_rollout::{Arm, CohortName, KeyKind, Outcome, Reason, Record, Seen, Who};
use stagegate_signals::{Cost, End, Failure, Rules, Signals, Usage};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A request in progress.
pub(super) struct Call {
    pub(super) id: String,
    /// An id of our own where the request's is the client's: what decides is nobody's choice.
    own: String,
    /// The client's id, where it is not the request's.
    pub(super) client_id: Option<String>,
    pub(super) found: Found,
    /// Ids of backends that the request refers to.
    pub(super) uses: Uses,
    /// The identities a client gave that is not believed.
    pub(super) claims: Option<Box<Claims>>,
    /// Bytes of its body that are held back.
    pub(super) held: Held,
    /// A scan of the body that goes on after the decision.
    pub(super) late: Option<Box<LateScan>>,
    /// An identity came too late to decide, or may have.
    pub(super) identity_late: bool,
    pub(super) retries: u8,
    /// Bytes of a tunnel that came right behind the head that switched to it, and went on with it.
    pub(super) early: Vec<u8>,
    /// Turns that it ended because its share of work was done.
    pub(super) gave_way: u32,
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

impl Call {
    /// Begins with an id of our own, or with the client's if its word counts.
    pub(super) fn begin(
        worker: &Worker,
        from: &Forwarding,
        head: &[u8],
        request: &RequestHead,
    ) -> Self {
        let at_ms = unix_ms();
        let mut own = String::with_capacity(36);
        worker.ids.borrow_mut().write(at_ms, &mut own);
        let given = request.known(head, Known::RequestId).next();
        let given = given.filter(|id| ids::is_well_formed(id));
        let given = given.map(|id| id.iter().map(|&b| char::from(b)).collect::<String>());
        // An id that looks like one of ours may be one: only a trusted proxy may repeat it.
        let believed =
            |id: &String| from.trusted || from.resent || !(from.has_trusted || ids::is_ours(id));
        let (id, own, client_id) = match given {
            Some(id) if believed(&id) => (id, own, None),
            given => (own, String::new(), given),
        };
        Self {
            id,
            own,
            client_id,
            found: Found::default(),
            uses: Uses::default(),
            claims: None,
            held: Held::default(),
            late: None,
            identity_late: false,
            retries: 0,
            early: Vec::new(),
            gave_way: 0,
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

    /// Returns the arrival time, in Unix milliseconds.
    pub(super) fn at_ms(&self) -> u64 {
        self.at_ms
    }

    pub(super) fn now_s(&self) -> u64 {
        self.at_ms / 1000
    }

    /// When it came, by the clock of pins.
    pub(super) fn steady_s(&self, pins: &Pins) -> u64 {
        pins.steady_s(self.started)
    }

    /// The request's id for decisions: never of the client's choice.
    pub(super) fn own_id(&self) -> &str {
        if self.own.is_empty() { &self.id } else { &self.own }
    }

    pub(super) fn who(&self) -> Who<'_> {
        Who {
            request: self.own_id(),
            unreadable: self.found.unreadable,
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

    /// Counts a request that the proxy answered because of a problem, and keeps its record.
    pub(super) fn failed(&self, worker: &Worker, decision: &Decision, problem: Problem) {
        let outcome = outcome_of(problem);
        let blames = !matches!(outcome, Outcome::Ok | Outcome::ClientGone);
        let class = format!("{} {} {}", outcome.label(), problem.status(), problem.reason());
        let failure = blames.then_some(class.as_str());
        self.count(worker, decision, outcome, &Told { failure, ..Told::default() });
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
        let class = failure_class(outcome, self.status, failure.as_ref());
        let told = Told {
            failure: class.as_deref(),
            usage: signals.as_ref().and_then(|signals| signals.usage),
            cost,
            stages: &self.observed.stages,
            unpriced: unpriced(cost, signals.as_ref()),
            rejected: Rules::is_rejection(self.status, failure.as_ref(), outcome),
            unreadable: self.observed.unreadable,
            facts: Facts {
                status: self.status,
                ..facts(decision, &self.found, &self.observed, (signals.as_ref(), failure.as_ref()))
            },
            asked: self.found.tenant.as_deref(),
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
            let (release, arm) = (decision.release(), decision.arm);
            stats.between_chunks(name, release, arm, decision.is_drawn, micros);
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
            flags: decision.flags.as_ref().map_or("", |flags| &flags.record),
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
            gave_way: self.gave_way,
            abandoned: self.abandoned && outcome == Outcome::ClientGone,
            identity_late: self.identity_late,
            is_drawn: decision.is_drawn,
            unit: self.unit(decision),
            at_ms: self.at_ms + record.duration_us / 1000,
        };
        let name = &workload.prepared.name;
        let mut stats = worker.stats.borrow_mut();
        stats.finish(name, release, decision.arm, finished, told, &record);
        drop(stats);
        worker.report_if_full();
        self.end_trace(worker, decision, outcome, told);
    }

    /// Names the key that the split drew, for the units of gates; none while nobody counts units, 0
    /// without a key.
    fn unit(&self, decision: &Decision) -> Option<u64> {
        if !decision.is_drawn || !decision.workload().watches_its_split() {
            return None;
        }
        let kind = match decision.reason {
            Reason::Pinned => KeyKind::Conversation,
            _ => decision.key,
        };
        let id = match kind {
            KeyKind::Conversation => self.found.conversation.as_deref(),
            KeyKind::User => self.found.user.as_deref(),
            KeyKind::Tenant => self.found.tenant.as_deref(),
            KeyKind::Request => None,
        };
        // An answer's id names a conversation that has no other name.
        let issued = u64::from(decision.unit.get());
        let unit = Seen::unit_of(kind, id);
        Some(if unit == 0 { issued } else { unit })
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
        fn text<'a>(id: &'a Option<String>, claimed: Option<&'a Option<String>>) -> &'a str {
            id.as_deref().or_else(|| claimed?.as_deref()).unwrap_or("")
        }
        // What a client claimed that is not believed: for people, and for nothing else.
        let claims = self.claims.as_deref();
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
            tenant: text(&self.found.tenant, claims.map(|it| &it.tenant)),
            user: text(&self.found.user, claims.map(|it| &it.user)),
            conversation: text(&self.found.conversation, claims.map(|it| &it.conversation)),
            status: self.status,
            outcome: Outcome::ClientGone,
            duration_us: self.elapsed_us(),
            first_byte_us: self.first_byte_us,
            retries: self.retries,
            shadowed: self.shadowed,
            spent: None,
            flags: "",
        }
    }
}

/// Now, in Unix milliseconds.
pub(super) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_millis() as u64)
}

/// What tells the parts of the traffic that a request belongs to; nothing while nobody counts units.
fn facts<'a>(
    decision: &'a Decision,
    found: &Found,
    observed: &'a Observed,
    (signals, failure): (Option<&'a Signals>, Option<&'a Failure>),
) -> Facts<'a> {
    let workload = decision.workload();
    if !decision.is_drawn || !workload.watches_its_split() {
        return Facts::default();
    }
    let membership = &workload.split.spec().membership;
    let cohort = found.tenant.as_ref().and_then(|tenant| membership.cohort(tenant));
    Facts {
        cohort: cohort.map(CohortName::as_str),
        model: signals.and_then(Signals::model),
        language: observed.language.as_deref(),
        streams: Some(observed.is_stream()),
        status: 0,
        failure,
    }
}
