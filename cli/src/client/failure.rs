//! The reason why a command failed, and its exit code.

use super::problem;
use serde_json::Value;
use stagegate_api::Problem;
use std::fmt;
use std::process::ExitCode;

/// The reason why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// No response.
    Unreachable {
        /// The address that was tried.
        url: String,
        /// The operating system's message.
        cause: String,
    },
    /// The API refused.
    Refused {
        /// The problem, read.
        problem: Box<Problem>,
        /// The problem as it came.
        raw: Value,
    },
    /// An answer that is not the admin API's.
    Odd {
        /// The address that was asked.
        url: String,
        /// A description of the response.
        what: String,
    },
    /// Wrong usage that the parser cannot see.
    Usage(String),
    /// A local failure.
    Local(String),
}

impl Failure {
    /// The exit code that tells a script what happened.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused { .. } | Self::Odd { .. } | Self::Local(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable { .. } => 3,
        })
    }

    /// The problem as the API sent it.
    pub fn problem(&self) -> Option<&Value> {
        match self {
            Self::Refused { raw, .. } => Some(raw),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { url, cause } => write!(
                f,
                "no admin API at {url}: {cause}\n  try: start it with `stagegate serve`, \
                 or say where it is with --admin URL or STAGEGATE_ADMIN"
            ),
            Self::Refused { problem, .. } => problem::describe(f, problem),
            Self::Odd { url, what } => write!(
                f,
                "{url} does not answer like a Stagegate admin API: {what}\n  try: check \
                 --admin; it wants the address of `admin:` in the configuration, not a listener's"
            ),
            Self::Usage(what) => write!(f, "{what}"),
            Self::Local(what) => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for Failure {}
