//! The pure core stays pure: no runtime, clock, randomness or telemetry may enter
//! its dependency tree.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use crate::process::output;
use crate::project::Project;

/// Packages that decide nothing themselves.
const PURE: &[&str] = &[
    "stagegate-flags",
    "stagegate-fleet",
    "stagegate-readiness",
    "stagegate-rollout",
    "stagegate-sequential",
    "stagegate-signals",
    "stagegate-spans",
    "stagegate-timing",
];

/// The packages that must not be below them, and what each would bring.
const FORBIDDEN: &[(&str, &str)] = &[
    ("async-std", "a runtime"),
    ("chrono", "a clock"),
    ("fastrand", "randomness"),
    ("getrandom", "randomness"),
    ("hyper", "IO"),
    ("log", "logging"),
    ("metrics", "telemetry"),
    ("mio", "IO"),
    ("quanta", "a clock"),
    ("rand", "randomness"),
    ("smol", "a runtime"),
    ("socket2", "IO"),
    ("time", "a clock"),
    ("tokio", "a runtime"),
    ("tracing", "logging"),
    ("web-time", "a clock"),
];

/// An error that shows the way to each forbidden package.
pub(super) fn check(project: &Project) -> Result<()> {
    let mut found = Vec::new();
    for package in PURE {
        let tree = output(&mut project.cargo(&[
            "tree",
            "--locked",
            "--package",
            package,
            "--edges",
            "normal",
            "--prefix",
            "depth",
            "--no-dedupe",
            "--format",
            " {p}",
        ]))?;
        let paths = paths(&tree).with_context(|| format!("reading the tree of {package}"))?;
        let below: BTreeSet<_> = paths.iter().skip(1).filter_map(|path| path.last()).collect();
        println!("{package} rests on {} packages", below.len());
        found.extend(offences(&paths));
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!("the pure core is not pure:\n{}", found.join("\n"))
}

/// The way from the root to each line of `cargo tree --prefix depth`.
fn paths(tree: &str) -> Result<Vec<Vec<&str>>> {
    let mut way: Vec<&str> = Vec::new();
    let mut paths = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let (depth, rest) = line.split_once(' ').with_context(|| format!("no depth in {line}"))?;
        let depth: usize = depth.parse().with_context(|| format!("no depth in {line}"))?;
        let name = rest.split_whitespace().next().with_context(|| format!("no name in {line}"))?;
        way.truncate(depth);
        way.push(name);
        paths.push(way.clone());
    }
    Ok(paths)
}

fn offences(paths: &[Vec<&str>]) -> Vec<String> {
    paths
        .iter()
        .filter_map(|path| {
            let (name, brings) = FORBIDDEN.iter().find(|(name, _)| path.last() == Some(name))?;
            Some(format!("{name} brings {brings}: {}", path.join(" -> ")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "0 stagegate-rollout v0.1.0 (/work)\n\
                        1 hmac v0.12.1\n\
                        2 digest v0.10.7\n\
                        1 helper v1.0.0\n\
                        2 tokio v1.48.0\n";

    #[test]
    fn the_way_to_a_runtime_is_shown() {
        let offences = offences(&paths(TREE).expect("a tree"));
        assert_eq!(offences, ["tokio brings a runtime: stagegate-rollout -> helper -> tokio"]);
    }

    #[test]
    fn a_tree_without_offences_passes() {
        let harmless = TREE.replace("tokio", "tokenizer");
        assert!(offences(&paths(&harmless).expect("a tree")).is_empty());
    }
}
