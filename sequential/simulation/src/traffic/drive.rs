//! One run: a rollout under the built-in policy, judged every few seconds.

use super::generate::{Request, Traffic};
use super::shape::Shape;
use crate::rng::Rng;
use anyhow::{Context, Result};
use stagegate_rollout::{
    Arm, Command, Evidence, Grounds, Input, OfflineEval, Order, Outcome, Parts, Policy, Preflight,
    Readiness, Seen, Series, SpendBook, Surroundings, Tick, UnitClass, UnitTable, Verdict,
    WorkloadSpec, WorkloadState, Zone, step,
};
use std::collections::HashSet;
use std::sync::Arc;

/// Length of a tick in milliseconds.
const TICK_MS: u64 = 5000;
const BEGIN_MS: u64 = 1_800_000_000_000;
/// A watch has a step before it, with whose figures it compares.
const BEFORE_MS: u64 = 20 * 60_000;

/// The end of one run.
#[derive(Clone, Debug, Default)]
pub struct Fate {
    /// Minutes from the change (of a good candidate: from the start) until the rollback.
    pub rolled_back: Option<f64>,
    /// The gate or cause that rolled back.
    pub by: String,
    /// The candidate's requests from the change until then.
    pub requests: u64,
    /// Conversations of the candidate that were hurt from the change until then, or in all.
    pub hurt: u64,
    /// Minutes until the verdict was `pass` for the first time.
    pub passed: Option<f64>,
    /// The verdict at the end.
    pub last: Option<Verdict>,
}

/// Runs a rollout.
///
/// # Errors
/// When the built-in policy with the shape's gates makes no sense.
pub fn drive(shape: &Shape, rng: Rng) -> Result<Fate> {
    let spec = spec()?;
    let mut state = begin(&spec, shape)?;
    let weight = state.weight.ratio();
    let mut traffic = Traffic::new(shape, weight, rng);
    let mut evidence: Option<Evidence> = None;
    let (mut book, utc) = (SpendBook::default(), Zone::utc());
    let mut fate = Fate::default();
    let mut hurt: HashSet<u64> = HashSet::new();
    let changes_ms = if shape.is_good { 0 } else { (shape.differs.0 * 60_000.0) as u64 };
    let mut requests = Vec::new();
    let mut counter = Counter::new(&state)?;
    for number in 1..=shape.minutes * 60_000 / TICK_MS {
        let since_ms = number * TICK_MS;
        let at_ms = BEGIN_MS + since_ms;
        if is_watch(shape) && since_ms == BEFORE_MS {
            state = forced(&spec, &state, at_ms)?;
            traffic.set_weight(state.weight.ratio());
            counter = Counter::new(&state)?;
        }
        requests.clear();
        traffic.until(since_ms, &mut requests);
        if since_ms > changes_ms {
            let candidate = requests.iter().filter(|it| it.arm == Arm::Candidate);
            for request in candidate {
                fate.requests += 1;
                if request.hurt {
                    hurt.insert(request.key);
                }
            }
        }
        let tick = counter.tick(&requests, &state, at_ms);
        book.add(at_ms, tick.stable.cost_nanos.sum() + tick.candidate.cost_nanos.sum());
        let Some(rollout) = state.judged() else { break };
        let mut judged = Evidence::resume(evidence.take(), rollout);
        let surroundings = Surroundings { spending: &book, daily_budget: None, zone: &utc };
        let analysis = judged.observe(rollout, &tick, &surroundings);
        evidence = Some(judged);
        let minutes = |ms: u64| ms as f64 / 60_000.0;
        if analysis.verdict == Verdict::Pass && fate.passed.is_none() {
            fate.passed = Some(minutes(since_ms));
        }
        fate.last = Some(analysis.verdict);
        if let Some(trigger) = &analysis.trigger {
            fate.rolled_back = Some(minutes(since_ms) - minutes(changes_ms));
            fate.by = trigger.gate().map_or_else(|| trigger.to_string(), ToString::to_string);
        }
        let input = Input::Analysis(&analysis);
        state = step(&spec, &state, input, at_ms).context("an analysis")?.state;
        traffic.set_weight(state.weight.ratio());
        if fate.rolled_back.is_some() {
            break;
        }
    }
    fate.hurt = hurt.len() as u64;
    Ok(fate)
}

fn spec() -> Result<WorkloadSpec> {
    let mut spec = WorkloadSpec::new("agent".parse()?, "v1".parse()?);
    spec.releases.insert("v2".parse()?);
    spec.check().map_err(|error| anyhow::anyhow!("{error:?}"))
}

fn is_watch(shape: &Shape) -> bool {
    shape.step + 1 == Policy::builtin().steps.len()
}

