//! Tracing joined together: records of sampled requests come from the data plane, results from the
//! scoring; they are put into OpenTelemetry's words by the exporter's thread, beside the traffic.

mod flags;
mod results;
mod spans;

use anyhow::Context as _;
use stagegate_config as config;
use stagegate_config::Config;
use stagegate_eval::Redactor;
use stagegate_ofrep::RemoteCall;
use stagegate_otel as otel;
use stagegate_proxy::{self as proxy, Traced};
use stagegate_scoring::Told;
use stagegate_store::in_background;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, RwLock};

/// The redactors of texts, by workload.
type Redactors = HashMap<Arc<str>, Redactor>;

/// A record to export, before its conversion to OpenTelemetry.
pub(crate) enum Record {
    /// A request.
    Request(Box<Traced>),
    /// A scorer's result for a request.
    Result(Told),
    /// Flags that were evaluated for a program that named its request.
    Flags(Box<RemoteCall>),
}

/// The way of traces to a collector, if there is one. Shared by the workers' reports; what it is
/// given it hands on or drops.
#[derive(Default)]
pub(crate) struct Traces {
    running: RwLock<Option<otel::Exporter<Record>>>,
    /// The settings of the running exporter.
    settings: Mutex<Option<config::Tracing>>,
    redactors: Arc<Mutex<Arc<Redactors>>>,
    counts: Arc<otel::Counts>,
}

/// Returns the data plane's tracing settings.
pub(crate) fn settings(config: &Config) -> Option<proxy::TraceSettings> {
    let tracing = config.tracing.as_ref();
    let kept = tracing.map(|tracing| tracing.sample);
    match (&config.otlp, tracing) {
        (Some(otlp), _) => Some(proxy::TraceSettings::joined(otlp.sample, kept, otlp.parents)),
        (None, Some(tracing)) => Some(proxy::TraceSettings::new(tracing.sample, tracing.parents)),
        (None, None) => None,
    }
}

/// Returns the settings of the export.
///
/// # Errors
/// When the TLS settings or the headers cannot be used.
pub(crate) fn export(config: &Config) -> anyhow::Result<Option<otel::Settings>> {
    let of = |tracing| exporter(tracing).context("tracing");
    config.tracing.as_ref().map(of).transpose()
}

fn exporter(tracing: &config::Tracing) -> anyhow::Result<otel::Settings> {
    let config::Tracing { timeout, service_name, headers, tls, .. } = tracing;
    let version = env!("CARGO_PKG_VERSION");
    let own = [("service.name", service_name.as_str()), ("service.version", version)];
    let own = own.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter();
    Ok(otel::Settings {
        endpoint: endpoint(&tracing.endpoint, tracing.protocol, headers, tls.as_ref())?,
        timeout: *timeout,
        resource: own.chain(tracing.resource.iter().cloned()).collect(),
        version,
    })
}

/// The way to a collector.
///
/// # Errors
/// When the TLS settings or the headers cannot be used.
pub(crate) fn endpoint(
    endpoint: &config::Collector,
    protocol: config::TraceProtocol,
    headers: &[(String, config::Secret)],
    tls: Option<&config::settings::UpstreamTls>,
) -> anyhow::Result<otel::Endpoint> {
    let (protocol, http2) = match protocol {
        config::TraceProtocol::Http => (otel::Protocol::Http, false),
        config::TraceProtocol::Grpc => (otel::Protocol::Grpc, true),
    };
    let header = |(name, value): &(String, config::Secret)| {
        let mut secret: http::HeaderValue = value.expose().parse()?;
        secret.set_sensitive(true);
        anyhow::Ok((name.parse()?, secret))
    };
    let tls = match tls {
        None => None,
        Some(tls) => {
            let (name, config) = crate::tls::upstream(tls, &endpoint.host)?.client(http2);
            Some(otel::Tls { name, config })
        }
    };
    Ok(otel::Endpoint {
        protocol,
        host: endpoint.host.clone(),
        port: endpoint.port,
        path: endpoint.path.clone(),
        headers: headers.iter().map(header).collect::<Result<_, _>>()?,
        tls,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Traces {
    /// Follows a configuration; `export` is what [`export`] made of it. What the exporter before
    /// still has it sends on its own.
    pub(crate) fn configure(&self, config: &Config, export: Option<otel::Settings>) {
        let of = |it: &config::Workload| (it.spec.name.shared(), it.eval.redactor.clone());
        *lock(&self.redactors) = Arc::new(config.workloads.iter().map(of).collect());
        let mut settings = lock(&self.settings);
        if *settings == config.tracing {
            return;
        }
        let started = export.and_then(|export| match self.start(export) {
            Ok(started) => Some(started),
            Err(error) => {
                tracing::error!(%error, "cannot start the exporter; traces are not exported");
                None
            }
        });
        *settings = config.tracing.clone();
        *self.running.write().unwrap_or_else(PoisonError::into_inner) = started;
    }

    fn start(&self, settings: otel::Settings) -> std::io::Result<otel::Exporter<Record>> {
        let redactors = Arc::clone(&self.redactors);
        let aside = Once::new();
        // A workload that is gone took with it what must be redacted: nothing is told of it.
        let translate = move |record: Record, batch: &mut otel::Batch| {
            // On the exporter's thread: what serves goes first.
            aside.call_once(in_background);
            let redactors = Arc::clone(&lock(&redactors));
            match record {
                Record::Request(traced) => {
                    if let Some(redactor) = redactors.get(&traced.workload) {
                        spans::add(&traced, redactor, &mut batch.spans);
                        flags::add(&traced, redactor, &mut batch.events);
                    }
                }
                Record::Flags(call) => flags::add_remote(&call, &redactors, &mut batch.events),
                Record::Result(told) => {
                    if let Some(redactor) = redactors.get(told.subject.workload.as_str()) {
                        results::add(&told, redactor, &mut batch.events);
                    }
                }
            }
        };
        tracing::info!(endpoint = ?settings.endpoint, "exporting traces");
        otel::Exporter::start(settings, Arc::clone(&self.counts), translate)
    }

    /// Takes records; never waits for a collector.
    pub(crate) fn offer(&self, records: impl Iterator<Item = Record>) {
        if let Some(running) = &*self.running.read().unwrap_or_else(PoisonError::into_inner) {
            running.offer(records.collect());
        }
    }

    /// Sends what waits, as far as that can be done within a few seconds. Blocks.
    pub(crate) fn stop(&self) {
        let running = self.running.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            running.stop();
        }
    }

    /// Returns the exported spans and events, and the dropped ones by reason.
    pub(crate) fn figures(&self) -> stagegate_telemetry::TraceGauges {
        let dropped = otel::Loss::ALL.into_iter().zip(self.counts.dropped());
        let (spans, events) = self.counts.exported();
        stagegate_telemetry::TraceGauges {
            exported: [("span", spans), ("event", events)],
            dropped: dropped.map(|(why, count)| (why.label(), count)).collect(),
        }
    }
}
