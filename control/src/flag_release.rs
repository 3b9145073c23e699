//! The release that differs from the stable one in the variant of a flag: what a rollout of a flag rolls
//! out. Pure.
//!
//! The stable release stays as it is, so its requests get the flag as everybody gets it now. After a
//! rollback nothing of the rollout is left in force.

use super::View;
use stagegate_config::settings::RequestChanges;
use stagegate_config::{Artifact, Origin, PinnedRequest, Release};
use stagegate_flags::{DecidedBy, FlagSet, Scratch, Variant};
use stagegate_rollout::ReleaseName;

/// Longest name of a release.
const LONGEST: usize = 63;

/// A release with a variant of a flag.
#[derive(Clone, Debug, PartialEq)]
pub struct FlagRelease {
    /// Its name: that of the stable release, the flag and the variant.
    pub name: ReleaseName,
    /// The release.
    pub release: Release,
    /// It is registered already, as it is here.
    pub is_there: bool,
}

/// The reason why a flag cannot be rolled out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFlagRelease {
    /// There is no such workload.
    #[error("there is no workload `{name}`; there are: {known}")]
    Workload {
        /// The name.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// There is no such flag.
    #[error("there is no flag `{0}`; `stagegate flag ls` lists them")]
    Flag(String),
    /// The flag has no such variant.
    #[error("flag `{flag}` has no variant `{variant}`; it has {known}")]
    Variant {
        /// The flag.
        flag: String,
        /// The variant.
        variant: String,
        /// Those that exist.
        known: String,
    },
    /// It would compare a variant with itself.
    #[error("every request gets `{variant}` of `{flag}` already: there is nothing to roll out")]
    Already {
        /// The flag.
        flag: String,
        /// The variant.
        variant: String,
    },
    /// A flag that is off comes before a release.
    #[error("flag `{0}` is off, which comes before any release: `stagegate flag on {0}` first")]
    Off(String),
    /// A release of run time cannot have that.
    #[error(
        "release `{0}` has TLS settings of its own, which only a release of the file can have: write one into the file with `flags: {{ {1}: \"{2}\" }}`, and start with `--to` its name"
    )]
    Tls(ReleaseName, String, String),
    /// Something of it cannot be used.
    #[error("the release cannot be made: {0}")]
    Unusable(String),
}

/// The release that `workload`'s stable release becomes with `flag` at `variant`.
///
/// # Errors
/// A [`NoFlagRelease`].
pub fn flag_release(
    view: &View,
    set: &FlagSet,
    workload: &str,
    (flag, variant): (&str, &str),
) -> Result<FlagRelease, NoFlagRelease> {
    let no_workload = || NoFlagRelease::Workload { name: workload.to_owned(), known: view.known() };
    let (_, live) = view.find(workload).ok_or_else(no_workload)?;
    let stable = &live.split.state().stable;
    let of_workload = view.config.workload(workload).ok_or_else(no_workload)?;
    let release = of_workload.releases.get(stable).ok_or_else(no_workload)?;
    let before = release.artifact.request.as_ref().map(|it| RequestChanges::clone(it.changes()));
    let mut changes = before.unwrap_or_default();
    let pinned = changes.flags.iter().find(|(key, _)| key == flag).map(|(_, it)| it.clone());
    check(set, workload, (flag, variant), pinned.as_deref())?;
    if release.upstream_tls.is_some() {
        return Err(NoFlagRelease::Tls(stable.clone(), flag.to_owned(), variant.to_owned()));
    }
    changes.flags.retain(|(key, _)| key != flag);
    changes.flags.push((flag.to_owned(), variant.to_owned()));
    changes.flags.sort_unstable();
    let artifact = Artifact {
        request: PinnedRequest::new(changes),
        notes: Some(format!("{stable} with {variant} of flag {flag}")),
        ..release.artifact.clone()
    };
    let base = pinned.map_or_else(
        || stable.to_string(),
        |former| {
            let end = format!(".{}", text(&[flag, &former]));
            stable.as_str().strip_suffix(&end).unwrap_or(stable.as_str()).to_owned()
        },
    );
    let name = name(&base, flag, variant)?;
    let made = Release {
        endpoints: release.endpoints.clone(),
        artifact,
        origin: Origin::RunTime,
        upstream_tls: None,
    };
    let is_there = of_workload
        .releases
        .get(&name)
        .is_some_and(|it| it.fingerprint() == made.fingerprint() && it.endpoints == made.endpoints);
    Ok(FlagRelease { name, release: made, is_there })
}

fn check(
    set: &FlagSet,
    workload: &str,
    (flag, variant): (&str, &str),
    pinned: Option<&str>,
) -> Result<(), NoFlagRelease> {
    let found = set.get(flag).ok_or_else(|| NoFlagRelease::Flag(flag.to_owned()))?;
    if !found.variants().iter().any(|own| own.name() == variant) {
        let names: Vec<&str> = found.variants().iter().map(Variant::name).collect();
        let (flag, variant) = (flag.to_owned(), variant.to_owned());
        return Err(NoFlagRelease::Variant { flag, variant, known: names.join(", ") });
    }
    let mut scratch = Scratch::new();
    let context = scratch.of_fields(&[("workload", workload)]);
    let now = set.evaluate(flag, &context, 0);
    if now.decided_by() == DecidedBy::Off {
        return Err(NoFlagRelease::Off(flag.to_owned()));
    }
    let of_all = matches!(now.decided_by(), DecidedBy::Static | DecidedBy::Set);
    let of_all = now.variant().map(Variant::name).filter(|_| of_all);
    if pinned.or(of_all) == Some(variant) {
        let (flag, variant) = (flag.to_owned(), variant.to_owned());
        return Err(NoFlagRelease::Already { flag, variant });
    }
    Ok(())
}

/// The parts with a point between them, without what a name of a release cannot have.
fn text(parts: &[&str]) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    parts.join(".").chars().map(fits).collect()
}

/// The name of the release. One that is cut or changed ends with a digest of what it stands for.
fn name(base: &str, flag: &str, variant: &str) -> Result<ReleaseName, NoFlagRelease> {
    let whole = [base, flag, variant].join(".");
    let mut name = text(&[base, flag, variant]);
    if name != whole || name.len() > LONGEST {
        let digest = stagegate_rollout::murmur3_x86_32(whole.as_bytes());
        name.truncate(LONGEST - 9);
        name = format!("{name}-{digest:08x}");
    }
    name.parse().map_err(|error| NoFlagRelease::Unusable(format!("{error}")))
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn every_flag_and_variant_has_a_name_of_its_own() {
        let of = |flag: &str, variant: &str| -> String {
            name("v1", flag, variant).expect("a name").to_string()
        };
        assert_eq!(of("new-prompt", "on"), "v1.new-prompt.on");
        let odd = of("new prompt", "ü");
        assert!(odd.starts_with("v1.new-prompt.--") && odd.len() <= 63, "{odd}");
        assert_ne!(odd, of("new-prompt", "ä"));
        let long = of(&"f".repeat(200), "on");
        assert_eq!(long.len(), 63);
        assert_ne!(long, of(&"f".repeat(200), "off"));
    }
}
