//! A workload, its rollout and its evidence on made-up time; the part a driver plays.

use crate::traffic::{Behaviour, Draw, series, turned_away};
use stagegate_rollout::{
    Amount, Analysis, Command, Doubt, Effect, ErrorClass, Evidence, ExternalReading, Gate, GateId,
    Grounds, Input, Limit, Measure, OfflineEval, Order, Policy, Preflight, Quantile, Readiness,
    Refusal, SpendBook, Step, Stepped, Surroundings, Tick, Timing, Weight, WorkloadSpec,
    WorkloadState, Zone, step,
};

use std::collections::BTreeMap;

pub(crate) const SECOND: u64 = 1000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// A policy of minutes, on all four axes.
pub(crate) fn quick() -> Policy {
    let step = |weight, hold, requests, watch, violated_for| Step {
        weight: Weight::percent(weight),
        hold_ms: hold * MINUTE,
        requests,
        scored: 0,
        watch_ms: watch * MINUTE,
        violated_for_ms: violated_for * MINUTE,
    };
    let errors = |class| Measure::ErrorRate { class };
    let p99 = Measure::Latency { of: Timing::Total, quantile: Quantile::P99 };
    let accuracy = Gate::new(Measure::Accuracy, Limit::Margin(Amount::thousandths(30)));
    let policy = Policy {
        name: "quick".into(),
        steps: vec![
            step(5, 5, 500, 0, 1),
            step(20, 5, 1000, 0, 1),
            step(50, 5, 1000, 0, 2),
            step(100, 0, 0, 15, 2),
        ],
        gates: vec![
            Gate { scored: 1000, ..accuracy }.owned_by("quality"),
            Gate::new(p99, Limit::Max(Amount::whole(8_000_000))).owned_by("oncall"),
            Gate::new(Measure::UsdPerRequest, Limit::Ratio(Amount::thousandths(1200)))
                .owned_by("finance"),
            Gate::new(errors(ErrorClass::Permanent), Limit::Margin(Amount::thousandths(10)))
                .owned_by("oncall"),
            Gate::new(errors(ErrorClass::Transient), Limit::Max(Amount::thousandths(50)))
                .owned_by("oncall"),
            Gate::new(errors(ErrorClass::External), Limit::Max(Amount::thousandths(100)))
                .alerting()
                .owned_by("oncall"),
        ],
        no_data_alert_ms: 5 * MINUTE,
        holdback: Weight::ZERO,
        ..Policy::builtin()
    };
    policy.check().expect("makes sense")
}

pub(crate) fn spec() -> WorkloadSpec {
    let mut spec = WorkloadSpec::new("agent".parse().expect("name"), "v1".parse().expect("name"));
    spec.releases.extend(["v2", "v3"].map(|name| name.parse().expect("name")));
    spec.exclusions.insert("regulated".parse().expect("name"), Vec::new());
    spec.check().expect("consistent")
}

/// Pre-flight checks that all passed.
pub(crate) fn ready(now_ms: u64) -> Preflight {
    Preflight {
        candidate: Readiness::Ready,
        target: Readiness::Ready,
        drilled_ms: Some(now_ms.saturating_sub(HOUR)),
        unmeasurable: Vec::new(),
        offline: OfflineEval::Held,
        has_scorers: true,
        checklist: None,
    }
}

pub(crate) struct World<D> {
    pub(crate) spec: WorkloadSpec,
    pub(crate) state: WorkloadState,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) book: SpendBook,
    pub(crate) now_ms: u64,
    pub(crate) newest: Option<Analysis>,
    pub(crate) preflight: Preflight,
    pub(crate) draws: [D; 2],
    keys: u64,
    /// Keys above the weight only: a split that does not do what it should.
    pub(crate) lost_keys: bool,
    /// The doubt about the judge.
    pub(crate) doubt: Option<Doubt>,
    /// The newest answers of external gates.
    pub(crate) external: BTreeMap<GateId, ExternalReading>,
}

impl<D: Draw> World<D> {
    pub(crate) fn new(draws: [D; 2]) -> Self {
        let spec = spec();
        let now_ms = 1_800_000_000_000;
        Self {
            state: WorkloadState::initial(&spec),
            spec,
            evidence: None,
            book: SpendBook::default(),
            now_ms,
            newest: None,
            preflight: ready(now_ms),
            draws,
            keys: 0,
            lost_keys: false,
            doubt: None,
            external: BTreeMap::new(),
        }
    }

