//! The cores of a benchmark: one for the proxy, one for the load.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::bench::procfs::open_files_limit;

/// The core of whichever proxy is measured.
const PROXY_CORE: &str = "0";
/// The core of the load generator and the origin.
const LOAD_CORE: &str = "1";

/// A command on the load's core that does not outlive us.
pub(super) fn on_load_core(program: &Path) -> Result<Command> {
    pinned(LOAD_CORE, program)
}

/// A command on the proxy's core that does not outlive us.
pub(super) fn on_proxy_core(program: &Path) -> Result<Command> {
    pinned(PROXY_CORE, program)
}

/// A command on one core that does not outlive us, however we end, with as many open files as
/// it may have.
fn pinned(core: &str, program: &Path) -> Result<Command> {
    let files = open_files_limit()?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "prlimit", &format!("--nofile={files}:{files}")]);
    command.args(["taskset", "-c", core]).arg(program);
    Ok(command)
}
