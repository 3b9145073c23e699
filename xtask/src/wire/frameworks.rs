//! The snippets of `docs/how-to/conversations.md` whose SDKs are too heavy for the test run.

use anyhow::Result;

use crate::process::run;
use crate::project::Project;
use crate::tools;

/// The name of the check.
pub(super) const NAME: &str = "frameworks";

/// Installs the SDKs and runs their snippets by the ignored end-to-end test.
pub(super) fn check(project: &Project) -> Result<()> {
    let python = tools::python(project, "frameworks", "tests/e2e/frameworks.txt")?;
    let args = ["test", "--locked", "--package", "stagegate", "--test", "e2e", "frameworks"];
    let mut command = project.cargo(&args);
    command.args(["--", "--ignored", "--nocapture"]);
    run(command.env("FRAMEWORKS_PYTHON", python.join("bin/python")))
}
