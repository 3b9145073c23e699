//! Releases of the file and releases registered while the program runs, as one set. Pure.
//!
//! A release has one meaning, whoever declared it. Where both have a name, the pins must be the
//! same; the endpoints are then the file's, because machines move and the file is where that is
//! said. A release that was used keeps its contents for ever.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stagegate_config::{Artifact, Config, Endpoint, Origin, PinnedRequest, Release, Workload};
use stagegate_rollout::{ReleaseName, WorkloadName};
use stagegate_store::{NewRelease, RegisteredRelease};

/// A release that cannot be added or removed now. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseRefusal {
    /// The file declares the name with other contents.
    #[error(
        "release `{release}` of workload `{workload}` is in the configuration file with {declared}, and this one has {given}: give the new one another name, or change the file"
    )]
    InFile {
        /// Its workload.
        workload: WorkloadName,
        /// Its name.
        release: ReleaseName,
        /// The differences on the file's side.
        declared: String,
        /// The differences on the given side.
        given: String,
    },
    /// It was used with other contents.
    #[error(
        "release `{release}` of workload `{workload}` has been used by a rollout with {registered} and never changes again, and this one has {given}: give the new one another name"
    )]
    Used {
        /// Its workload.
        workload: WorkloadName,
        /// Its name.
        release: ReleaseName,
        /// The differences on the used release's side.
        registered: String,
        /// The differences on the given side.
        given: String,
    },
    /// It was used, so it stays.
    #[error(
        "release `{release}` of workload `{workload}` has been used by a rollout: it stays, so that the record of what ran and the way back to it stay true"
    )]
    Stays {
        /// Its workload.
        workload: WorkloadName,
        /// Its name.
        release: ReleaseName,
    },
    /// Only the file can take it away.
    #[error(
        "release `{release}` of workload `{workload}` comes from the configuration file: remove it there and reload"
    )]
    FromFile {
        /// Its workload.
        workload: WorkloadName,
        /// Its name.
        release: ReleaseName,
    },
    /// There is no such release.
    #[error("workload `{workload}` has no release `{release}`; it has: {known}")]
    Unknown {
        /// The workload.
        workload: WorkloadName,
        /// The name that was given.
        release: ReleaseName,
        /// The names that exist.
        known: String,
    },
    /// The data plane cannot serve it.
    #[error("the data plane cannot serve that: {0}")]
    Unservable(String),
}

/// The effect of adding or removing a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing changes.
    Already,
    /// Something changes; a description.
    Changes(String),
}

/// The releases that the file declares, as the registry wants them.
pub(super) fn declared(config: &Config) -> Vec<NewRelease> {
    let mut set = Vec::new();
    for workload in &config.workloads {
        let from_file = workload.releases.iter().filter(|(_, it)| it.origin == Origin::File);
        set.extend(from_file.map(|(name, release)| entry(&workload.spec.name, name, release)));
    }
    set
}

/// The release as the store's registry wants it.
pub(super) fn entry(workload: &WorkloadName, name: &ReleaseName, release: &Release) -> NewRelease {
    NewRelease {
        workload: workload.clone(),
        release: name.clone(),
        fingerprint: release.fingerprint(),
        artifact: stored_artifact(&release.artifact),
        // Whole, so that what is spoken there can be read back.
        endpoints: release.endpoints.iter().map(ToString::to_string).collect(),
    }
}

