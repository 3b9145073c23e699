//! The laboratory: an origin, the proxies in front of it, each on its core.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::certificate::Certificate;
use crate::bench::cores::{on_load_core, on_proxy_core};
use crate::bench::features::Feature;
use crate::bench::ports::{Ports, free_ports};
use crate::bench::procfs::open_files_limit;
use crate::bench::programs::Programs;
use crate::bench::proxy::{Kind, Proxy, Setup};
use crate::bench::template::{Values, render};
use crate::bench::{http, origin};
use crate::process::{Background, output};
use crate::project::Project;

/// Open files that a proxy needs beside two for each connection.
const OTHER_FILES: u32 = 400;

/// The secret with which the users' tokens are signed.
const JWT_SECRET: &str = "the secret of a benchmark";

/// Everything that runs during a benchmark; all of it ends when this is dropped.
pub(super) struct Lab {
    dir: PathBuf,
    script: PathBuf,
    tokens: PathBuf,
    certificate: Certificate,
    loadgen: PathBuf,
    proxies: Vec<Proxy>,
    origin: Background,
}

impl Lab {
    /// Starts the origin and a proxy per set-up, and returns when each of them answers.
    pub(super) fn open(
        project: &Project,
        programs: &Programs,
        setups: &[Setup],
        origin: origin::Kind,
    ) -> Result<Self> {
        let dir = project.path("target/bench/run");
        if dir.exists() {
            // What an earlier run stored must not weigh on this one.
            fs::remove_dir_all(&dir).with_context(|| format!("removing {}", dir.display()))?;
        }
        let dir = project.scratch("bench/run")?;
        let configs = project.path("benches/load");
        let certificate = Certificate::make(&dir)?;
        let tokens = tokens(&configs, &dir)?;
        let [stable, candidate] = free_ports()?;
        let shared: Values = vec![
            ("dir", dir.display().to_string()),
            ("flags", configs.join("flags.json").display().to_string()),
            ("jwt_secret", JWT_SECRET.to_owned()),
            ("stable_port", stable.to_string()),
            ("candidate_port", candidate.to_string()),
            ("cert", certificate.cert.display().to_string()),
            ("key", certificate.key.display().to_string()),
            ("cert_and_key", certificate.both.display().to_string()),
            ("most_connections", most_connections()?.to_string()),
            ("most_files", open_files_limit()?.to_string()),
            ("haproxy_option", haproxy_option(origin).to_owned()),
            ("nginx_connections", nginx_connections(origin).to_string()),
        ];
        let command = origin::command(origin, programs, &configs, &dir, [stable, candidate])?;
        let mut origin = start("origin", command, &dir)?;
        for port in [stable, candidate] {
            await_answer("origin", port, "/small", &mut || origin.expect_running())?;
        }
        let script = configs.join("requests.lua");
        let loadgen = programs.loadgen.clone();
        let mut lab =
            Self { dir, script, tokens, certificate, loadgen, proxies: Vec::new(), origin };
        for setup in setups {
            lab.add(*setup, programs, &configs, &shared, [stable, candidate])?;
        }
        Ok(lab)
    }

    fn add(
        &mut self,
        setup: Setup,
        programs: &Programs,
        configs: &Path,
        shared: &Values,
        [stable, candidate]: [u16; 2],
    ) -> Result<()> {
        let [plain, tls, admin, extra] = free_ports()?;
        let mut ports = Ports { plain, tls, admin, stable, candidate };
        if setup.kind == Kind::Direct {
            ports.plain = stable;
            self.proxies.push(Proxy::new(setup, ports, None));
            return Ok(());
        }
        let label = setup.label();
        // A feature's own lines have names to fill in as well, so they come first.
        let mut values = setup.feature().map(Feature::values).unwrap_or_default();
        values.extend_from_slice(shared);
        values.push(("label", label.clone()));
        values.push(("extra_port", extra.to_string()));
        values.push(("proxy_port", plain.to_string()));
        values.push(("tls_port", tls.to_string()));
        values.push(("admin_port", admin.to_string()));
        values.push(("tls_listener", self.tls_listener(programs, tls)));
        let mut config = PathBuf::new();
        if !setup.config.is_empty() {
            let name = format!("{label}{}", extension(setup.config));
            config = render(&configs.join(setup.config), &self.dir, &name, &values)?;
        }
        let mut command = on_proxy_core(&programs.of(setup.kind)?)?;
        setup.kind.arguments(&config, &ports, &mut command);
        let mut process = start(&label, command, &self.dir)?;
        await_answer(&label, plain, setup.kind.ready(), &mut || process.expect_running())?;
        self.proxies.push(Proxy::new(setup, ports, Some(process)));
        Ok(())
    }

    /// Stagegate's TLS listener as a list item, or nothing where it knows none.
    fn tls_listener(&self, programs: &Programs, port: u16) -> String {
        if !programs.knows.tls {
            return String::new();
        }
        let (cert, key) = (self.certificate.cert.display(), self.certificate.key.display());
        format!(
            "- address: 127.0.0.1:{port}\n    \
             tls: {{ certificates: [{{ cert: \"{cert}\", key: \"{key}\" }}] }}"
        )
    }

