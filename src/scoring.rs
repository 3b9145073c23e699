//! Live scoring joined together: copies come from the data plane, samples are made of them, and what
//! is counted goes where all counts go.

use stagegate_admin::Control;
use stagegate_admin::api::types::{
    GivenScore, SampleDetail, SampleScore, SampleSummary, ScoreTaken,
};
use stagegate_admin::data_plane::{SampleQuery, SampleSource, SamplesUnavailable};
use stagegate_config::Config;
use stagegate_eval::{
    Captured, Facts, Half, HttpPost, Metrics, Nanos, Protocol, Sample, SampleReason, Sampling,
    Score,
};
use stagegate_proxy::{Copied, Outlet, Quota, TapDrop, TapSettings, Tapped};
use stagegate_rollout::Delta;
use stagegate_scoring::{Given, Limits, Rules, RulesOf, Scored, Scoring};
use stagegate_store::{SampleFilter, SampleStore, SamplesError, StoredSample, in_background};
use stagegate_telemetry::{EvalAccuracy, EvalGauges};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::UnboundedSender;

/// Copies that may wait to be taken over.
const WAITING: usize = 1024;
/// Copies that are accepted in one transaction at most.
const BATCH: usize = 512;
/// How long copies are gathered for one transaction: each costs a wait for the disk.
const GATHER: Duration = Duration::from_millis(50);
/// How often the configuration is looked at and waiting samples are given up.
const TICK: Duration = Duration::from_millis(250);

pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_millis() as u64)
}

/// Where the data plane puts its copies, made before there is anybody to take them.
pub(crate) fn outlet(config: &Config) -> (Arc<Outlet>, Receiver<Box<Tapped>>) {
    let (sender, receiver) = sync_channel(WAITING);
    (Outlet::new(sender, config.eval.memory as usize), receiver)
}

/// What the data plane is told of a workload's sampling.
pub(crate) fn tap(
    config: &Config,
    workload: &stagegate_config::Workload,
    outlet: &Arc<Outlet>,
) -> Option<TapSettings> {
    let eval = &workload.eval;
    if !eval.is_on() {
        return None;
    }
    let sampling = Sampling::new(workload.spec.name.as_str(), eval.stable, eval.candidate);
    Some(TapSettings {
        picks: Arc::new(move |arm, unit| sampling.picks(arm, unit)),
        quotas: Arc::new([Quota::new(eval.max_rate), Quota::new(eval.max_rate)]),
        per_message: config.eval.per_message as usize,
        outlet: Arc::clone(outlet),
    })
}

fn limits(config: &Config) -> Limits {
    let eval = &config.eval;
    Limits { memory: eval.memory, max_age: eval.max_age, max_samples: eval.max_samples }
}

