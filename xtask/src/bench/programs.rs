//! The programs of a benchmark: installed or built when they are not there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{panic, thread};

use anyhow::{Context, Result};

use crate::bench::case::{Case, Load, Who};
use crate::bench::gateways::Gateways;
use crate::bench::proxy::Kind;
use crate::bench::schema::Knows;
use crate::process::run;
use crate::project::Project;
use crate::tools::{self, find_below};

/// The paths of the programs, and the abilities of the Stagegate among them.
pub(super) struct Programs {
    peers: PathBuf,
    stagegate: Option<PathBuf>,
    pingora: Option<PathBuf>,
    gateways: Option<Gateways>,
    pub(super) loadgen: PathBuf,
    pub(super) knows: Knows,
}

impl Programs {
    /// Makes all that `kinds` and `cases` need; `binary` is a Stagegate that is built already.
    pub(super) fn get(
        project: &Project,
        kinds: &[Kind],
        cases: &[&Case],
        binary: Option<&Path>,
    ) -> Result<Self> {
        let any = |wanted: fn(&Case) -> bool| cases.iter().any(|case| wanted(case));
        tools::system("wrk", "wrk")?;
        if any(|case| matches!(case.load, Load::H2 { .. })) {
            tools::system("h2load", "nghttp2-client")?;
        }
        tools::system("openssl", "openssl")?;
        let peers = tools::python(project, "bench/peers", "benches/load/requirements.txt")?;
        let gateways =
            any(|case| case.who == Who::Gateways).then(|| Gateways::get(project)).transpose()?;
        let generates =
            any(|case| matches!(case.load, Load::Rate { .. } | Load::Handshakes | Load::Streams));
        let built = || -> Result<(Option<PathBuf>, PathBuf)> {
            let stagegate = match (kinds.contains(&Kind::Stagegate), binary) {
                (false, _) => None,
                (true, Some(built)) => Some(built.to_owned()),
                (true, None) => Some(stagegate(project)?),
            };
            Ok((stagegate, if generates { loadgen(project)? } else { PathBuf::new() }))
        };
        let splits = || kinds.contains(&Kind::Pingora).then(|| pingora(project)).transpose();
        // They share nothing but the processor: the one's linking fills the other's pauses.
        let (built, pingora) = thread::scope(|scope| {
            let pingora = scope.spawn(splits);
            (built(), pingora.join().unwrap_or_else(|panic| panic::resume_unwind(panic)))
        });
        let ((stagegate, loadgen), pingora) = (built?, pingora?);
        let knows = stagegate.as_deref().map(Knows::ask).transpose()?.unwrap_or_default();
        Ok(Self { peers, stagegate, pingora, gateways, loadgen, knows })
    }

    /// The program of a product.
    pub(super) fn of(&self, kind: Kind) -> Result<PathBuf> {
        let known = match kind {
            Kind::Stagegate => self.stagegate.as_ref(),
            Kind::Pingora => self.pingora.as_ref(),
            Kind::Litellm => self.gateways.as_ref().map(|gateways| &gateways.litellm),
            Kind::Portkey => self.gateways.as_ref().map(|gateways| &gateways.portkey),
            _ => None,
        };
        match known {
            Some(program) => Ok(program.clone()),
            // Wheels hide a program in a directory named after the machine.
            None => find_below(&self.peers.join("lib"), kind.label()),
        }
    }

    /// The first line of what a product says about its version.
    pub(super) fn version(&self, kind: Kind) -> Result<String> {
        if kind == Kind::Portkey {
            // It takes every start for one that serves.
            return self
                .gateways
                .as_ref()
                .context("Portkey's gateway is not installed")?
                .portkey_version();
        }
        let program = self.of(kind)?;
        let said = Command::new(&program)
            .arg(kind.version_flag())
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("asking {} for its version", program.display()))?;
        // nginx says it on standard error.
        let said = if said.stdout.is_empty() { said.stderr } else { said.stdout };
        let said = String::from_utf8_lossy(&said);
        let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("(says nothing)");
        // Envoy begins with its own path.
        Ok(line.rsplit("version:").next().unwrap_or(line).trim().to_owned())
    }
}

fn stagegate(project: &Project) -> Result<PathBuf> {
    println!("building stagegate (release)");
    run(&mut project.cargo(&["build", "--release", "--locked", "--bin", "stagegate"]))?;
    Ok(project.cargo_target().join("release/stagegate"))
}

fn loadgen(project: &Project) -> Result<PathBuf> {
    println!("building the load generator (release)");
    run(&mut project.cargo(&["build", "--release", "--locked", "--package", "stagegate-loadgen"]))?;
    Ok(project.cargo_target().join("release/stagegate-loadgen"))
}

/// A package outside the workspace, in a target directory of its own.
fn pingora(project: &Project) -> Result<PathBuf> {
    println!("building the pingora splitter (release)");
    let target = project.scratch("bench/pingora")?;
    let manifest = project.path("benches/peers/pingora-splitter/Cargo.toml");
    run(project
        .cargo(&["build", "--release", "--locked", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target))?;
    Ok(target.join("release/pingora-splitter"))
}