    /// The running proxies.
    pub(super) fn proxies(&self) -> &[Proxy] {
        &self.proxies
    }

    /// The proxy with this set-up.
    pub(super) fn proxy(&self, setup: Setup) -> Result<&Proxy> {
        let found = self.proxies.iter().find(|proxy| proxy.setup == setup);
        found.with_context(|| format!("{} is not running", setup.label()))
    }

    /// The request that wrk sends.
    pub(super) fn script(&self) -> &Path {
        &self.script
    }

    /// A file with a token for each user.
    pub(super) fn tokens(&self) -> &Path {
        &self.tokens
    }

    /// The certificate that all proxies show.
    pub(super) fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The directory of the configurations and the programs' messages.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Our own load generator, on the load's core.
    pub(super) fn loadgen(&self) -> Result<Command> {
        on_load_core(&self.loadgen)
    }

    /// An error if a decision log dropped records: leaving work out is cheap.
    pub(super) fn expect_complete_logs(&self) -> Result<()> {
        for proxy in self.proxies.iter().filter(|proxy| proxy.setup.logs_decisions()) {
            match dropped(proxy)? {
                0 => println!("{}: every decision was logged", proxy.label()),
                some => bail!("{} dropped {some} records of its decision log", proxy.label()),
            }
        }
        Ok(())
    }

    /// An error if anything has ended.
    pub(super) fn expect_running(&mut self) -> Result<()> {
        self.origin.expect_running()?;
        self.proxies.iter_mut().try_for_each(Proxy::expect_running)
    }
}

/// Writes a token for each user into a file.
fn tokens(configs: &Path, dir: &Path) -> Result<PathBuf> {
    let printed = output(Command::new("python3").arg(configs.join("tokens.py")).arg(JWT_SECRET))?;
    let file = dir.join("tokens");
    fs::write(&file, printed).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}

/// Without this HAProxy holds each event back for 200 ms, hoping for more to send along; with it
/// plain replies would cost more. Its manual says to set it for streams only.
fn haproxy_option(origin: origin::Kind) -> &'static str {
    match origin {
        origin::Kind::Static => "",
        origin::Kind::Events => "option http-no-delay",
    }
}

/// nginx allocates them all at its start, and begins to close idle ones with a sixteenth left.
fn nginx_connections(origin: origin::Kind) -> u32 {
    match origin {
        origin::Kind::Static => 8_192,
        origin::Kind::Events => 65_536,
    }
}

/// The number of connections can be open through a proxy: each takes two of its files.
pub(super) fn most_connections() -> Result<u32> {
    Ok(open_files_limit()?.saturating_sub(OTHER_FILES) / 2)
}

/// The records that a Stagegate could not write into its decision log.
fn dropped(proxy: &Proxy) -> Result<u64> {
    let metrics = http::get(proxy.ports().admin, "/metrics")
        .with_context(|| format!("asking {} for its metrics", proxy.label()))?;
    sum(&metrics, "stagegate_decision_log_dropped_total")
        .with_context(|| format!("reading the metrics of {}", proxy.label()))
}

/// The sum of a metric over its labels; an error if it is not there.
fn sum(metrics: &str, name: &str) -> Result<u64> {
    let mut values = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.rsplit_once(' '))
        .map(|(_, value)| value.parse::<u64>().with_context(|| format!("{name} is {value}")))
        .peekable();
    if values.peek().is_none() {
        bail!("no {name} in: {}", metrics.lines().next().unwrap_or("an empty answer"));
    }
    values.sum()
}

fn start(label: &str, mut command: Command, dir: &Path) -> Result<Background> {
    let file = dir.join(format!("{label}.log"));
    let log = File::create(&file).with_context(|| format!("creating {}", file.display()))?;
    let same = log.try_clone().with_context(|| format!("opening {}", file.display()))?;
    Background::start(label, command.stdout(log).stderr(same))
        .with_context(|| format!("its messages are in {}", file.display()))
}

/// Waits until GET of this path is answered with 200.
fn await_answer(
    label: &str,
    port: u16,
    path: &str,
    alive: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        alive().with_context(|| format!("see target/bench/run/{label}.log"))?;
        let answer = http::get(port, path);
        if answer.as_ref().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ")) {
            return Ok(());
        }
        if Instant::now() > patience {
            bail!(
                "{label} does not answer on port {port} within 60 s, the last answer being {answer:?}; \
                 see target/bench/run/{label}.log"
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn extension(config: &str) -> &str {
    config.rfind('.').map_or("", |dot| &config[dot..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let metrics =
            "# HELP lost x\nlost{why=\"a\"} 2\nlost{why=\"b\"} 3\nlost_too{why=\"a\"} 9\n";
        assert_eq!(sum(metrics, "lost").expect("there"), 5);
        assert!(sum(metrics, "los").is_err());
    }

    #[test]
    fn an_answer_is_awaited_and_a_dead_program_is_noticed() {
        let error = await_answer("peer", 1, "/", &mut || bail!("peer ended")).expect_err("dead");
        assert!(format!("{error:#}").contains("peer ended"));
    }
}
