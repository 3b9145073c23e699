//! Releases as they go over the wire.

use stagegate_api::{
    Arm as ArmName, Artifact, EndpointStatus, Probe, ReleaseDetail, ReleaseDiff, ReleaseDifference,
    ReleasePart, Releases,
};
use stagegate_config::{Origin, Release};
use stagegate_control::{Live, View};
use stagegate_rollout::Arm;
use stagegate_store::RegisteredRelease;

/// Number of characters of a digest in a one-line description.
const DIGEST_SHOWN: usize = "sha256:".len() + 12;

/// The artifact of a release.
#[must_use]
pub fn artifact(artifact: &stagegate_config::Artifact) -> Artifact {
    Artifact {
        model: artifact.model.clone(),
        prompt: artifact.prompt.clone(),
        tools: artifact.tools.clone(),
        git_tag: artifact.git_tag.clone(),
        digest: artifact.digest.clone(),
        request: artifact.request.as_ref().map(|request| request.text().to_owned()),
        notes: artifact.notes.clone(),
    }
}

/// The releases of a workload: those the registry knows, with the roles they play now.
#[must_use]
pub fn releases(
    view: &View,
    live: &Live,
    registered: Vec<RegisteredRelease>,
    running: Vec<String>,
) -> Releases {
    let releases = registered.into_iter().map(|it| release(view, live, it)).collect();
    Releases { epoch: live.epoch, running, releases }
}

/// One release as the registry knows it, with the role it plays now.
#[must_use]
pub fn release(view: &View, live: &Live, release: RegisteredRelease) -> ReleaseDetail {
    let (spec, state) = (live.split.spec(), live.split.state());
    let role = if *state.stable.as_str() == *release.release {
        Some(ArmName::Stable)
    } else if state.candidate.as_ref().is_some_and(|it| *it.as_str() == *release.release) {
        Some(ArmName::Candidate)
    } else {
        None
    };
    let declared = view.config.workload(spec.name.as_str());
    let declared = declared.and_then(|it| it.releases.get(release.release.as_str()));
    ReleaseDetail {
        role,
        configured: declared.is_some_and(|it| it.origin == Origin::File),
        run_time: release.run_time,
        used: release.used_ms.is_some(),
        used_at_ms: release.used_ms,
        fingerprint: release.fingerprint,
        artifact: serde_json::from_value(release.artifact).unwrap_or_default(),
        endpoints: release.endpoints.iter().map(|it| shown(it)).collect(),
        registered_at_ms: release.registered_ms,
        registered_by: release.registered_by,
        eval_report: None,
        name: release.release,
    }
}

/// The endpoint as health checks call it: `host:port` where nothing but HTTP is spoken.
fn shown(endpoint: &str) -> String {
    endpoint.strip_prefix("http://").unwrap_or(endpoint).to_owned()
}

/// The differences between two releases, pins first.
#[must_use]
pub fn diff(from: &ReleaseDetail, to: &ReleaseDetail) -> ReleaseDiff {
    let mut differences = Vec::new();
    let mut compare = |part: ReleasePart, pin: bool, a: Option<String>, b: Option<String>| {
        if a != b {
            differences.push(ReleaseDifference { part, pin, from: a, to: b });
        }
    };
    let (a, b) = (&from.artifact, &to.artifact);
    compare(ReleasePart::Model, true, a.model.clone(), b.model.clone());
    compare(ReleasePart::Prompt, true, a.prompt.clone(), b.prompt.clone());
    compare(ReleasePart::Tools, true, a.tools.clone(), b.tools.clone());
    compare(ReleasePart::GitTag, true, a.git_tag.clone(), b.git_tag.clone());
    compare(ReleasePart::Digest, true, a.digest.clone(), b.digest.clone());
    compare(ReleasePart::Request, true, a.request.clone(), b.request.clone());
    let list = |it: &ReleaseDetail| Some(it.endpoints.join(", "));
    compare(ReleasePart::Endpoints, false, list(from), list(to));
    compare(ReleasePart::Notes, false, a.notes.clone(), b.notes.clone());
    ReleaseDiff {
        from: from.name.clone(),
        to: to.name.clone(),
        same_pins: differences.iter().all(|it| !it.pin),
        differences,
    }
}

/// Describes the running release of an arm in one line.
#[must_use]
pub fn running(
    arm: Arm,
    name: &str,
    release: Option<&Release>,
    endpoints: &[EndpointStatus],
) -> String {
    let pins = release.map(|it| it.artifact.pins());
    let mut facts: Vec<String> = pins
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| {
            let value = value?;
            Some(match key {
                "git_tag" => format!("git {value}"),
                "digest" => format!("digest {}", value.get(..DIGEST_SHOWN).unwrap_or(value)),
                _ => format!("{key} {value}"),
            })
        })
        .collect();
    if facts.is_empty() {
        facts.push("no `artifact` in the configuration".to_owned());
    }
    let total = endpoints.len();
    let healthy = endpoints.iter().filter(|it| it.health == Probe::Healthy).count();
    facts.push(if endpoints.iter().all(|it| it.health == Probe::Unknown) {
        format!("{total} endpoint{}, not checked", if total == 1 { "" } else { "s" })
    } else {
        format!("{healthy}/{total} endpoints healthy")
    });
    format!("{arm} {name}: {}", facts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::running;
    use stagegate_api::{EndpointStatus, Probe};
    use stagegate_config::{Artifact, Release};
    use stagegate_rollout::Arm;

    #[test]
    fn one_line_says_what_is_running() {
        let artifact = Artifact {
            model: Some("m-5".into()),
            prompt: Some("p-118".into()),
            git_tag: Some("agent@v42".into()),
            digest: Some(format!("sha256:{}", "ab".repeat(32))),
            ..Artifact::default()
        };
        let release = Release::given(&["http://a:1".to_owned()], artifact).expect("right");
        let endpoint = |health| EndpointStatus { address: "a:1".to_owned(), health };
        let endpoints = [endpoint(Probe::Healthy), endpoint(Probe::Unhealthy)];
        assert_eq!(
            running(Arm::Stable, "v42", Some(&release), &endpoints),
            "stable v42: model m-5, prompt p-118, git agent@v42, digest sha256:abababababab, 1/2 endpoints healthy"
        );
        assert_eq!(
            running(Arm::Candidate, "v43", None, &[endpoint(Probe::Unknown)]),
            "candidate v43: no `artifact` in the configuration, 1 endpoint, not checked"
        );
    }
}
