//! Worker reports on their way: counts to telemetry, records to the decision log, and the last
//! word of each worker for the status page. Nothing is decided here.

use crate::counts::{Counted, Counts, counts};
use crate::journal::Journal;
use crate::remote_flags::RemoteFlags;
use crate::traces::{Record, Traces};
use crate::workers::Workers;
use crate::{notify, otlp};
use stagegate_admin::sources::{MetricsSource, SeriesStats, StatsSource};
use stagegate_control::Control;
use stagegate_control::ports::{Event, Observer, RolloutFigures};
use stagegate_notify::Notifier;
use stagegate_otlp::Book;
use stagegate_proxy::{Outlet, Report, Sink};
use stagegate_rollout::{Axis, ShadowKey, ShadowSeries};
use stagegate_scoring::Scoring;
use stagegate_telemetry::{
    EndpointGauge, Loop, PlanGauges, ReloadResult, RollbackKind, RolloutGauges, Telemetry,
};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// The sink workers report to, and the counts that come out of it, with a way in for those of others. The
/// sink runs on the workers' threads: it hands on and returns.
pub(crate) fn sink(
    workers: Arc<Workers>,
    journal: Option<Arc<Journal>>,
    traces: Arc<Traces>,
    book: Option<Arc<Book>>,
    remote: RemoteFlags,
) -> (Sink, Counts, Counted) {
    let (counts, counted) = counts();
    let more = counts.clone();
    let sink = move |mut report: Report| {
        workers.note(&report);
        remote.amend(&mut report);
        if let Some(journal) = &journal {
            journal.append(report.records);
        }
        if !report.traced.is_empty() {
            traces.offer(report.traced.into_iter().map(|it| Record::Request(Box::new(it))));
        }
        if let Some(book) = book.as_ref().filter(|_| !report.joinable.is_empty()) {
            otlp::take(book, report.joinable);
        }
        if !report.delta.is_empty() {
            counts.send(report.delta);
        }
    };
    (Arc::new(sink), more, counted)
}

/// Longest time between two looks of the collector.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A loop that has not looked for longer stands still.
const PATIENCE: Duration = Duration::from_secs(30);

/// Feeds counts to the gates and to telemetry until the workers have ended.
pub(crate) async fn absorb(
    telemetry: Arc<Telemetry>,
    control: Control,
    counted: Arc<tokio::sync::Mutex<Counted>>,
    flags: Option<Arc<stagegate_ofrep::Flags>>,
) {
    let mut counted = counted.lock().await;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        telemetry.looked(Loop::Collector);
        let delta = tokio::select! {
            delta = counted.next() => delta,
            _ = looks.tick() => continue,
        };
        let Some(delta) = delta else { return telemetry.looks_no_more(Loop::Collector) };
        let now = Instant::now();
        // Gates first: nobody waits for a graph.
        control.count(&delta, now);
        telemetry.absorb(&delta, now);
        if let Some(flags) = flags.as_ref().filter(|_| !delta.flags.is_empty()) {
            flags.evaluated(delta.flags.iter().map(|(flag, ..)| flag));
        }
    }
}

/// Telemetry as the control plane sees it.
pub(crate) struct Figures {
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) log: Option<Arc<Journal>>,
    pub(crate) plane: Arc<crate::plane::Plane>,
    pub(crate) notifier: Option<Notifier>,
    pub(crate) scoring: Option<(Arc<Scoring>, Arc<Outlet>)>,
    pub(crate) traces: Arc<Traces>,
    pub(crate) flags: Option<Arc<stagegate_ofrep::Flags>>,
    pub(crate) book: Option<Arc<Book>>,
    pub(crate) fleet: Option<Arc<crate::fleet::Fleet>>,
    pub(crate) queue: Option<stagegate_queue::Queue>,
}

impl StatsSource for Figures {
    fn snapshot(&self) -> Vec<SeriesStats> {
        let micros = |time: Option<Duration>| time.map(|time| time.as_micros() as u64);
        let of_series = |series: stagegate_telemetry::SeriesSnapshot| {
            let key = series.key.clone();
            series.windows.map(|window| SeriesStats {
                workload: Arc::clone(&key.workload),
                release: Arc::clone(&key.release),
                arm: key.arm,
                seconds: window.span.length().as_secs() as u32,
                covers: window.covers,
                costed: window.costed,
                spent_nanos: window.spent_nanos,
                outcomes: window.outcomes,
                keys: window.keys,
                duration_us: [window.duration.p50, window.duration.p95, window.duration.p99]
                    .map(micros),
                first_byte_p50_us: micros(window.first_byte.p50),
            })
        };
        self.telemetry.snapshot(Instant::now()).into_iter().flat_map(of_series).collect()
    }

