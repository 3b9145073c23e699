//! Schemathesis: requests made from the OpenAPI document, good and bad ones, as each role. Every answer
//! must be one that the document names, and no request may be a server error.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{backend, lab};
use crate::process::{Background, output, run};
use crate::project::Project;
use crate::tools;

/// The name of the check.
pub(super) const NAME: &str = "schemathesis";

/// Who asks; `none` has no token.
const ROLES: [&str; 4] = ["none", "viewer", "operator", "admin"];
/// Requests of each kind for each operation.
const EXAMPLES: &str = "15";
/// Two flags, one with two variants and one with three.
const FLAGS: &str = r#"{ "flags": {
    "new-prompt": { "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "off" },
    "model": { "state": "ENABLED", "variants": { "a": "m1", "b": "m2", "c": "m3" }, "defaultVariant": "a" }
} }"#;
/// The time that the program may take to listen.
const START: Duration = Duration::from_secs(60);

/// Asks as each role, on a server of its own.
pub(super) fn check(project: &Project, binary: &Path) -> Result<()> {
    let scripts = project.path("xtask/src/wire/schema");
    let python = tools::python(project, "schemathesis", "xtask/src/wire/schema/requirements.txt")?;
    let st = python.join("bin/st");
    let mut found = Vec::new();
    for role in ROLES {
        let dir = project.scratch("wire-schema")?;
        let served = Served::start(&dir, binary, role)?;
        let mut command = Command::new(&st);
        command.current_dir(&dir).arg("--config-file").arg(scripts.join("schemathesis.toml"));
        command.args(["run", &format!("{}/openapi.json", served.url)]);
        command.args(["--checks", "all", "--max-examples", EXAMPLES, "--request-timeout", "35"]);
        command.args(["--continue-on-failure", "--no-color"]);
        if let Some(token) = &served.token {
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        println!("as {role}:");
        if run(&mut command).is_err() {
            found.push(role);
        }
        served.expect_no_panic()?;
    }
    if !found.is_empty() {
        bail!("schemathesis found something as {}", found.join(", "));
    }
    Ok(())
}

/// A Stagegate with something of everything, and a token of the wanted role.
struct Served {
    url: String,
    token: Option<String>,
    log: PathBuf,
    _stagegate: Background,
}

impl Served {
    fn start(dir: &Path, binary: &Path, role: &str) -> Result<Self> {
        let [proxy, admin] = [lab::free()?, lab::free()?];
        let data = dir.join("data");
        if data.exists() {
            fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))?;
        }
        // Without any token everyone may do everything, so there always is one.
        let wanted = if role == "none" { "viewer" } else { role };
        let made = output(
            Command::new(binary)
                .args(["token", "new", "--name", "check", "--role", wanted, "-o", "json"]),
        )?;
        let made: serde_json::Value =
            serde_json::from_str(&made).context("`token new -o json` printed no JSON")?;
        let text = |field: &str| {
            let text = made[field].as_str().with_context(|| format!("no {field} in {made}"));
            text.map(str::to_owned)
        };
        let flags = dir.join("flags.json");
        fs::write(&flags, FLAGS).with_context(|| format!("writing {}", flags.display()))?;
        let config = dir.join("stagegate.yaml");
        let yaml = configuration(proxy, admin, &data, wanted, &text("hash")?)?;
        fs::write(&config, yaml).with_context(|| format!("writing {}", config.display()))?;
        let log = dir.join(format!("{role}.log"));
        let file = fs::File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let mut command = Command::new(binary);
        command.args(["serve", "-c"]).arg(&config).stdout(Stdio::null()).stderr(file);
        let mut stagegate = Background::start("stagegate", &mut command)?;
        let deadline = Instant::now() + START;
        while std::net::TcpStream::connect(admin).is_err() {
            stagegate.expect_running()?;
            if Instant::now() > deadline {
                bail!("the admin API is not served; see {}", log.display());
            }
            sleep(Duration::from_millis(50));
        }
        let token = (role != "none").then(|| text("token")).transpose()?;
        Ok(Self { url: format!("http://{admin}"), token, log, _stagegate: stagegate })
    }

    fn expect_no_panic(&self) -> Result<()> {
        let said = fs::read_to_string(&self.log).context("reading the log")?;
        if said.contains("panicked") {
            bail!("something panicked; see {}", self.log.display());
        }
        Ok(())
    }
}

fn configuration(
    proxy: SocketAddr,
    admin: SocketAddr,
    data: &Path,
    role: &str,
    hash: &str,
) -> Result<String> {
    let (stable, candidate, hook) = (backend::start()?, backend::start()?, backend::start()?);
    let flags = lab::free()?;
    Ok(format!(
        "listeners: [{{ address: {proxy} }}]
admin: {{ address: {admin}, tokens: [{{ name: check, role: {role}, hash: \"{hash}\" }}] }}
data_dir: {}
flags: {{ listen: {flags}, files: [flags.json] }}
notify: [{{ name: hook, type: webhook, url: \"http://{hook}/\", secret: 0123456789abcdef }}]
policies:
  fast:
    steps: [{{ weight: 10%, hold: 1s, requests: 5 }}, {{ weight: 100%, watch: 1h }}]
    gates: [{{ axis: error, class: permanent, max: 20%, requests: 50, for: 1s }}]
    drill_within: \"off\"
    offline_report: optional
workloads:
  agent:
    match: [{{ path_prefix: / }}]
    health: off
    sticky: request
    policy: fast
    identity: {{ tenant: [{{ header: x-tenant-id }}] }}
    releases:
      v1: {{ endpoints: [\"http://{stable}\"], artifact: {{ model: m1 }} }}
      v2: {{ endpoints: [\"http://{candidate}\"], artifact: {{ model: m2 }} }}
    stable: v1
    candidate: v2
    cohorts: [{{ name: pilots, tenants: [acme] }}, {{ name: wave2, tenants: [globex] }}]
    exclusions: {{ regulated: [medco] }}
    scorers: [{{ name: ok, type: contains, value: a, gate: true }}]
    sampling: {{ stable: 100%, candidate: 100% }}
",
        data.display()
    ))
}
