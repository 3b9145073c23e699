//! Statements of people about checks: signatures, attachments, waivers. Each is kept for ever; the newest
//! one counts.

use crate::{Check, Item, Kind};
use serde::{Deserialize, Serialize};

/// What a person does about a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementKind {
    /// Says yes.
    Sign,
    /// Hands over evidence.
    Attach,
    /// Accepts that the check is open.
    Waive,
    /// Takes the former statements back.
    Withdraw,
}

impl StatementKind {
    /// The word used in the ledger and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Attach => "attach",
            Self::Waive => "waive",
            Self::Withdraw => "withdraw",
        }
    }
}

/// A file that was handed over. Its contents stay with the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSeen {
    /// Its name.
    pub name: String,
    /// SHA-256 of its contents: 64 hex digits.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Evidence with figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Production requests against the frozen set (A2).
    Coverage {
        /// Share of requests near a case, from 0 to 1.
        share: f64,
        /// Number of requests.
        samples: u64,
        /// Digest of the set, as in offline comparisons.
        content_hash: String,
        /// Digest of the ids alone: offline runs that do not pin their cases have this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ids_hash: Option<String>,
    },
    /// Shadow or smoke traffic (B8).
    Smoke {
        /// Its length in minutes.
        minutes: u64,
        /// Requests that the release answered.
        requests: u64,
        /// Those that failed.
        failed: u64,
    },
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// The check's id.
    pub check: String,
    /// What was done.
    pub kind: StatementKind,
    /// The actor.
    pub by: String,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The reason; may be empty except for a waiver.
    pub reason: String,
    /// The end of its validity, in Unix milliseconds.
    pub until_ms: u64,
    /// Digest of the release's pins at that time.
    pub fingerprint: String,
    /// A link to more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The file that was handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileSeen>,
    /// SHA-256 of the generated text that was signed, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// A day that the statement sets, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_ms: Option<u64>,
    /// Evidence with figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// A statement that makes no sense. Nothing is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRefusal(pub String);

impl std::fmt::Display for StatementRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StatementRefusal {}

/// Longest validity of a statement, in milliseconds: a year.
const LONGEST_MS: u64 = 366 * 86_400_000;

/// Checks a statement before it is recorded. `digest` is the release's pin.
///
/// # Errors
/// The reason and the remedy: the check is met in another way, or a part is missing.
pub fn check_statement(
    item: &Item,
    statement: &Statement,
    workload: &str,
    digest: Option<&str>,
) -> Result<(), StatementRefusal> {
    let refuse = |why: String| Err(StatementRefusal(why));
    let id = &item.id;
    if statement.until_ms <= statement.at_ms {
        return refuse("the statement would have expired already: give a later end".to_owned());
    }
    if statement.until_ms - statement.at_ms > LONGEST_MS {
        return refuse("a statement is good for at most 366 days: give an earlier end".to_owned());
    }
    match (statement.kind, item.kind) {
        (StatementKind::Waive | StatementKind::Withdraw, _) => {
            if statement.reason.trim().is_empty() {
                return refuse(format!("check {id} needs a reason to be waived or withdrawn"));
            }
            return Ok(());
        }
        (StatementKind::Sign, Kind::Signed | Kind::ProvedAndSigned)
        | (StatementKind::Attach, Kind::Attached) => {}
        (_, Kind::Proved) => {
            return refuse(format!(
                "check {id} is proved by Stagegate and cannot be signed: `stagegate checklist show {workload}` says what is missing, `stagegate checklist waive {workload} {id} --reason …` accepts that it is open"
            ));
        }
        (_, Kind::Attached) => {
            return refuse(format!(
                "check {id} needs evidence: `stagegate checklist attach {workload} {id} --file FILE`"
            ));
        }
        (_, Kind::Signed | Kind::ProvedAndSigned) => {
            return refuse(format!(
                "check {id} needs a signature: `stagegate checklist sign {workload} {id}`"
            ));
        }
    }
    if statement.kind == StatementKind::Attach
        && statement.file.is_none()
        && statement.link.is_none()
    {
        return refuse(format!("check {id} needs a file or a link"));
    }
    special(item, statement, digest)
}

/// Parts that single checks need.
fn special(
    item: &Item,
    statement: &Statement,
    digest: Option<&str>,
) -> Result<(), StatementRefusal> {
    let refuse = |why: &str| Err(StatementRefusal(format!("check {}: {why}", item.id)));
    match item.check {
        Some(Check::A2) if !matches!(statement.evidence, Some(Evidence::Coverage { .. })) => {
            refuse(
                "the file must be what `stagegate eval coverage` writes: {\"coverage\": {\"share\", \"samples\", \"content_hash\"}}",
            )
        }
        Some(Check::B8) if !matches!(statement.evidence, Some(Evidence::Smoke { .. })) => refuse(
            "the file must be what `stagegate smoke` writes: {\"smoke\": {\"minutes\", \"requests\", \"failed\"}}",
        ),
        Some(Check::B9) => {
            let Some(file) = &statement.file else {
                return refuse(
                    "give the built artifact with --file, so that its digest is computed",
                );
            };
            match digest.map(|it| it.trim_start_matches("sha256:")) {
                None => refuse("the release pins no digest: set `artifact.digest`"),
                Some(pinned) if pinned == file.sha256 => Ok(()),
                Some(pinned) => refuse(&format!(
                    "the file has the digest sha256:{}, and the release pins sha256:{pinned}: give the file that was built for it",
                    file.sha256
                )),
            }
        }
        Some(Check::F30) if statement.date_ms.is_none() => {
            refuse("give the day of the hand-over with --date 2026-12-05")
        }
        _ => Ok(()),
    }
}

/// The thing that a person handed over or said, in a few words.
pub(crate) fn handed_over(statement: &Statement) -> String {
    match (&statement.file, &statement.link) {
        (Some(file), _) => {
            let short: String = file.sha256.chars().take(12).collect();
            format!("{}, sha256 {short}…", file.name)
        }
        (None, Some(link)) => link.clone(),
        (None, None) if statement.reason.is_empty() => "signed".to_owned(),
        (None, None) => statement.reason.clone(),
    }
}
