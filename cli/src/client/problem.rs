//! The problem that the API answers with when it refuses, as text.

use crate::output::one_line;
use serde::Deserialize;
use serde_json::Value;
use stagegate_api::{ConfigProblem, Problem};
use std::fmt;

/// A problem of which any part may be missing: what a gateway in between answers counts too.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ProblemLoose {
    title: String,
    detail: String,
    fields: Vec<stagegate_api::FieldProblem>,
    config: Vec<stagegate_api::ConfigProblem>,
    current: Option<Box<stagegate_api::WorkloadDetail>>,
}

/// The problem of an answer with this status; `None` where it is none.
pub(super) fn read(value: &Value, status: u16) -> Option<Problem> {
    ProblemLoose::deserialize(value).ok().map(|problem| problem.into_problem(status))
}

impl ProblemLoose {
    fn into_problem(self, status: u16) -> Problem {
        let title = if self.title.is_empty() { "refused".to_owned() } else { self.title };
        Problem {
            title,
            status,
            detail: self.detail,
            fields: self.fields,
            config: self.config,
            current: self.current,
            ..Problem::default()
        }
    }
}

/// Writes what was refused, why, and what to do next.
pub(super) fn describe(f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
    write!(f, "{} ({})", one_line(&problem.title), problem.status)?;
    let fields: Vec<String> =
        problem.fields.iter().map(|field| format!("{}: {}", field.field, field.problem)).collect();
    let said_below = fields.contains(&problem.detail) || problem.detail == problem.title;
    if !problem.detail.is_empty() && !said_below {
        write!(f, "\n  {}", one_line(&problem.detail))?;
    }
    for field in &fields {
        write!(f, "\n  {}", one_line(field))?;
    }
    for found in &problem.config {
        write!(f, "\n  {}", config_problem(found))?;
    }
    if let Some(current) = &problem.current {
        write!(
            f,
            "\n  now: epoch {}, stable {}, candidate {}, weight {}",
            current.epoch,
            current.stable,
            current.candidate.as_deref().unwrap_or("none"),
            current.weight
        )?;
    }
    match hint(problem.status) {
        Some(hint) => write!(f, "\n  try: {hint}"),
        None => Ok(()),
    }
}

/// Returns the next step to suggest, if the status alone determines it.
const fn hint(status: u16) -> Option<&'static str> {
    Some(match status {
        401 => "give a token with --token or STAGEGATE_TOKEN; `stagegate token new` makes one",
        403 => "use a token with a higher role; `stagegate token new --role operator` makes one",
        404 => {
            "`stagegate status` lists the workloads, `stagegate release ls WORKLOAD` the releases"
        }
        409 => "`stagegate status WORKLOAD` shows the present state",
        412 => "check the state above and repeat with its epoch in --if-match, or without it",
        500 | 503 => "nothing was changed; see `stagegate status` and the server's log",
        _ => return None,
    })
}

/// A configuration problem as the API reports it, on one line.
pub(crate) fn config_problem(problem: &ConfigProblem) -> String {
    let place = match (problem.line, problem.column) {
        (0, _) => problem.file.clone(),
        (line, 0) => format!("{}:{line}", problem.file),
        (line, column) => format!("{}:{line}:{column}", problem.file),
    };
    let key = if problem.key.is_empty() { String::new() } else { format!(" {}:", problem.key) };
    let hint = if problem.hint.is_empty() { String::new() } else { format!("; {}", problem.hint) };
    format!("{place}:{key} {}{hint}", problem.message)
}

#[cfg(test)]
mod tests {
    use super::config_problem;
    use stagegate_api::ConfigProblem;

    #[test]
    fn a_problem_reads_like_a_compilers() {
        let problem = ConfigProblem {
            file: "a.yaml".into(),
            line: 12,
            column: 7,
            key: "workloads.x.weight".into(),
            message: "`110%` is no share".into(),
            hint: "write `10%`".into(),
        };
        assert_eq!(
            config_problem(&problem),
            "a.yaml:12:7: workloads.x.weight: `110%` is no share; write `10%`"
        );
    }
}
