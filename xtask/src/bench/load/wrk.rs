//! Load by wrk: as fast as it is answered, over keep-alive connections.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::bench::cores::on_load_core;
use crate::bench::lab::Lab;
use crate::bench::load::Seen;
use crate::bench::load::fields::Fields;
use crate::bench::proxy::Proxy;
use crate::process::output;

/// The request that wrk sends.
pub(super) struct Requests<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Bytes of each body.
    pub(super) body: u32,
    pub(super) tls: bool,
    /// True if each carries its user's token.
    pub(super) tokens: bool,
    pub(super) connections: u32,
}

impl Requests<'_> {
    /// Sends them for so long.
    pub(super) fn send(&self, lab: &Lab, proxy: &Proxy, time: Duration) -> Result<Seen> {
        // wrk itself takes whole seconds only; the interrupt ends a shorter run
        // and is a second line of defence for the others.
        let limit =
            if time < Duration::from_secs(1) { time } else { time + Duration::from_secs(5) };
        let address = match self.tls {
            false => format!("http://127.0.0.1:{}", proxy.ports().plain),
            true => format!("https://127.0.0.1:{}", proxy.ports().tls),
        };
        let printed = output(
            on_load_core(Path::new("timeout"))?
                .args(["--preserve-status", "--signal=INT", "--kill-after=5"])
                .arg(format!("{}", limit.as_secs_f64()))
                .args(["wrk", "--threads", "1", "--connections", &self.connections.to_string()])
                .args(["--duration", &format!("{}s", time.as_secs().max(1)), "--timeout", "5s"])
                .arg("--script")
                .arg(lab.script())
                .arg(address)
                .args(["--", self.method, self.path, &self.body.to_string()])
                .arg(if self.tokens { lab.tokens().as_os_str() } else { "-".as_ref() })
                .args(proxy.setup.kind.fields(proxy.ports())),
        )?;
        parse(&printed)
    }
}

/// Reads what `benches/load/requests.lua` prints.
fn parse(printed: &str) -> Result<Seen> {
    let fields = Fields::find(printed)?;
    let (bad, broken) = (fields.number("bad_status")?, fields.number("broken")?);
    if bad + broken > 0 {
        bail!("{bad} requests had a bad status, {broken} broke");
    }
    fields.seen()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_requests_void_the_figures() {
        const LINE: &str =
            "stagegate-bench requests=10 duration_us=2000000 p50_us=5 p99_us=9 p999_us=12";
        let error =
            parse(&format!("{LINE} bad_status=3 broken=1")).expect_err("failed").to_string();
        assert!(error.contains("3 requests had a bad status, 1 broke"), "{error}");
        assert_eq!(parse(&format!("{LINE} bad_status=0 broken=0")).expect("good").requests, 10);
    }
}
