//! The workload on a command line: one form everywhere, `-w` as another way to write it.

use crate::client::segment;
use clap::Args;

/// The workload that a command is about.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Workload {
    /// The workload.
    #[arg(value_name = "WORKLOAD", required_unless_present = "named")]
    workload: Option<String>,
    /// The same as WORKLOAD.
    #[arg(short = 'w', long = "workload", value_name = "WORKLOAD", conflicts_with = "workload")]
    named: Option<String>,
}

impl Workload {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.workload.as_deref().or(self.named.as_deref()).unwrap_or_default()
    }
}

/// The workload that a command is limited to, if to one.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct OnlyWorkload {
    /// Only this workload.
    #[arg(value_name = "WORKLOAD")]
    workload: Option<String>,
    /// The same as WORKLOAD.
    #[arg(short = 'w', long = "workload", value_name = "WORKLOAD", conflicts_with = "workload")]
    named: Option<String>,
}

impl OnlyWorkload {
    /// Its name.
    pub(crate) fn name(&self) -> Option<&str> {
        self.workload.as_deref().or(self.named.as_deref())
    }
}

/// The path of something below a workload.
pub(crate) fn workload_path(workload: &str, rest: &str) -> String {
    format!("/v1/workloads/{}{rest}", segment(workload))
}
