//! Load by our own generator, `benches/loadgen`.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::bench::certificate::HOST;
use crate::bench::lab::Lab;
use crate::bench::load::fields::Fields;
use crate::bench::load::{Quantiles, Seen, StreamsSeen};
use crate::bench::procfs;
use crate::bench::proxy::Proxy;
use crate::process::{Background, output};

/// Requests at a constant rate. Whoever cannot keep up shows in the requests answered.
pub(super) fn rate(
    lab: &Lab,
    proxy: &Proxy,
    path: &str,
    connections: u32,
    rate: u64,
    time: Duration,
) -> Result<Seen> {
    let printed = output(
        lab.loadgen()?
            .args(["rate", "--target", &format!("127.0.0.1:{}", proxy.ports().plain)])
            .args(["--path", path, "--connections", &connections.to_string()])
            .args(["--rate", &rate.to_string(), "--seconds", &time.as_secs_f64().to_string()]),
    )?;
    Fields::find(&printed)?.seen()
}

/// Connections that shake hands, ask once and are closed.
pub(super) fn handshakes(
    lab: &Lab,
    proxy: &Proxy,
    connections: u32,
    time: Duration,
) -> Result<Seen> {
    let printed = output(
        lab.loadgen()?
            .args(["handshakes", "--target", &format!("127.0.0.1:{}", proxy.ports().tls)])
            .args(["--name", HOST, "--certificate"])
            .arg(&lab.certificate().cert)
            .args(["--connections", &connections.to_string()])
            .args(["--seconds", &time.as_secs_f64().to_string()]),
    )?;
    Fields::find(&printed)?.seen()
}

/// The results of event streams, with the resources that the proxy used.
pub(super) struct Streams {
    pub(super) seen: Seen,
    pub(super) streams: StreamsSeen,
    /// CPU time while the events came, without that of opening the streams.
    pub(super) cpu: Duration,
}

/// Opens so many streams, watches their events for so long, and closes them.
pub(super) fn streams(lab: &Lab, proxy: &Proxy, count: u32, time: Duration) -> Result<Streams> {
    let mut command = lab.loadgen()?;
    command.args(["streams", "--target", &format!("127.0.0.1:{}", proxy.ports().plain)]).args([
        "--count",
        &count.to_string(),
        "--seconds",
        &time.as_secs_f64().to_string(),
    ]);
    let mut generator = Background::start_piped("the stream generator", &mut command)?;
    let (_input, printed) = generator.pipes().context("the stream generator has no pipes")?;
    let used = || -> Result<Duration> { proxy.pid().map_or(Ok(Duration::ZERO), procfs::cpu_time) };
    let mut before = None;
    for line in BufReader::new(printed).lines() {
        let line = line.context("reading what the stream generator prints")?;
        let Some(fields) = Fields::of(&line) else { continue };
        if fields.text("phase") == Some("open") {
            before = Some(used()?);
            continue;
        }
        let before = before.context("the stream generator reported before all were open")?;
        let cpu = used()?.saturating_sub(before);
        let first_byte: Quantiles = fields.quantiles("ttfb_")?;
        // The streams are open until `_input` is dropped, so this is what they take.
        let rss_kib = proxy.pid().map(procfs::resident_kib).transpose()?;
        let streams = StreamsSeen { first_byte, rss_kib };
        return Ok(Streams { seen: fields.seen()?, streams, cpu });
    }
    bail!("{} lost its streams; the generator's message stands above", proxy.label())
}
