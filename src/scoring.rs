//! Live scoring joined together: copies come from the data plane, samples are made of them, and what
//! is counted goes where all counts go.

use crate::counts::Counts;
use crate::traces::{Record, Traces};
use stagegate_config::Config;
use stagegate_control::ports::DoubtSource;
use stagegate_control::{Control, Live, View, now_ms};
use stagegate_eval::{
    Captured, Facts, Half, HttpPost, Metrics, Nanos, Protocol, Sample, SampleReason, Sampling,
    Share, Tally,
};
use stagegate_proxy::{
    Copied, Outlet, Quota, TapDrop, TapReason, TapSettings, Tapped, TraceContext,
};
use stagegate_rollout::{Doubt, SeriesKey};
use stagegate_scoring::{Labelled, Limits, Rules, RulesOf, Scoring};
use stagegate_store::{SampleStore, SpendStore, in_background};
use stagegate_telemetry::{EvalArm, EvalGauges, EvalJudge, Loop, Telemetry};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Copies that may wait to be taken over.
const WAITING: usize = 1024;
/// Copies that are accepted in one transaction at most.
const BATCH: usize = 512;
/// From so many bytes on no more are added: samples that are being made are in no other bound.
const BATCH_BYTES: usize = 1 << 20;
/// How long copies are gathered for one transaction: each writes the same pages of the store again.
const GATHER: Duration = Duration::from_millis(250);
/// How often the configuration is read and expired samples are closed.
const TICK: Duration = Duration::from_millis(250);

/// Creates the outlet for the data plane's copies, before anything can receive them.
pub(crate) fn outlet(config: &Config) -> (Arc<Outlet>, Receiver<Box<Tapped>>) {
    let (sender, receiver) = sync_channel(WAITING);
    (Outlet::new(sender, config.eval.memory as usize), receiver)
}

/// Returns the data plane's settings for a workload's sampling.
pub(crate) fn tap(
    config: &Config,
    workload: &stagegate_config::Workload,
    outlet: &Arc<Outlet>,
) -> Option<TapSettings> {
    // With scorers there may be somebody who wants answers at once, whatever the rate.
    if !workload.eval.is_on() && workload.eval.scorers.is_empty() {
        return None;
    }
    let (sampling, rate) = (sampling(workload), workload.eval.max_rate);
    let wanted = outlet.wanted(workload.spec.name.as_str());
    Some(TapSettings {
        picks: Arc::new(move |arm, unit| sampling.picks(arm, unit) || wanted.take(arm)),
        quotas: Arc::new([Quota::new(rate), Quota::new(rate)]),
        per_message: config.eval.per_message as usize,
        paused: outlet.pause(workload.spec.name.as_str()),
        outlet: Arc::clone(outlet),
    })
}

fn sampling(workload: &stagegate_config::Workload) -> Sampling {
    let eval = &workload.eval;
    Sampling::new(workload.spec.name.as_str(), eval.stable, eval.candidate)
}

/// Returns the reason for a copy: half of a pair, its hash, or responses that were wanted at once.
fn reason(config: &Config, copy: &Tapped) -> SampleReason {
    if copy.reason == TapReason::Pair {
        return SampleReason::Shadow;
    }
    let unit = copy.conversation.as_deref().unwrap_or(&copy.id);
    let by_hash = |workload| sampling(workload).picks(copy.arm, unit);
    match config.workload(&copy.workload).is_some_and(by_hash) {
        true => SampleReason::Random,
        false => SampleReason::Targeted,
    }
}

fn limits(config: &Config) -> Limits {
    let eval = &config.eval;
    Limits {
        memory: eval.memory,
        max_age: eval.max_age,
        max_samples: eval.max_samples,
        judge: eval.judge,
    }
}

fn rules(config: &Config) -> RulesOf {
    let of = |workload: &stagegate_config::Workload| {
        let rules = Rules {
            scorers: workload.eval.scorers.clone(),
            labelled: workload.eval.labelled.as_ref().map(|labelled| Labelled {
                set: Arc::clone(&labelled.set),
                by: Arc::clone(&labelled.by),
            }),
            redactor: workload.eval.redactor.clone(),
            protocol: Protocol::from_label(workload.settings.protocol.label()),
            confidence: workload.eval.confidence.clone(),
            limit: config.eval.per_message as usize,
            tenants: workload.cost.tenants.clone(),
        };
        (workload.spec.name.to_string(), Arc::new(rules))
    };
    config.workloads.iter().map(of).collect()
}

/// Running scoring.
pub(crate) struct Running {
    pub(crate) scoring: Arc<Scoring>,
    outlet: Arc<Outlet>,
    threads: Vec<JoinHandle<()>>,
}