/// Adds the releases registered at run time to those of the file. Those of workloads that the file
/// does not have are left out.
///
/// # Errors
/// One line for each release that the file declares with other pins, naming both.
pub(super) fn join(
    config: &mut Config,
    registered: &[(WorkloadName, RegisteredRelease)],
) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    for (workload, stored) in registered {
        let Some(found) = config.workloads.iter_mut().find(|it| it.spec.name == *workload) else {
            continue;
        };
        match revive(stored) {
            Err(why) => problems.push(format!(
                "workload {workload}: release `{}`, registered at run time, cannot be read: {why}",
                stored.release
            )),
            Ok((name, release)) => match found.releases.get(&name) {
                None => found.put_release(name, release),
                Some(declared) if declared.fingerprint() == release.fingerprint() => {}
                Some(declared) => problems.push(clash(workload, stored, declared, &release)),
            },
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Returns true if a release of the configuration in force is not what the registry has: it was
/// removed, or registered again with other contents. `stored` is the registered release of its name.
pub(super) fn is_stale(known: &Release, stored: Option<&RegisteredRelease>) -> bool {
    if known.origin == Origin::File {
        return false;
    }
    let Some(stored) = stored else { return true };
    let endpoints: Vec<String> = stored.endpoints.iter().map(|it| whole(it)).collect();
    known.fingerprint() != stored.fingerprint
        || known.endpoints.iter().map(ToString::to_string).ne(endpoints)
}

/// The same name with other pins in the file and in the registry.
fn clash(
    workload: &WorkloadName,
    stored: &RegisteredRelease,
    declared: &Release,
    release: &Release,
) -> String {
    let name = &stored.release;
    let (file, run_time) = differences(declared, release, false);
    let remedy = if stored.used_ms.is_some() {
        "it has been used and cannot change: give the file's another name".to_owned()
    } else {
        format!(
            "give the file's another name, or remove the other with `stagegate release rm {workload} {name}`"
        )
    };
    format!(
        "workload {workload}: release `{name}` is in the file with {file}, and {} registered `{name}` at run time with {run_time}; {remedy}",
        stored.registered_by
    )
}

/// The release that was stored.
fn revive(stored: &RegisteredRelease) -> Result<(ReleaseName, Release), String> {
    let name = stored.release.parse().map_err(|e| format!("{e}"))?;
    let artifact: StoredArtifact =
        serde_json::from_value(stored.artifact.clone()).map_err(|e| e.to_string())?;
    let endpoints: Vec<String> = stored.endpoints.iter().map(|it| whole(it)).collect();
    let release = Release::given(&endpoints, artifact.try_into()?)
        .map_err(|wrong| wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    Ok((name, release))
}

/// The endpoint as it is written. Stores of the first schema kept `host:port` alone.
fn whole(endpoint: &str) -> String {
    if endpoint.contains("://") || endpoint.contains("unix:") {
        endpoint.to_owned()
    } else {
        format!("http://{endpoint}")
    }
}

/// The pins of a release as the registry and the audit keep them.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredArtifact {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    git_tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
}

/// An artifact as the registry and the audit keep it.
pub(super) fn stored_artifact(artifact: &Artifact) -> Value {
    let Artifact { model, prompt, tools, git_tag, digest, request, notes } = artifact.clone();
    let request = request.map(|request| request.text().to_owned());
    json!(StoredArtifact { model, prompt, tools, git_tag, digest, request, notes })
}

impl TryFrom<StoredArtifact> for Artifact {
    type Error = String;

    fn try_from(stored: StoredArtifact) -> Result<Self, String> {
        let StoredArtifact { model, prompt, tools, git_tag, digest, request, notes } = stored;
        let request = request.as_deref().map(PinnedRequest::from_text).transpose()?;
        Ok(Self { model, prompt, tools, git_tag, digest, request, notes })
    }
}

/// Checks that `given` may become the workload's release `name`.
///
/// # Errors
/// When the name stands for something else already, in the file or in a rollout.
pub(super) fn check_add(
    workload: &Workload,
    registered: Option<&RegisteredRelease>,
    name: &ReleaseName,
    given: &Release,
) -> Result<Verdict, ReleaseRefusal> {
    let of = || (workload.spec.name.clone(), name.clone());
    let same =
        |it: &Release| it.fingerprint() == given.fingerprint() && it.endpoints == given.endpoints;
    let present = workload.releases.get(name);
    if let Some(declared) = present.filter(|it| it.origin == Origin::File) {
        if same(declared) {
            return Ok(Verdict::Already);
        }
        let (declared, given) = differences(declared, given, true);
        let (workload, release) = of();
        return Err(ReleaseRefusal::InFile { workload, release, declared, given });
    }
    let known = registered.and_then(|stored| Some((stored, revive(stored).ok()?.1)));
    let Some((stored, known)) = known else {
        return Ok(Verdict::Changes(format!("release {name} added: {}", facts(given))));
    };
    // One that left the file may come back on other machines; one that is here may not move.
    let differs = known.fingerprint() != given.fingerprint() || (stored.run_time && !same(&known));
    if stored.used_ms.is_some() && differs {
        let (registered, given) = differences(&known, given, stored.run_time);
        let (workload, release) = of();
        return Err(ReleaseRefusal::Used { workload, release, registered, given });
    }
    if !stored.run_time {
        return Ok(Verdict::Changes(format!("release {name} added again: {}", facts(given))));
    }
    if same(&known) {
        // Notes are for people and may be put right at any time.
        return Ok(match known.artifact.notes == given.artifact.notes {
            true => Verdict::Already,
            false => Verdict::Changes(format!("release {name}: other notes")),
        });
    }
    Ok(Verdict::Changes(format!("release {name} changed: {}", facts(given))))
}

/// Checks that the workload's release `name` may be removed.
///
/// # Errors
/// When it is the file's, was used, or is not there.
pub(super) fn check_remove(
    workload: &Workload,
    registered: Option<&RegisteredRelease>,
    name: &ReleaseName,
) -> Result<Verdict, ReleaseRefusal> {
    let (of, release) = (workload.spec.name.clone(), name.clone());
    let Some(present) = workload.releases.get(name) else {
        let known: Vec<&str> = workload.releases.keys().map(ReleaseName::as_str).collect();
        let known = known.join(", ");
        return Err(ReleaseRefusal::Unknown { workload: of, release, known });
    };
    if present.origin == Origin::File {
        return Err(ReleaseRefusal::FromFile { workload: of, release });
    }
    if registered.is_some_and(|it| it.used_ms.is_some()) {
        return Err(ReleaseRefusal::Stays { workload: of, release });
    }
    Ok(Verdict::Changes(format!("release {name} removed: {}", facts(present))))
}

/// Endpoints and pins in a few words.
fn facts(release: &Release) -> String {
    let endpoints: Vec<String> = release.endpoints.iter().map(Endpoint::to_string).collect();
    let pins = release.artifact.pins().into_iter();
    let pins: Vec<String> =
        pins.filter_map(|(key, value)| Some(format!("{key} {}", value?))).collect();
    let at = format!("at {}", endpoints.join(", "));
    if pins.is_empty() { at } else { format!("{}, {at}", pins.join(", ")) }
}

/// Describes the differences between two releases, once from each side.
fn differences(one: &Release, other: &Release, endpoints_too: bool) -> (String, String) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let said = |key: &str, value: Option<&str>| match value {
        Some(value) => format!("{key} {value}"),
        None => format!("no {key}"),
    };
    for ((key, a), (_, b)) in one.artifact.pins().into_iter().zip(other.artifact.pins()) {
        if a != b {
            first.push(said(key, a));
            second.push(said(key, b));
        }
    }
    if endpoints_too && one.endpoints != other.endpoints {
        let list = |it: &Release| {
            let each: Vec<String> = it.endpoints.iter().map(Endpoint::to_string).collect();
            format!("endpoints {}", each.join(" "))
        };
        first.push(list(one));
        second.push(list(other));
    }
    (first.join(", "), second.join(", "))
}