    fn stalled(&self) -> Vec<String> {
        let words = |(which, since): (Loop, Duration)| {
            format!("the {} loop has not looked for {} s", which.label(), since.as_secs())
        };
        self.telemetry.stalled(PATIENCE).into_iter().map(words).collect()
    }

    fn shadows(&self) -> Vec<(ShadowKey, ShadowSeries)> {
        self.telemetry.shadows()
    }
}

impl MetricsSource for Figures {
    fn render(&self) -> String {
        let endpoints = self.plane.endpoints().into_iter().filter_map(|endpoint| {
            Some(EndpointGauge {
                workload: endpoint.workload.into(),
                release: endpoint.release.into(),
                endpoint: endpoint.authority.into(),
                healthy: endpoint.healthy?,
            })
        });
        self.telemetry.set_endpoints(&endpoints.collect::<Vec<_>>());
        let workers = self.plane.workers();
        let connections: Vec<u64> = workers.iter().map(|worker| worker.connections).collect();
        self.telemetry.set_connections(&connections);
        let alive: Vec<bool> = workers.iter().map(|worker| worker.alive).collect();
        self.telemetry.set_workers_alive(&alive);
        self.telemetry.set_pins(self.plane.pins_made());
        if let Some(notifier) = &self.notifier {
            notify::show(notifier, &self.telemetry);
        }
        if let Some(flags) = &self.flags {
            crate::flags::show(flags, &self.telemetry);
        }
        if let Some(queue) = &self.queue {
            crate::queue::show(queue, &self.telemetry);
        }
        if let Some(book) = &self.book {
            otlp::show(book, &self.telemetry);
        }
        if let Some((scoring, outlet)) = &self.scoring {
            self.telemetry.set_eval(&crate::scoring::gauges(scoring, outlet));
        }
        if let Some(fleet) = self.fleet.as_ref().and_then(|fleet| fleet.gauges()) {
            self.telemetry.set_fleet(fleet);
        }
        self.telemetry.set_traces(&self.traces.figures());
        if let Some(log) = &self.log {
            self.telemetry.set_decision_log(log.healthy(), &log.dropped().by_reason());
        }
        self.telemetry.render()
    }
}

/// Turns events of the control plane into figures.
pub(crate) struct Counter(pub(crate) Arc<Telemetry>);

impl Observer for Counter {
    fn on(&self, event: &Event) {
        match event {
            Event::Published { epoch, splits } => {
                let gauges: Vec<PlanGauges> = splits
                    .iter()
                    .map(|split| PlanGauges::of(split.spec(), split.state()))
                    .collect();
                self.0.set_plan(*epoch, &gauges);
            }
            Event::RolledBack { workload, action, axis, delay, .. } => {
                let kind = axis.map(RollbackKind::Gate);
                if let Some(kind) = kind.or_else(|| RollbackKind::of_action(*action)) {
                    self.0.rolled_back(&workload.shared(), kind);
                }
                if let Some(delay) = delay {
                    self.0.rolled_back_after(&workload.shared(), *delay);
                }
            }
            Event::Steered { rollouts } => {
                self.0.looked(Loop::Steering);
                let gauges: Vec<RolloutGauges> = rollouts.iter().map(gauges).collect();
                self.0.set_rollouts(&gauges);
            }
            Event::Reloaded { ok, at_ms } => {
                let result = if *ok { ReloadResult::Applied } else { ReloadResult::Refused };
                self.0.reloaded(result, UNIX_EPOCH + Duration::from_millis(*at_ms));
            }
            Event::Recorded => self.0.looked(Loop::Recorder),
            Event::RecorderEnded => self.0.looks_no_more(Loop::Recorder),
            Event::StoreFailed => self.0.store_failed(),
        }
    }
}

fn gauges(figures: &RolloutFigures) -> RolloutGauges {
    RolloutGauges {
        workload: figures.workload.shared(),
        phase: figures.phase,
        step: figures.step,
        axes: Axis::ALL.into_iter().zip(figures.axes.map(|worst| worst as u8)).collect(),
    }
}