/// Starts scoring.
///
/// # Errors
/// When samples cannot be kept, or there are no threads.
pub(crate) fn start(
    control: Control,
    outlet: Arc<Outlet>,
    copies: Receiver<Box<Tapped>>,
    (traces, counts): (Arc<Traces>, Counts),
    telemetry: Arc<Telemetry>,
) -> anyhow::Result<Running> {
    let view = control.view();
    let config = Arc::clone(&view.config);
    let store = SampleStore::open(&config.data_dir)?;
    let spend = SpendStore::open(&config.data_dir)?;
    let send = Box::new(move |delta| counts.send(delta));
    let scoring = Scoring::new(store, spend, limits(&config), rules(&config), send, now_ms())?;
    for live in &view.live {
        let rollout = rollout_of(live).unwrap_or_default();
        scoring.recall(live.split.spec().name.as_str(), &rollout);
    }
    let mut threads = Vec::new();
    let taking = Arc::clone(&scoring);
    let memory = Arc::clone(&outlet);
    let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
    threads.push(thread("scoring").spawn(move || {
        in_background();
        let looked = || telemetry.looked(Loop::Scoring);
        again("scoring", || take(&taking, &control, &memory, (&copies, &looked), &traces));
        telemetry.looks_no_more(Loop::Scoring);
    })?);
    for _ in 0..config.eval.workers {
        let asking = Arc::clone(&scoring);
        threads.push(thread("scorers").spawn(move || {
            in_background();
            again("scorers", || asking.ask(&HttpPost::default(), &now_ms));
        })?);
    }
    Ok(Running { scoring, outlet, threads })
}

impl Running {
    /// Accepts what was copied, and ends. Samples that scorers are at are taken up at the next start.
    pub(crate) fn stop(self) {
        self.outlet.close();
        self.scoring.close();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a scoring thread panicked");
            }
        }
        self.scoring.save(now_ms());
    }
}

/// Runs `work` until it returns; one that panics is begun again.
fn again(name: &str, work: impl Fn()) {
    while std::panic::catch_unwind(std::panic::AssertUnwindSafe(&work)).is_err() {
        tracing::error!(name, "a thread has panicked and is begun again");
        std::thread::sleep(TICK);
    }
}

/// Takes copies over until the data plane has none left.
fn take(
    scoring: &Scoring,
    control: &Control,
    outlet: &Outlet,
    (copies, looked): (&Receiver<Box<Tapped>>, &dyn Fn()),
    traces: &Traces,
) {
    let mut config = Arc::clone(&control.view().config);
    let (mut lost, mut behind) = (0, false);
    loop {
        looked();
        let told = scoring.told();
        if !told.is_empty() {
            traces.offer(told.into_iter().map(Record::Result));
        }
        let first = match copies.recv_timeout(TICK) {
            Ok(first) => Some(first),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let view = control.view();
        let current = Arc::clone(&view.config);
        if !Arc::ptr_eq(&current, &config) {
            config = current;
            scoring.configure(limits(&config), rules(&config));
        }
        // One bound for both: what scorers are at leaves less to those who wait to be accepted.
        let room = config.eval.memory.saturating_sub(scoring.open_bytes());
        outlet.set_capacity(room as usize);
        let now_ms = now_ms();
        outlet.pause_only(&scoring.tend(now_ms));
        let no_room = no_room(outlet);
        scoring.lost(no_room - std::mem::replace(&mut lost, no_room), now_ms);
        let Some(first) = first else {
            scoring.tick(now_ms);
            continue;
        };
        if !behind {
            std::thread::sleep(GATHER);
        }
        let rules = scoring.rules();
        let mut gathered = Gathered { first: Some(first), copies, taken: 0, bytes: 0 };
        let made = gathered.by_ref().filter_map(|copy| {
            let rules = rules.get(&*copy.workload)?;
            let sample = sample(&copy, rules, reason(&config, &copy));
            Some(placed(sample, &copy, &view))
        });
        scoring.accept(made.collect(), now_ms);
        behind = gathered.is_full();
    }
}

/// A batch of samples to be accepted together. The caller drops each before it takes the next.
struct Gathered<'a> {
    first: Option<Box<Tapped>>,
    copies: &'a Receiver<Box<Tapped>>,
    taken: usize,
    bytes: usize,
}

impl Gathered<'_> {
    /// Returns true if the batch is full, so that more samples may wait.
    const fn is_full(&self) -> bool {
        self.taken == BATCH || self.bytes >= BATCH_BYTES
    }
}

impl Iterator for Gathered<'_> {
    type Item = Box<Tapped>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_full() {
            return None;
        }
        let copy = self.first.take().or_else(|| self.copies.try_recv().ok())?;
        self.taken += 1;
        self.bytes += copy.request.bytes.len() + copy.response.bytes.len();
        Some(copy)
    }
}

/// Picked answers so far that found no room.
fn no_room(outlet: &Outlet) -> u64 {
    let dropped = outlet.dropped();
    dropped[TapDrop::Memory as usize] + dropped[TapDrop::Queue as usize]
}