fn rules(config: &Config) -> RulesOf {
    let of = |workload: &stagegate_config::Workload| {
        let rules = Rules {
            scorers: workload.eval.scorers.clone(),
            redactor: workload.eval.redactor.clone(),
            protocol: Protocol::from_label(workload.protocol.label()),
            confidence: workload.eval.confidence.clone(),
            limit: config.eval.per_message as usize,
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
    counts: UnboundedSender<Delta>,
) -> anyhow::Result<Running> {
    let config = Arc::clone(&control.view().config);
    let store = SampleStore::open(&config.data_dir)?;
    let send = Box::new(move |delta| {
        let _ = counts.send(delta);
    });
    let scoring = Scoring::new(store, limits(&config), rules(&config), send, now_ms())?;
    let mut threads = Vec::new();
    let taking = Arc::clone(&scoring);
    let memory = Arc::clone(&outlet);
    let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
    threads.push(thread("scoring").spawn(move || {
        in_background();
        take(&taking, &control, &memory, &copies);
    })?);
    for _ in 0..config.eval.workers {
        let asking = Arc::clone(&scoring);
        threads.push(thread("scorers").spawn(move || {
            in_background();
            asking.ask(&HttpPost::default(), &now_ms);
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
    }
}

/// Takes copies over until the data plane has none left.
fn take(scoring: &Scoring, control: &Control, outlet: &Outlet, copies: &Receiver<Box<Tapped>>) {
    let mut config = Arc::clone(&control.view().config);
    loop {
        let first = match copies.recv_timeout(TICK) {
            Ok(first) => Some(first),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let current = Arc::clone(&control.view().config);
        if !Arc::ptr_eq(&current, &config) {
            config = current;
            outlet.set_capacity(config.eval.memory as usize);
            scoring.configure(limits(&config), rules(&config));
        }
        let now_ms = now_ms();
        let Some(first) = first else {
            scoring.tick(now_ms);
            continue;
        };
        std::thread::sleep(GATHER);
        let rules = scoring.rules();
        let batch = std::iter::once(first).chain(copies.try_iter().take(BATCH - 1));
        let made = batch.filter_map(|copy| Some(sample(&copy, rules.get(&*copy.workload)?)));
        scoring.accept(made.collect(), now_ms);
    }
}

/// Makes a sample of a copy, whose memory is free again afterwards.
fn sample(copy: &Tapped, rules: &Rules) -> Sample {
    fn half(copied: &Copied) -> Half<'_> {
        Half {
            bytes: &copied.bytes,
            content_type: &copied.content_type,
            content_encoding: &copied.content_encoding,
            truncated: copied.truncated,
        }
    }
    let seconds = |micros: u64| Some(micros as f64 / 1e6);
    // 00-<trace id>-<span id>-<flags>, W3C Trace Context.
    let trace = copy.traceparent.as_deref().and_then(|text| text.split('-').nth(1));
    let facts = Facts {
        id: copy.id.clone(),
        at_ms: copy.at_ms,
        workload: copy.workload.to_string(),
        release: copy.release.to_string(),
        arm: copy.arm,
        reason: SampleReason::Random,
        conversation: copy.conversation.clone(),
        tenant: copy.tenant.clone(),
        trace_id: trace.map(str::to_owned),
        metrics: Metrics {
            latency_s: seconds(copy.duration_us),
            ttft_s: seconds(copy.first_byte_us),
            cost_usd: copy.cost_nanos.map(|nanos| Nanos(nanos).usd()),
            tokens_in: copy.tokens.map(|(read, _)| read),
            tokens_out: copy.tokens.map(|(_, written)| written),
            status: Some(copy.status),
        },
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

/// What was scored, for a scrape.
pub(crate) fn gauges(scoring: &Scoring, outlet: &Outlet) -> EvalGauges {
    let figures = scoring.figures();
    let mut dropped: BTreeMap<&'static str, u64> = figures.dropped.into_iter().collect();
    for (why, count) in TapDrop::ALL.into_iter().zip(outlet.dropped()) {
        *dropped.entry(why.label()).or_default() += count;
    }
    let results = figures.results.into_iter();
    let accuracy = figures.series.into_iter().map(|it| EvalAccuracy {
        key: it.key,
        passed: it.tally.passed,
        failed: it.tally.failed,
    });
    EvalGauges {
        results: results
            .map(|((workload, arm, scorer, label), count)| (workload, arm, scorer, label, count))
            .collect(),
        dropped: dropped.into_iter().collect(),
        queue: figures.open,
        copies: outlet.used() as u64,
        accuracy: accuracy.collect(),
    }
}

/// Samples as the API shows them.
pub(crate) struct Shown(pub(crate) Arc<Scoring>);

#[allow(clippy::needless_pass_by_value)] // that is how `map_err` hands it over
fn unavailable(error: SamplesError) -> SamplesUnavailable {
    SamplesUnavailable(error.to_string())
}

fn summary(sample: &StoredSample) -> SampleSummary {
    SampleSummary {
        id: sample.id.clone(),
        at_ms: sample.at_ms,
        workload: sample.workload.clone(),
        release: sample.release.clone(),
        arm: sample.arm.clone(),
        reason: sample.reason.clone(),
        open: sample.open,
        pass: sample.pass,
        label: sample.label,
    }
}

impl SampleSource for Shown {
    fn list(
        &self,
        query: &SampleQuery,
        limit: usize,
    ) -> Result<Vec<SampleSummary>, SamplesUnavailable> {
        let filter = SampleFilter {
            workload: query.workload.clone(),
            arm: query.arm.map(|arm| arm.label().to_owned()),
            failed: query.failed,
            since_ms: query.since_ms,
        };
        let found = self.0.list(&filter, limit).map_err(unavailable)?;
        Ok(found.iter().map(summary).collect())
    }

    fn get(&self, request_id: &str) -> Result<Option<SampleDetail>, SamplesUnavailable> {
        let Some((sample, scores)) = self.0.get(request_id).map_err(unavailable)? else {
            return Ok(None);
        };
        let damaged = |error: serde_json::Error| SamplesUnavailable(error.to_string());
        let scores = scores.into_iter().map(|stored| {
            let score: Score = serde_json::from_str(&stored.body).map_err(damaged)?;
            Ok(SampleScore {
                name: score.name,
                pass: score.pass,
                value: score.value,
                label: score.label,
                explanation: score.explanation,
                by: stored.by,
                at_ms: stored.at_ms,
            })
        });
        Ok(Some(SampleDetail {
            summary: summary(&sample),
            sample: serde_json::from_str(&sample.body).map_err(damaged)?,
            scores: scores.collect::<Result<_, _>>()?,
        }))
    }

    fn give(
        &self,
        scores: Vec<GivenScore>,
        by: &str,
    ) -> Result<Vec<ScoreTaken>, SamplesUnavailable> {
        let give = |given: GivenScore| {
            let score = Score {
                value: given.value,
                pass: given.pass,
                label: given.label,
                explanation: given.explanation,
                ..Score::unscored(&given.name, "")
            };
            let given = Given { id: given.id, score, by: by.to_owned() };
            let taken = self.0.give(&given, now_ms()).map_err(unavailable)?;
            let result = match taken {
                Scored::Unknown => "unknown",
                Scored::Repeated => "repeated",
                Scored::Kept { first: true } => "counted",
                Scored::Kept { first: false } => "kept",
            };
            Ok(ScoreTaken { id: given.id, result: result.to_owned() })
        };
        scores.into_iter().map(give).collect()
    }
}
