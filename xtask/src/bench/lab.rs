//! The laboratory: an origin, the proxies in front of it, each on its core.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::http;
use crate::bench::proxy::{Kind, Proxy, Setup};
use crate::process::{Background, run};
use crate::project::Project;
use crate::tools;

/// The core of whichever proxy is measured.
pub(super) const PROXY_CORE: &str = "0";
/// The core of the load generator and the origin.
pub(super) const LOAD_CORE: &str = "1";

/// Everything that runs during a benchmark; all of it ends when this is dropped.
pub(super) struct Lab {
    dir: PathBuf,
    script: PathBuf,
    proxies: Vec<Proxy>,
    origin: Background,
}

/// Values for the `{{name}}`s in a configuration.
type Values<'a> = &'a [(&'a str, String)];

impl Lab {
    /// Installs what is missing, starts the origin and a proxy per set-up, and
    /// returns when each of them answers.
    pub(super) fn open(project: &Project, kinds: &[Kind], binary: Option<&Path>) -> Result<Self> {
        let peers = tools::python(project, "bench/peers", "benches/load/requirements.txt")?;
        let stagegate = match (kinds.contains(&Kind::Stagegate), binary) {
            (false, _) => None,
            (true, Some(built)) => Some(built.to_owned()),
            (true, None) => Some(build(project)?),
        };
        let dir = project.path("target/bench/run");
        if dir.exists() {
            // What an earlier run stored must not weigh on this one.
            fs::remove_dir_all(&dir).with_context(|| format!("removing {}", dir.display()))?;
        }
        let dir = project.scratch("bench/run")?;
        let configs = project.path("benches/load");

        let [stable_port, candidate_port] = free_ports()?;
        let shared = [
            ("dir", dir.display().to_string()),
            ("stable_port", stable_port.to_string()),
            ("candidate_port", candidate_port.to_string()),
            ("body_300", body(300)),
            ("body_1k", body(1024)),
        ];
        let config = render(&configs.join("origin.nginx.conf"), &dir, "origin.conf", &shared)?;
        let program = Kind::Nginx.peer_program(&peers)?;
        let mut command = pinned(LOAD_CORE, &program);
        Kind::Nginx.arguments(&config, &mut command);
        let mut origin = start("origin", command, &dir)?;
        for port in [stable_port, candidate_port] {
            await_answer("origin", port, &mut || origin.expect_running())?;
        }

        let mut lab =
            Self { dir, script: configs.join("requests.lua"), proxies: Vec::new(), origin };
        for setup in kinds.iter().flat_map(|kind| kind.setups()) {
            let program = match &stagegate {
                Some(binary) if setup.kind == Kind::Stagegate => binary.clone(),
                _ => setup.kind.peer_program(&peers)?,
            };
            lab.add(*setup, &program, &configs, &shared)?;
        }
        Ok(lab)
    }

    fn add(
        &mut self,
        setup: Setup,
        program: &Path,
        configs: &Path,
        shared: Values<'_>,
    ) -> Result<()> {
        let label = setup.label();
        let [proxy_port, admin_port] = free_ports()?;
        let mut values = shared.to_vec();
        values.push(("proxy_port", proxy_port.to_string()));
        values.push(("admin_port", admin_port.to_string()));
        let name = format!("{label}{}", extension(setup.config));
        let config = render(&configs.join(setup.config), &self.dir, &name, &values)?;
        let mut command = pinned(PROXY_CORE, program);
        setup.kind.arguments(&config, &mut command);
        let mut process = start(&label, command, &self.dir)?;
        await_answer(&label, proxy_port, &mut || process.expect_running())?;
        let version = version(setup.kind, program)?;
        self.proxies.push(Proxy::new(setup, version, [proxy_port, admin_port], process));
        Ok(())
    }

    /// The running proxies.
    pub(super) fn proxies(&self) -> &[Proxy] {
        &self.proxies
    }

    /// What wrk sends.
    pub(super) fn script(&self) -> &Path {
        &self.script
    }

    /// Where the configurations and the programs' messages are.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
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

/// The records that a Stagegate could not write into its decision log.
fn dropped(proxy: &Proxy) -> Result<u64> {
    let metrics = http::get(proxy.admin_port(), "/metrics")
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

/// Builds the release binary and says where it is.
fn build(project: &Project) -> Result<PathBuf> {
    println!("building stagegate (release)");
    run(&mut project.cargo(&["build", "--release", "--locked", "--bin", "stagegate"]))?;
    Ok(project.cargo_target().join("release/stagegate"))
}

/// A command on one core that does not outlive us, however we end.
fn pinned(core: &str, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", core]).arg(program);
    command
}

fn start(label: &str, mut command: Command, dir: &Path) -> Result<Background> {
    let file = dir.join(format!("{label}.log"));
    let log = File::create(&file).with_context(|| format!("creating {}", file.display()))?;
    let same = log.try_clone().with_context(|| format!("opening {}", file.display()))?;
    Background::start(label, command.stdout(log).stderr(same))
        .with_context(|| format!("its messages are in {}", file.display()))
}

/// Waits until GET /small is answered with 200.
fn await_answer(label: &str, port: u16, alive: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        alive().with_context(|| format!("see target/bench/run/{label}.log"))?;
        let answer = http::get(port, "/small");
        if answer.as_ref().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ")) {
            return Ok(());
        }
        if Instant::now() > patience {
            bail!(
                "{label} does not answer on port {port} within 20 s, the last answer being {answer:?}; \
                 see target/bench/run/{label}.log"
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Two ports that nobody listens on.
fn free_ports() -> Result<[u16; 2]> {
    // Both are held until both are known, so that they differ.
    let one = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
    Ok([one.local_addr()?.port(), other.local_addr()?.port()])
}

fn body(length: usize) -> String {
    const TEXT: &str = "the agent thought about it and then answered at some length. ";
    TEXT.chars().cycle().take(length).collect()
}

/// Writes a configuration with its `{{name}}`s replaced.
fn render(template: &Path, dir: &Path, name: &str, values: Values<'_>) -> Result<PathBuf> {
    let text =
        fs::read_to_string(template).with_context(|| format!("reading {}", template.display()))?;
    let text = fill(&text, values).with_context(|| format!("in {}", template.display()))?;
    let file = dir.join(name);
    fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}

fn fill(template: &str, values: Values<'_>) -> Result<String> {
    let text = values.iter().fold(template.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{{{name}}}}}"), value)
    });
    // A closing pair is fine: flow mappings of YAML end so.
    if let Some((_, rest)) = text.split_once("{{") {
        bail!("nothing is known to put for {{{{{}", rest.lines().next().unwrap_or_default());
    }
    Ok(text)
}

fn extension(config: &str) -> &str {
    config.rfind('.').map_or("", |dot| &config[dot..])
}

/// The first line of what a program says about its version; nginx says it on
/// standard error.
fn version(kind: Kind, program: &Path) -> Result<String> {
    let said = Command::new(program)
        .arg(kind.version_flag())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("asking {} for its version", program.display()))?;
    let said = if said.stdout.is_empty() { said.stderr } else { said.stdout };
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("(says nothing)");
    // Envoy begins with its own path.
    Ok(line.rsplit("version:").next().unwrap_or(line).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_filled_in_or_refused() {
        let values = [("port", "80".to_owned())];
        assert_eq!(fill("listen {{port}};", &values).expect("filled"), "listen 80;");
        let error = fill("listen {{prot}};", &values).expect_err("unknown").to_string();
        assert!(error.contains("{{prot}};"), "{error}");
    }

    #[test]
    fn bodies_have_the_length_asked_for() {
        assert_eq!(body(300).len(), 300);
        assert_eq!(body(1024).len(), 1024);
    }

    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let metrics =
            "# HELP lost x\nlost{why=\"a\"} 2\nlost{why=\"b\"} 3\nlost_too{why=\"a\"} 9\n";
        assert_eq!(sum(metrics, "lost").expect("there"), 5);
        assert!(sum(metrics, "los").is_err());
    }

    #[test]
    fn an_answer_is_awaited_and_a_dead_program_is_noticed() {
        let error = await_answer("peer", 1, &mut || bail!("peer ended")).expect_err("dead");
        assert!(format!("{error:#}").contains("peer ended"));
    }
}
