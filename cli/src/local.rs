//! The interface between the command line and the program that contains it.

use crate::process::{AgentArgs, DemoArgs, ServeArgs};
use serde_json::Value;
use stagegate_eval::{Protocol, Redactor, ScorerSpec};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// The parts of the program that run on this machine and that this crate does not know: the
/// configuration's reader, the server, the demo. Errors are texts for people.
pub trait Local {
    /// Runs the proxy and its admin API until it is asked to end.
    fn serve(&self, args: &ServeArgs) -> ExitCode;
    /// Runs the demo.
    fn demo(&self, args: &DemoArgs) -> ExitCode;
    /// Runs one demo agent.
    fn demo_agent(&self, args: &AgentArgs) -> ExitCode;

    /// A commented configuration with these two URLs, checked as if it were in `file`.
    ///
    /// # Errors
    /// The problems that the configuration would have.
    fn template(
        &self,
        stable: &str,
        candidate: &str,
        framework: &str,
        file: &Path,
    ) -> Result<String, String>;
    /// Reads and checks a configuration file.
    fn check(&self, file: &Path) -> Checked;
    /// The JSON Schema of the configuration.
    fn schema(&self) -> Value;
    /// The reference page of the configuration, in Markdown.
    fn config_reference(&self) -> String;
    /// The scorer of this name in a configuration, in a mapping with `scorers`, or in a list of
    /// scorers.
    ///
    /// # Errors
    /// The problems of the scorer, or why it cannot be found.
    fn scorer(&self, file: &Path, name: &str) -> Result<ScorerSpec, String>;
    /// Returns the scoring settings of a workload in a configuration file.
    ///
    /// # Errors
    /// The file's problems, or that it has no such workload.
    fn judging(&self, file: &Path, workload: &str) -> Result<Judging, String>;
    /// A new token of the admin API.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    fn new_token(&self, name: &str, role: Role) -> Result<NewToken, String>;
}

/// One finding of a check.
#[derive(Clone, Debug)]
pub struct Finding {
    /// In one line, for people.
    pub text: String,
    /// In parts, for programs.
    pub json: Value,
}

/// The outcome of a check of a configuration file.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Problems; empty if the file is valid.
    pub problems: Vec<Finding>,
    /// Warnings.
    pub warnings: Vec<Finding>,
    /// Number of workloads of a good file.
    pub workloads: usize,
}

/// The scoring settings of a workload.
#[derive(Clone, Debug)]
pub struct Judging {
    /// The scorers, in the order of the file.
    pub scorers: Vec<Arc<ScorerSpec>>,
    /// Takes out what must not be kept.
    pub redactor: Redactor,
    /// The protocol that the workload is configured with; `None` where it is found out.
    pub protocol: Option<Protocol>,
    /// JSON pointer to the confidence in an answer.
    pub confidence: Option<String>,
}

/// The permissions of a token. A later role includes the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and changes.
    Operator,
    /// Everything.
    Admin,
}

/// A new token of the admin API.
#[derive(Clone)]
pub struct NewToken {
    /// The token itself.
    pub text: String,
    /// Its hash, as the configuration takes it.
    pub hash: String,
    /// The line for `admin.tokens`.
    pub config_line: String,
}

/// The token itself is not shown.
impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken").field("config_line", &self.config_line).finish_non_exhaustive()
    }
}
