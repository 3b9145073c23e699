//! Load on one proxy, and what its generator saw.

mod fields;
mod h2load;
mod ours;
mod seen;
mod wrk;

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::bench::case::{Case, Load};
use crate::bench::lab::Lab;
use crate::bench::procfs;
use crate::bench::proxy::{Kind, Proxy};

pub(super) use seen::{Quantiles, Seen, StreamsSeen};

/// The prefix of the names of Stagegate's worker threads.
const WORKERS: &str = "worker-";

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// CPU time of the proxy while the load ran; none without a proxy.
    pub(super) cpu: Option<Duration>,
    /// The same of those threads of Stagegate that serve requests, where that was looked at.
    pub(super) serving: Option<Duration>,
    /// Its resident memory at the end of the load.
    pub(super) rss_kib: Option<u64>,
    pub(super) seen: Seen,
    pub(super) streams: Option<StreamsSeen>,
}

/// The size and the duration of a load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) connections: u32,
    pub(super) time: Duration,
    /// Requests a second, for the cases with a constant rate.
    pub(super) rate: u64,
}

/// Checks that a proxy can take a case. The error has the reason.
pub(super) fn try_out(proxy: &Proxy, case: &Case) -> Result<()> {
    if case.needs_http2() { h2load::try_out(proxy) } else { Ok(()) }
}

/// A short warm-up, then the load with the clock running. An error if a request failed: a
/// proxy that refuses is fast, and its figures mean nothing.
pub(super) fn measure(lab: &Lab, proxy: &Proxy, case: &Case, effort: Effort) -> Result<Round> {
    let round = round(lab, proxy, case, effort);
    let round = round.with_context(|| format!("{} under {}", proxy.label(), case.name))?;
    if round.seen.requests == 0 {
        bail!("{} answered nothing in {:?} of {}", proxy.label(), effort.time, case.name);
    }
    Ok(round)
}

fn round(lab: &Lab, proxy: &Proxy, case: &Case, effort: Effort) -> Result<Round> {
    if case.load == Load::Streams {
        let ours::Streams { seen, streams, cpu } =
            ours::streams(lab, proxy, effort.connections, effort.time)?;
        let cpu = proxy.pid().map(|_| cpu);
        return Ok(Round {
            cpu,
            serving: None,
            rss_kib: streams.rss_kib,
            seen,
            streams: Some(streams),
        });
    }
    warm_up(lab, proxy, case, effort)?;
    let used = || proxy.pid().map(procfs::cpu_time).transpose();
    let serving = || {
        let pid = proxy.pid().filter(|_| proxy.setup.kind == Kind::Stagegate);
        pid.map(|pid| procfs::of_living_threads(pid, WORKERS)).transpose()
    };
    let before = (used()?, serving()?);
    let seen = send(lab, proxy, case, effort)?;
    let since = |before: Option<Duration>, now: Option<Duration>| {
        now.zip(before).map(|(now, before)| now.saturating_sub(before))
    };
    let (cpu, serving) = (since(before.0, used()?), since(before.1, serving()?));
    let rss_kib = proxy.pid().map(procfs::resident_kib).transpose()?;
    Ok(Round { cpu, serving, rss_kib, seen, streams: None })
}

/// Opens connections and fills caches. On a busy machine this can be over before anything was
/// answered, which is no error yet.
fn warm_up(lab: &Lab, proxy: &Proxy, case: &Case, effort: Effort) -> Result<()> {
    let time = match case.load {
        // Opening the streams is the warm-up, and is measured.
        Load::Streams => return Ok(()),
        // h2load takes whole seconds.
        Load::H2 { .. } => Duration::from_secs(1),
        Load::Closed { .. } | Load::Handshakes | Load::Rate { .. } => Duration::from_millis(300),
    };
    send(lab, proxy, case, Effort { time, ..effort }).map(|_| ())
}

/// Sends requests, without looking at the proxy's process.
pub(super) fn send(lab: &Lab, proxy: &Proxy, case: &Case, effort: Effort) -> Result<Seen> {
    let Effort { connections, time, rate } = effort;
    match case.load {
        Load::Closed { method, path, body, tls, tokens } => {
            let requests = wrk::Requests { method, path, body, tls, tokens, connections };
            requests.send(lab, proxy, time)
        }
        Load::H2 { path } => h2load::send(lab, proxy, path, connections, time),
        Load::Rate { path } => ours::rate(lab, proxy, path, connections, rate, time),
        Load::Handshakes => ours::handshakes(lab, proxy, connections, time),
        Load::Streams => Ok(ours::streams(lab, proxy, connections, time)?.seen),
    }
}
