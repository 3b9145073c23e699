//! Gateways for models, which the case `gateways` compares with: installed when the case is asked
//! for, because they take 700 MB.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bench::ports::Ports;
use crate::process::run;
use crate::project::Project;
use crate::tools;

/// Their programs.
pub(super) struct Gateways {
    pub(super) litellm: PathBuf,
    pub(super) portkey: PathBuf,
}

impl Gateways {
    /// Installs those that are not there.
    pub(super) fn get(project: &Project) -> Result<Self> {
        let python = tools::python(project, "bench/litellm", LITELLM)?;
        Ok(Self { litellm: python.join("bin/litellm"), portkey: portkey(project)? })
    }

    /// The version of Portkey's gateway, as its package states it.
    pub(super) fn portkey_version(&self) -> Result<String> {
        let program = self.portkey.canonicalize().context("finding Portkey's gateway")?;
        let package = program.with_file_name("../package.json");
        let text = fs::read_to_string(&package)
            .with_context(|| format!("reading {}", package.display()))?;
        let package: Value = serde_json::from_str(&text).context("reading its package.json")?;
        Ok(package["version"].as_str().unwrap_or("(says nothing)").to_owned())
    }
}

const LITELLM: &str = "benches/load/gateways/requirements.txt";

fn portkey(project: &Project) -> Result<PathBuf> {
    tools::system("node", "nodejs")?;
    tools::system("npm", "npm")?;
    let dir = project.scratch("bench/portkey")?;
    let program = dir.join("node_modules/.bin/gateway");
    let (wanted, here) =
        (project.path("benches/load/gateways/package.json"), dir.join("package.json"));
    let wanted =
        fs::read_to_string(&wanted).with_context(|| format!("reading {}", wanted.display()))?;
    if program.is_file() && fs::read_to_string(&here).is_ok_and(|installed| installed == wanted) {
        return Ok(program);
    }
    println!("installing Portkey's gateway into {}", dir.display());
    fs::write(&here, wanted).with_context(|| format!("writing {}", here.display()))?;
    let quiet = ["install", "--no-audit", "--no-fund", "--silent"];
    run(Command::new("npm").args(quiet).current_dir(&dir))?;
    Ok(program)
}

/// The header fields by which Portkey's gateway knows where to send a request: the same 90/10 split.
pub(super) fn portkey_fields(ports: &Ports) -> Vec<String> {
    let target = |port: u16, weight: &str| {
        format!(
            r#"{{"provider":"openai","api_key":"none","custom_host":"http://127.0.0.1:{port}/v1","weight":{weight}}}"#
        )
    };
    let targets = [target(ports.stable, "0.9"), target(ports.candidate, "0.1")].join(",");
    vec![format!(
        r#"x-portkey-config: {{"strategy":{{"mode":"loadbalance"}},"targets":[{targets}]}}"#
    )]
}
