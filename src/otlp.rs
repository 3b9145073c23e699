//! Traces of agents: the receiver, joined with the data plane, the counts, the prices and the figures.

use crate::counts::Counts;
use crate::traces;
use anyhow::Context as _;
use stagegate_admin::sources::{StageOfRequest, StageSource, StagesOfArm};
use stagegate_config::{self as config, Config};
use stagegate_control::Control;
use stagegate_otlp::{self as otlp, Book};
use stagegate_proxy::Joinable;
use stagegate_rollout::{Reason, SeriesKey};
use stagegate_signals::{Prices, Tariff, Wanted};
use stagegate_spans::{Limits, Request, Source, Work};
use stagegate_store::in_background;
use stagegate_telemetry::{OtlpGauges, Telemetry};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Price lists by workload.
type Lists = HashMap<Arc<str>, Arc<Prices>>;

/// The price lists of the configuration in force.
#[derive(Debug, Default)]
pub(crate) struct PriceLists(Mutex<Arc<Lists>>);

impl PriceLists {
    /// Follows a configuration.
    pub(crate) fn follow(&self, lists: Lists) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(lists);
    }

    fn now(&self) -> Arc<Lists> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The book of a configuration that receives traces.
pub(crate) fn book(config: &Config) -> Option<Arc<Book>> {
    let settings = config.otlp.as_ref()?;
    let limits = Limits {
        traces: settings.max_traces as usize,
        spans: settings.max_spans as usize,
        bytes: settings.max_memory as usize,
        wait_ms: settings.wait.as_millis() as u64,
    };
    Some(Arc::new(Book::new(limits, settings.max_stages as usize)))
}

/// Takes the requests of a worker's report.
pub(crate) fn take(book: &Book, ended: Vec<Joinable>) {
    book.ended(ended.into_iter().map(|ended| Request {
        id: ended.request_id,
        trace: ended.trace_id,
        spans: ended.spans,
        client: ended.parent,
        key: SeriesKey { workload: ended.workload, release: ended.release, arm: ended.arm },
        counts: ended.reason != Reason::Forced,
        is_drawn: ended.is_drawn,
        ended_ms: ended.ended_ms,
        stated: ended.stages,
    }));
}

/// Starts the receiver.
///
/// # Errors
/// When the collector's settings cannot be used, or the system refuses a thread.
pub(crate) fn start(
    listener: TcpListener,
    book: &Arc<Book>,
    control: &Control,
    prices: Arc<PriceLists>,
    counts: Counts,
) -> anyhow::Result<Option<otlp::Server>> {
    let view = control.view();
    let Some(settings) = &view.config.otlp else { return Ok(None) };
    let address = listener.local_addr()?;
    let forward = settings.forward.as_ref().map(forward).transpose().context("otlp.forward_to")?;
    let forwards = forward.is_some();
    let control = control.clone();
    let senders = Box::new(move || senders(&control.view().config));
    let server = otlp::start(
        listener,
        Arc::clone(book),
        otlp::Settings { max_body: settings.max_body as usize, forward },
        senders,
        (price(prices), Box::new(move |delta| counts.send(delta))),
        in_background,
    )?;
    tracing::info!(%address, forwards, "receiving traces of agents");
    Ok(Some(server))
}

fn senders(config: &Config) -> Vec<otlp::Sender> {
    let tokens = config.otlp.iter().flat_map(|otlp| &otlp.tokens);
    tokens.map(|it| otlp::Sender { name: it.name.clone(), hash: it.hash }).collect()
}

fn forward(settings: &config::Forward) -> anyhow::Result<otlp::Forward> {
    let config::Forward { endpoint, headers, timeout, tls } = settings;
    let endpoint = traces::endpoint(endpoint, config::TraceProtocol::Http, headers, tls.as_ref())?;
    Ok(otlp::Forward { endpoint, timeout: *timeout, version: env!("CARGO_PKG_VERSION") })
}

/// Prices calls of models by the lists of their workloads. Models come from agents: a tariff is
/// bounded by itself, and there is one for each list.
fn price(lists: Arc<PriceLists>) -> otlp::Price {
    let mut tariffs: Vec<Tariff> = Vec::new();
    Box::new(move |workload, work: &Work| {
        let (usage, model) = (work.usage?, work.model.as_deref()?);
        let lists = lists.now();
        let list = lists.get(workload)?;
        let known = tariffs.iter().position(|tariff| tariff.is_of(list));
        let at = known.unwrap_or_else(|| {
            tariffs.retain(|tariff| lists.values().any(|list| tariff.is_of(list)));
            // Agents say the names that are hashed.
            let seed = RandomState::new().hash_one(0);
            tariffs.push(Tariff::new(Arc::clone(list)).seeded(seed));
            tariffs.len() - 1
        });
        let wanted = Wanted {
            parts: usage.parts_used(),
            ..Wanted::new(work.protocol, model, usage.total_input())
        };
        Some(tariffs[at].rates(&wanted, now_s())?.cost(&usage))
    })
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

/// Hands the figures to a scrape.
pub(crate) fn show(book: &Book, telemetry: &Telemetry) {
    let (received, rejected) = book.counts.read();
    let (joined, (traces, spans, bytes)) = (book.joined(), book.held());
    telemetry.set_otlp(&OtlpGauges {
        exports: book.counts.exports(),
        spans: vec![
            ("received", received),
            ("rejected", rejected),
            ("joined", joined.joined),
            ("late", joined.late),
            ("unmatched", joined.unmatched),
            ("repeated", joined.repeated),
            ("dropped", joined.dropped),
        ],
        waiting: [("traces", traces as u64), ("spans", spans as u64)],
        bytes: bytes as u64,
    });
}

/// The book as the admin API asks it.
pub(crate) struct Stages(pub(crate) Arc<Book>);

impl StageSource for Stages {
    fn of_request(&self, request_id: &str) -> Vec<StageOfRequest> {
        let stages = self.0.request(request_id).into_iter();
        stages
            .map(|stage| StageOfRequest {
                stage: stage.stage,
                from_trace: stage.source == Source::Trace,
                micros: stage.micros,
                used: stage.used,
            })
            .collect()
    }

    fn of_arms(&self) -> Vec<StagesOfArm> {
        let arms = self.0.arms().into_iter();
        arms.map(|(key, arm)| StagesOfArm {
            key,
            requests: arm.begun,
            traced: arm.joined,
            stages: arm
                .stages
                .into_iter()
                .map(|(stage, (times, used))| (stage.to_string(), times, used))
                .collect(),
        })
        .collect()
    }
}
