//! Feature flags: the evaluations of the built binary against those of flagd's own implementations, for
//! random contexts.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::lab::free;
use crate::process::{Background, output, run};
use crate::project::Project;
use crate::tools;

/// The name of the check.
pub(super) const NAME: &str = "flags";

/// Random contexts.
const CONTEXTS: &str = "10000";
/// The implementation of v2.
const NODE_PACKAGES: [&str; 2] = ["@openfeature/flagd-core@4.0.1", "@openfeature/core@1.12.0"];
/// The time that the program may take to listen.
const START: Duration = Duration::from_secs(60);

/// Compares v2 with the JavaScript implementation and v3 with the Python one.
pub(super) fn check(project: &Project, binary: &Path) -> Result<()> {
    let dir = project.scratch("wire-flags")?;
    let scripts = project.path("xtask/src/wire/flags");
    let (rules, contexts) = (scripts.join("rules.json"), dir.join("contexts.json"));
    let python = tools::python(project, "flags", "xtask/src/wire/flags/requirements.txt")?;
    let python = || Command::new(python.join("bin/python"));
    run(python().arg(scripts.join("compare.py")).args(["contexts", CONTEXTS]).arg(&contexts))?;
    let node = dir.join("node");
    fs::create_dir_all(&node).with_context(|| format!("creating {}", node.display()))?;
    let quiet = ["install", "--no-audit", "--no-fund", "--loglevel=error"];
    run(Command::new("npm").args(quiet).args(NODE_PACKAGES).current_dir(&node))?;
    let v2 = Served::start(&dir, binary, &rules, "v2")?;
    let mut javascript = Command::new("node");
    javascript.arg(scripts.join("compare.mjs")).arg(&node).arg(&v2.url).arg(&rules).arg(&contexts);
    println!("v2, @openfeature/flagd-core: {}", output(&mut javascript)?.trim());
    drop(v2);
    let v3 = Served::start(&dir, binary, &rules, "v3")?;
    let mut compare = python();
    compare.arg(scripts.join("compare.py")).arg(&v3.url).arg(&rules).arg(&contexts);
    println!("v3, openfeature-flagd-core: {}", output(&mut compare)?.trim());
    Ok(())
}

/// A Stagegate that serves the flags. It ends with the value.
struct Served {
    url: String,
    _stagegate: Background,
}

impl Served {
    fn start(dir: &Path, binary: &Path, rules: &Path, bucketing: &str) -> Result<Self> {
        let [proxy, admin, flags] = [free()?, free()?, free()?];
        let data = dir.join(bucketing);
        let config = dir.join(format!("{bucketing}.yaml"));
        let text = format!(
            "listeners: [{{ address: {proxy} }}]\nadmin: {{ address: {admin} }}\ndata_dir: {}\n\
             flags: {{ listen: {flags}, files: [{}], bucketing: {bucketing} }}\nworkloads:\n  agent: \
             {{ match: [{{ path_prefix: / }}], stable: v1, health: off, \
             releases: {{ v1: {{ endpoints: [\"http://127.0.0.1:9\"] }} }} }}\n",
            data.display(),
            rules.display(),
        );
        fs::write(&config, text).with_context(|| format!("writing {}", config.display()))?;
        let log =
            fs::File::create(dir.join(format!("{bucketing}.log"))).context("creating a log")?;
        let mut command = Command::new(binary);
        command.args(["serve", "-c"]).arg(&config).stdout(Stdio::null()).stderr(log);
        let mut stagegate = Background::start("stagegate", &mut command)?;
        let deadline = Instant::now() + START;
        while std::net::TcpStream::connect(flags).is_err() {
            stagegate.expect_running()?;
            if Instant::now() > deadline {
                bail!("the flags are not served; see {}/{bucketing}.log", dir.display());
            }
            sleep(Duration::from_millis(50));
        }
        Ok(Self { url: format!("http://{flags}"), _stagegate: stagegate })
    }
}
