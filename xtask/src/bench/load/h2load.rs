//! Load by h2load: HTTP/2 over TLS, several streams to a connection.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::bench::cores::on_load_core;
use crate::bench::lab::Lab;
use crate::bench::load::{Quantiles, Seen};
use crate::bench::proxy::Proxy;
use crate::process::output;

/// Streams at a time in each connection.
const STREAMS: &str = "4";

/// Sends requests for so long.
pub(super) fn send(
    lab: &Lab,
    proxy: &Proxy,
    path: &str,
    connections: u32,
    time: Duration,
) -> Result<Seen> {
    let log = lab.dir().join("h2load.tsv");
    if log.exists() {
        // h2load appends.
        fs::remove_file(&log).with_context(|| format!("removing {}", log.display()))?;
    }
    let printed = output(
        on_load_core(Path::new("h2load"))?
            .args(["--threads", "1", "--clients", &connections.to_string()])
            .args(["--max-concurrent-streams", STREAMS])
            .args(["--duration", &time.as_secs().max(1).to_string()])
            .args(["--header", "x-tenant-id: tenant-1", "--header", "x-user-id: user-1"])
            .args(["--header", "x-session-id: conversation-1"])
            .arg(format!("--log-file={}", log.display()))
            .arg(format!("https://127.0.0.1:{}{path}", proxy.ports().tls)),
    )?;
    let requests = requests(&printed)?;
    let log = fs::read_to_string(&log).with_context(|| format!("reading {}", log.display()))?;
    Ok(Seen {
        requests,
        duration: Duration::from_secs(time.as_secs().max(1)),
        latency: latency(&log)?,
    })
}

/// Checks that a proxy takes HTTP/2. The error has its answer.
pub(super) fn try_out(proxy: &Proxy) -> Result<()> {
    let printed = output(
        on_load_core(Path::new("h2load"))?
            .args(["--requests", "1", "--clients", "1"])
            .arg(format!("https://127.0.0.1:{}/small", proxy.ports().tls)),
    )?;
    requests(&printed).map(|_| ())
}

/// The number of answers; an error unless all came, and over HTTP/2.
fn requests(printed: &str) -> Result<u64> {
    let line = |prefix: &str| {
        let found = printed.lines().find_map(|line| line.strip_prefix(prefix));
        found.with_context(|| format!("h2load printed no `{prefix}`: {printed}"))
    };
    let protocol = line("Application protocol: ")?;
    if protocol.trim() != "h2" {
        bail!("spoke {protocol}, not h2");
    }
    // "10 total, 10 started, 10 done, 9 succeeded, 1 failed, 1 errored, 0 timeout"
    let counts = line("requests: ")?;
    let count = |what: &str| -> Result<u64> {
        let pair = counts.split(", ").find_map(|pair| pair.trim().strip_suffix(what));
        let number = pair.with_context(|| format!("no{what} in: {counts}"))?;
        number.parse().with_context(|| format!("{number:?} is no number in: {counts}"))
    };
    let failed = count(" failed")?;
    // "10 2xx, 0 3xx, 0 4xx, 0 5xx"
    let statuses = line("status codes: ")?;
    if failed > 0 || !statuses.contains(" 0 3xx, 0 4xx, 0 5xx") {
        bail!("{failed} requests failed; status codes: {statuses}");
    }
    count(" succeeded")
}

/// Reads the log: a line per request, "start in us TAB status TAB duration in us".
fn latency(log: &str) -> Result<Quantiles> {
    let mut micros = Vec::new();
    for line in log.lines() {
        let duration = line.rsplit('\t').next().and_then(|text| text.trim().parse::<u64>().ok());
        micros.push(duration.with_context(|| format!("h2load logged {line:?}"))?);
    }
    Quantiles::of(micros).context("h2load logged no request")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "starting benchmark...\nTLS Protocol: TLSv1.3\n\
        Application protocol: h2\n\nfinished in 2.00s, 5.00 req/s, 1.0KB/s\n\
        requests: 11 total, 11 started, 10 done, 10 succeeded, 0 failed, 0 errored, 0 timeout\n\
        status codes: 10 2xx, 0 3xx, 0 4xx, 0 5xx\n";

    #[test]
    fn answered_requests_are_counted() {
        assert_eq!(requests(PRINTED).expect("good"), 10);
    }

    #[test]
    fn failures_and_another_protocol_void_the_figures() {
        let failed = PRINTED.replace(" 0 failed", " 2 failed");
        assert!(requests(&failed).expect_err("failed").to_string().contains("2 requests failed"));
        let refused = PRINTED.replace("10 2xx, 0 3xx, 0 4xx, 0 5xx", "0 2xx, 0 3xx, 0 4xx, 10 5xx");
        assert!(requests(&refused).is_err());
        let old = PRINTED.replace("protocol: h2", "protocol: http/1.1");
        assert!(requests(&old).expect_err("old").to_string().contains("spoke http/1.1"));
    }

    #[test]
    fn the_quantiles_come_from_the_log() {
        let log: String = (1..=1000).map(|n| format!("1700000000000000\t200\t{n}\n")).collect();
        let latency = latency(&log).expect("read");
        assert_eq!(latency.p50, Duration::from_micros(500));
        assert_eq!(latency.p999, Duration::from_micros(999));
        assert!(super::latency("").is_err() && super::latency("nonsense\n").is_err());
    }
}
