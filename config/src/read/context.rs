//! The context of reading and checking: it collects problems and gives access to files and
//! environment.

use super::cursor::Site;
use super::env::{EnvError, substitute};
use crate::metric_source::MetricKind;
use crate::{Place, Problem};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most problems kept: a wrong file of a million tenants must not answer with a million lines.
const MAX_PROBLEMS: usize = 1000;

/// Collects problems and warnings; knows the file, its directory and the environment.
pub(crate) struct Context<'a> {
    pub(crate) file: Arc<str>,
    pub(crate) base_dir: &'a Path,
    env: &'a dyn Fn(&str) -> Option<String>,
    /// Files that the configuration names, as far as they were read.
    pub(crate) files: Vec<PathBuf>,
    /// Digests of their contents.
    pub(crate) digests: BTreeMap<PathBuf, u64>,
    /// Keys that hold a secret.
    pub(crate) secrets: BTreeSet<String>,
    /// Those of them whose value is written out.
    pub(crate) literal: BTreeSet<String>,
    /// The file names trusted proxies.
    pub(crate) has_trusted_proxies: bool,
    /// The file has a section of flags.
    pub(crate) has_flags: bool,
    /// Keys of the flags that there are; none without the section, and where it cannot be used.
    pub(crate) flag_keys: Option<std::collections::BTreeSet<String>>,
    /// Names and kinds of the sources of external gates; none where they could not be read.
    pub(crate) metric_sources: Option<Vec<(String, MetricKind)>>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    dropped: usize,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        file: &str,
        base_dir: &'a Path,
        env: &'a dyn Fn(&str) -> Option<String>,
    ) -> Self {
        Self {
            file: file.into(),
            base_dir,
            env,
            files: Vec::new(),
            digests: BTreeMap::new(),
            secrets: BTreeSet::new(),
            literal: BTreeSet::new(),
            has_trusted_proxies: false,
            has_flags: false,
            flag_keys: None,
            metric_sources: None,
            problems: Vec::new(),
            warnings: Vec::new(),
            dropped: 0,
        }
    }

    /// Something is wrong with the value at `site`.
    pub(crate) fn problem(
        &mut self,
        site: &Site,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let problem = self.describe(site, message.into(), hint.into());
        self.push(problem);
    }

    /// Returns true if a problem is already reported at `key` or below it. Then problems that
    /// depend on it need not be reported.
    pub(crate) fn reported(&self, key: &str) -> bool {
        self.problems.iter().any(|problem| {
            let below = problem.key.strip_prefix(key);
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Counts a problem instead of describing it when enough are kept already: finding the place of
    /// every one of a million would take longer than anyone waits.
    pub(crate) fn only_counts(&mut self) -> bool {
        let full = self.problems.len() >= MAX_PROBLEMS;
        self.dropped += usize::from(full);
        full
    }

    /// Something is wrong in another file.
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.dropped += 1;
        }
    }

    /// The value at `site` is allowed but doubtful.
    pub(crate) fn warn(
        &mut self,
        site: &Site,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        if self.warnings.len() < MAX_PROBLEMS {
            let warning = self.describe(site, message.into(), hint.into());
            self.warnings.push(warning);
        }
    }

    /// Converts a site into a place that outlives the reading.
    pub(crate) fn place(&self, site: &Site) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: site.mark.line,
            column: site.mark.column,
            key: site.key.clone(),
        }
    }

    fn describe(&self, site: &Site, message: String, hint: String) -> Problem {
        let Place { file, line, column, key } = self.place(site);
        Problem { file, line, column, key, value: site.written.clone(), message, hint }
    }

    /// A value's text with its variables replaced; `None` when that is impossible, which is then
    /// already reported.
    pub(crate) fn substitute(&mut self, text: &str, site: &Site) -> Option<String> {
        match substitute(text, self.env) {
            Ok(text) => Some(text),
            Err(EnvError::Missing(name)) => {
                self.problem(
                    site,
                    format!("needs the environment variable {name}, which is not set"),
                    format!("set {name}, or write `${{{name}:-default}}`"),
                );
                None
            }
            Err(EnvError::Malformed) => {
                self.problem(
                    site,
                    "has a `${` that does not begin a variable",
                    "write `${NAME}`, `${NAME:-default}`, or `$${` for a literal `${`",
                );
                None
            }
        }
    }

    /// Problems and warnings, each in the order of the files.
    pub(crate) fn finish(mut self) -> (Vec<Problem>, Vec<Problem>) {
        let main = Arc::clone(&self.file);
        let order = |problem: &Problem| {
            (problem.file != main, Arc::clone(&problem.file), problem.line, problem.column)
        };
        self.problems.sort_by_key(order);
        self.warnings.sort_by_key(order);
        if self.dropped > 0 {
            self.problems.push(Problem {
                file: main,
                line: 0,
                column: 0,
                key: String::new(),
                value: None,
                message: format!("has {} more problems", self.dropped),
                hint: "fix those above first".into(),
            });
        }
        (self.problems, self.warnings)
    }
}