    /// Gives a command with everything the driver knows.
    pub(crate) fn command(
        &mut self,
        command: &Command,
        reason: &str,
        overriding: bool,
    ) -> Result<Vec<Effect>, Refusal> {
        let grounds = Grounds {
            analysis: self.newest.as_ref(),
            preflight: Some(&self.preflight),
            overriding,
            ticket: Some("AG-118"),
        };
        let order = Order { command, by: "ada", reason, grounds };
        let Stepped { state, effects, .. } =
            step(&self.spec, &self.state, Input::Command(order), self.now_ms)?;
        self.state = state;
        Ok(effects)
    }

    /// Serves `requests` over `length_ms` in one tick; what follows from the verdict.
    pub(crate) fn tick(
        &mut self,
        length_ms: u64,
        requests: u64,
        stable: &Behaviour,
        candidate: &Behaviour,
    ) -> Vec<Effect> {
        let tick = self.count(length_ms, requests, stable, candidate);
        self.judge(&tick)
    }

    /// Serves `requests` over `length_ms`; what was counted.
    pub(crate) fn count(
        &mut self,
        length_ms: u64,
        requests: u64,
        stable: &Behaviour,
        candidate: &Behaviour,
    ) -> Tick {
        self.now_ms += length_ms;
        let open = self.state.is_open() && self.state.killed.is_none();
        let weight = if open { self.state.weight } else { Weight::ZERO };
        let [of_stable, of_candidate] = &mut self.draws;
        let meant = of_candidate.of(8, requests, weight.ratio());
        let mut stable_series = series(of_stable, requests - meant, stable);
        let down = turned_away(of_candidate, meant, candidate, &mut stable_series);
        Tick {
            at_ms: self.now_ms,
            observed_ms: length_ms,
            weight,
            stable: stable_series,
            candidate: series(of_candidate, meant - down, candidate),
            assigned: self.assigned(requests, weight),
            apart: [0; 2],
            doubt: self.doubt.clone(),
            external: self.external.clone(),
        }
    }

    /// Adds what was counted to the evidence; what follows from the verdict.
    pub(crate) fn judge(&mut self, tick: &Tick) -> Vec<Effect> {
        let spent = tick.stable.cost_nanos.sum() + tick.candidate.cost_nanos.sum();
        self.book.add(self.now_ms, spent);
        let Some(rollout) = self.state.judged() else {
            self.newest = None;
            return Vec::new();
        };
        let zone = &Zone::utc();
        let surroundings = Surroundings { spending: &self.book, daily_budget: None, zone };
        let evidence = self.evidence.take();
        let mut evidence = Evidence::resume(evidence, rollout);
        let analysis = evidence.observe(rollout, tick, &surroundings);
        self.evidence = Some(evidence);
        let stepped = step(&self.spec, &self.state, Input::Analysis(&analysis), self.now_ms)
            .expect("an analysis is never refused");
        self.newest = Some(analysis);
        self.state = stepped.state;
        stepped.effects
    }

    /// Buckets of as many keys, evenly spread and never the same twice until all were there.
    fn assigned(&mut self, requests: u64, weight: Weight) -> Vec<u32> {
        let buckets = (0..requests.min(200)).map(|_| {
            self.keys += 1;
            (self.keys * 61_803 % u64::from(Weight::SCALE)) as u32
        });
        let lost = self.lost_keys;
        buckets.filter(|bucket| !lost || *bucket >= weight.parts()).collect()
    }

    /// The process ends and starts again: what was not stored is lost.
    pub(crate) fn crash(&mut self, stored: Option<&Evidence>) {
        let state = serde_json::to_string(&self.state).expect("serialises");
        self.state = serde_json::from_str(&state).expect("reads back");
        let evidence = serde_json::to_string(&stored).expect("serialises");
        self.evidence = serde_json::from_str(&evidence).expect("reads back");
        assert_eq!(self.evidence.as_ref(), stored, "read back as it was");
        self.newest = None;
    }
}
