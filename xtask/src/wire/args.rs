//! Arguments of `cargo xtask wire`.

use std::path::PathBuf;

/// The binary, and the tools to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A Stagegate that is built already; else the release binary is built
    #[arg(long, value_name = "FILE")]
    pub(super) binary: Option<PathBuf>,
    /// Only these, with commas between them: curl, wrk, h2load, testssl, slowhttptest,
    /// frameworks, flags, schemathesis
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(super) only: Vec<String>,
    /// Connections of a slow attack
    #[arg(long, default_value_t = 400)]
    pub(super) connections: u32,
    /// Seconds each slow attack lasts
    #[arg(long, default_value_t = 25)]
    pub(super) seconds: u32,
}