/// Makes a sample of a copy, whose memory is free again afterwards.
fn sample(copy: &Tapped, rules: &Rules, reason: SampleReason) -> Sample {
    fn half(copied: &Copied) -> Half<'_> {
        Half {
            bytes: &copied.bytes,
            content_type: &copied.content_type,
            content_encoding: &copied.content_encoding,
            truncated: copied.truncated,
        }
    }
    let seconds = |micros: u64| Some(micros as f64 / 1e6);
    let facts = Facts {
        id: copy.id.clone(),
        at_ms: copy.at_ms,
        workload: copy.workload.to_string(),
        release: copy.release.to_string(),
        arm: copy.arm,
        reason,
        conversation: copy.conversation.clone(),
        tenant: copy.tenant.clone(),
        trace_id: copy.trace.map(TraceContext::trace_id_text),
        metrics: Metrics {
            latency_s: seconds(copy.duration_us),
            ttft_s: seconds(copy.first_byte_us),
            cost_usd: copy.cost_nanos.map(|nanos| Nanos(nanos).usd()),
            tokens_in: copy.tokens.map(|(read, _)| read),
            tokens_out: copy.tokens.map(|(_, written)| written),
            status: Some(copy.status),
        },
        pair: copy.pair.clone(),
        metadata: BTreeMap::new(),
    };
    let captured = Captured {
        path: &copy.path,
        protocol: rules.protocol,
        request: half(&copy.request),
        response: half(&copy.response),
        confidence: copy.confidence.as_deref(),
        confidence_at: rules.confidence.as_deref(),
        limit: rules.limit,
    };
    Sample::of(facts, &captured, &rules.redactor)
}

/// The sample with what the control plane knows about it.
fn placed(sample: Sample, copy: &Tapped, view: &View) -> Sample {
    let Some((_, live)) = view.find(&copy.workload) else { return sample };
    let membership = &live.split.spec().membership;
    // By the tenant as it came: what the sample says of it may be redacted.
    let cohort = copy.tenant.as_deref().and_then(|tenant| membership.cohort(tenant));
    // Where nobody traces, the copy's place in a trace is the client's, and not its own.
    let own = copy.trace.filter(|_| view.config.tracing.is_some());
    Sample {
        cohort: cohort.map(ToString::to_string),
        rollout: rollout_of(live),
        traceparent: own.map(|trace| trace.to_string()),
        ..sample
    }
}

/// Id of the rollout in progress, or of the last one.
fn rollout_of(live: &Live) -> Option<String> {
    live.split.state().rollout.as_ref().map(|rollout| rollout.id.to_string())
}

/// Returns the figures of scoring for a scrape.
pub(crate) fn gauges(scoring: &Scoring, outlet: &Outlet) -> EvalGauges {
    let figures = scoring.figures();
    let mut dropped: BTreeMap<&'static str, u64> = figures.dropped.into_iter().collect();
    for (why, count) in TapDrop::ALL.into_iter().zip(outlet.dropped()) {
        *dropped.entry(why.label()).or_default() += count;
    }
    let results = figures.results.into_iter();
    let now_ms = now_ms();
    let rules = scoring.rules();
    let doubts = rules.keys().map(|workload| {
        (workload.clone(), scoring.doubt(workload, now_ms).map(|doubt| doubt.kind))
    });
    let judges = scoring.judges(now_ms).into_iter().map(|judge| EvalJudge {
        workload: judge.workload,
        scorer: judge.scorer,
        spent_nanos: judge.total.0,
        today_usd: judge.today.usd(),
        daily_usd: judge.daily.usd(),
    });
    let pairs = figures.pairs.into_iter();
    let pairs = pairs.map(|((workload, result), count)| (workload, result.label(), count));
    EvalGauges {
        results: results
            .map(|((workload, arm, scorer, label), count)| (workload, arm, scorer, label, count))
            .collect(),
        dropped: dropped.into_iter().collect(),
        queue: figures.open,
        copies: outlet.used() as u64,
        arms: figures.series.into_iter().map(|it| arm_figures(it.key, &it.tally)).collect(),
        pairs: pairs.collect(),
        doubts: doubts.collect(),
        judges: judges.collect(),
    }
}

/// Reports doubts about scorers to the steering loop.
pub(crate) struct Doubts(pub(crate) Arc<Scoring>);

impl DoubtSource for Doubts {
    fn doubt(&self, workload: &str) -> Option<Doubt> {
        self.0.doubt(workload, now_ms())
    }

    fn scored_ms(&self, workload: &str) -> Option<u64> {
        self.0.scored_ms(workload)
    }
}

/// The figures of an arm for the metrics.
fn arm_figures(key: SeriesKey, tally: &Tally) -> EvalArm {
    let bounds = |share: Share| [share.estimate, share.lower, share.upper];
    EvalArm {
        key,
        accuracy: tally.accuracy().map(bounds),
        labelled_accuracy: tally.labelled_accuracy().map(bounds),
        mean_score: tally.mean_value(),
        brier: tally.reliability.brier(),
        calibration_error: tally.reliability.calibration_error(),
    }
}
