//! `stagegate release`: the versions of a workload's backend.

use super::change::workload_path;
use super::client::{AdminClient, Failure, typed};
use super::output::{self, Format, moment};
use super::table::Table;
use clap::Subcommand;
use serde_json::Value;
use stagegate_admin::api::types::{ReleaseDetail, Releases};
use std::fmt::Write;
use std::process::ExitCode;

/// What can be asked about releases.
#[derive(Subcommand, Debug)]
pub(super) enum ReleaseCommand {
    /// List the releases.
    Ls {
        /// The workload.
        workload: String,
    },
    /// Show one release: its endpoints and what it is made of.
    Show {
        /// The workload.
        workload: String,
        /// The release.
        release: String,
    },
}

pub(super) fn run(
    client: &AdminClient,
    command: &ReleaseCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    let (ReleaseCommand::Ls { workload } | ReleaseCommand::Show { workload, .. }) = command;
    let answer = client.get(&workload_path(workload, "/releases"))?;
    let releases: Releases = typed(&answer)?;
    match command {
        ReleaseCommand::Ls { .. } => output::show(format, &answer, || list(&releases)),
        ReleaseCommand::Show { release, .. } => {
            let Some(place) = releases.releases.iter().position(|r| r.name == *release) else {
                let known: Vec<&str> = releases.releases.iter().map(|r| r.name.as_str()).collect();
                return Err(Failure::Local(format!(
                    "no release `{release}`; there are: {}",
                    known.join(", ")
                )));
            };
            let raw: &Value = &answer["releases"][place];
            output::show(format, raw, || one(&releases.releases[place]));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn pins(release: &ReleaseDetail) -> Vec<(&'static str, &str)> {
    let artifact = &release.artifact;
    [
        ("model", &artifact.model),
        ("prompt", &artifact.prompt),
        ("tools", &artifact.tools),
        ("git", &artifact.git_tag),
        ("digest", &artifact.digest),
        ("notes", &artifact.notes),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    .collect()
}

fn list(releases: &Releases) -> String {
    let mut table = Table::new(["release", "role", "endpoints", "artifact"]);
    for release in &releases.releases {
        let role = match (&release.role, release.configured) {
            (Some(role), _) => role.as_str(),
            (None, true) => "",
            (None, false) => "not in the file",
        };
        let pins = pins(release);
        let pins: Vec<&str> = pins.iter().map(|(_, value)| *value).collect();
        table.row(vec![
            release.name.clone(),
            role.to_owned(),
            release.endpoints.join(" "),
            pins.join(" "),
        ]);
    }
    table.or("no releases")
}

fn one(release: &ReleaseDetail) -> String {
    let mut text = format!("release      {}\n", release.name);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<13}{value}");
    };
    line("role", release.role.as_deref().unwrap_or("none"));
    line("endpoints", &release.endpoints.join(" "));
    for (name, value) in pins(release) {
        line(name, value);
    }
    line("fingerprint", &release.fingerprint);
    line("registered", &moment(release.registered_at_ms));
    line("artifact", if release.used { "frozen: it has served" } else { "may still change" });
    if !release.configured {
        line("file", "no longer in the configuration file");
    }
    text
}