/// The next step, whatever the verdict is.
fn forced(spec: &WorkloadSpec, state: &WorkloadState, at_ms: u64) -> Result<WorkloadState> {
    let command = &Command::Promote { expect: None, force: true };
    let grounds = Grounds { analysis: None, preflight: None, overriding: true, ticket: None };
    let order = Order { command, by: "simulation", reason: "to simulate", grounds };
    let done = step(spec, state, Input::Command(order), at_ms);
    done.map(|done| done.state).map_err(|refusal| anyhow::anyhow!("{refusal}"))
}

fn begin(spec: &WorkloadSpec, shape: &Shape) -> Result<WorkloadState> {
    let mut policy = Policy::builtin();
    policy.gates.extend(shape.gates.iter().cloned());
    let preflight = Preflight {
        candidate: Readiness::Ready,
        target: Readiness::Ready,
        drilled_ms: Some(BEGIN_MS),
        unmeasurable: Vec::new(),
        offline: OfflineEval::Held,
        has_scorers: true,
        checklist: None,
    };
    let mut state = WorkloadState::initial(spec);
    let give = |state: &WorkloadState, command: &Command| {
        let grounds =
            Grounds { analysis: None, preflight: Some(&preflight), overriding: true, ticket: None };
        let order = Order { command, by: "simulation", reason: "to simulate", grounds };
        let done = step(spec, state, Input::Command(order), BEGIN_MS);
        done.map(|done| done.state).map_err(|refusal| anyhow::anyhow!("{refusal}"))
    };
    state = give(&state, &Command::Start { to: "v2".parse()?, policy: Box::new(policy) })?;
    for _ in 0..shape.step - usize::from(is_watch(shape)) {
        state = forced(spec, &state, BEGIN_MS)?;
    }
    Ok(state)
}

/// Counts requests in the way of the workers and of the steering loop.
struct Counter {
    units: UnitTable,
    /// Names of tenants, by number.
    tenants: Vec<Arc<str>>,
}

impl Counter {
    fn new(state: &WorkloadState) -> Result<Self> {
        let rollout = state.judged().context("a rollout under way")?;
        let step = rollout.current().context("a step")?;
        let classes = UnitClass::of_policy(&rollout.policy);
        let units = UnitTable::new(classes, step.hold_ms.max(step.watch_ms));
        Ok(Self { units, tenants: Vec::new() })
    }

    fn tenant(&mut self, number: u32) -> Option<Arc<str>> {
        while self.tenants.len() < number as usize {
            self.tenants.push(format!("t-{}", self.tenants.len() + 1).into());
        }
        self.tenants.get((number as usize).checked_sub(1)?).map(Arc::clone)
    }

    fn tick(&mut self, requests: &[Request], state: &WorkloadState, at_ms: u64) -> Tick {
        let mut tick =
            Tick { at_ms, observed_ms: TICK_MS, weight: state.weight, ..Tick::default() };
        for request in requests {
            if !request.eligible {
                tick.apart[request.arm.index()] += 1;
                continue;
            }
            let series = match request.arm {
                Arm::Stable => &mut tick.stable,
                Arm::Candidate => &mut tick.candidate,
            };
            count(series, request);
            let tenant = self.tenant(request.tenant);
            self.units.add(&seen(request, tenant, at_ms));
        }
        [tick.stable.units, tick.candidate.units] = self.units.take(at_ms);
        tick
    }
}

fn seen(request: &Request, tenant: Option<Arc<str>>, at_ms: u64) -> Seen {
    let answered = request.outcome != Outcome::ClientGone;
    Seen {
        unit: request.key,
        tenant,
        parts: Parts::default(),
        failure: None,
        arm: request.arm,
        at_ms,
        body: request.body,
        outcome: request.outcome,
        rejected: request.rejected,
        duration_us: request.duration_us,
        first_byte_us: if answered { request.duration_us / 2 } else { 0 },
        abandoned: !answered,
        nanos: (request.nanos > 0).then_some(request.nanos),
        input: (1000, (1000.0 * request.cached) as u64),
    }
}

fn count(series: &mut Series, request: &Request) {
    series.outcomes[request.outcome.index()] += 1;
    if request.outcome != Outcome::ClientGone {
        series.first_byte_us.record(request.duration_us / 2);
    }
    series.rejected += u64::from(request.rejected);
    if request.outcome == Outcome::ClientGone {
        series.abandoned_us.record(request.duration_us);
        series.unanswered_us.record(request.duration_us);
        series.unanswered += 1;
    } else {
        series.duration_us.record(request.duration_us);
    }
    if request.nanos > 0 {
        series.cost_nanos.record(request.nanos);
    }
    match request.passed {
        Some(true) => series.scores.passed += 1,
        Some(false) => series.scores.failed += 1,
        None => {}
    }
}
