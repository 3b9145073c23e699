//! Commands on configuration files.

use serde_json::json;
use stagegate_cli::{Checked, Finding, Judging};
use stagegate_config::{Config, Problem};
use stagegate_eval::Protocol;
use std::path::Path;

/// A commented configuration with these URLs; the error holds the problems that it would have.
pub(super) fn template(
    stable: &str,
    candidate: &str,
    framework: &str,
    file: &Path,
) -> Result<String, String> {
    let text = stagegate_config::template(stable, candidate, framework);
    let base = file.parent().unwrap_or(file);
    let variables = |name: &str| std::env::var(name).ok();
    match Config::parse(&text, &file.display().to_string(), base, &variables) {
        Ok(_) => Ok(text),
        Err(problems) => Err(problems.to_string()),
    }
}

/// Reads and checks a file.
pub(super) fn check(file: &Path) -> Checked {
    match Config::load(file) {
        Ok(loaded) => Checked {
            warnings: findings(&loaded.warnings),
            workloads: loaded.config.workloads.len(),
            ..Checked::default()
        },
        Err(problems) => Checked { problems: findings(&problems.0), ..Checked::default() },
    }
}

fn findings(problems: &[Problem]) -> Vec<Finding> {
    let finding = |it: &Problem| Finding { text: it.to_string(), json: json!(it) };
    problems.iter().map(finding).collect()
}

/// Returns the scoring settings of one workload.
pub(super) fn judging(file: &Path, workload: &str) -> Result<Judging, String> {
    let shown = file.display();
    let loaded = Config::load(file).map_err(|problems| format!("{shown}\n{problems}"))?;
    let found = loaded.config.workload(workload);
    let found = found.ok_or_else(|| format!("{shown} has no workload `{workload}`"))?;
    Ok(Judging {
        scorers: found.eval.scorers.clone(),
        redactor: found.eval.redactor.clone(),
        protocol: Protocol::from_label(found.settings.protocol.label()),
        confidence: found.eval.confidence.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::template;
    use stagegate_config::Config;
    use std::path::Path;

    #[test]
    fn the_template_loads_and_a_wrong_url_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("stagegate.yaml");
        let good = "http://127.0.0.1:9001";
        let text = template(good, "http://127.0.0.1:9002", "other", &file).expect("good URLs");
        std::fs::write(&file, text).expect("written");
        let loaded = Config::load(&file).expect("loads");
        assert_eq!(loaded.config.workloads.len(), 1);
        assert!(template(good, "ftp://somewhere", "other", Path::new("x.yaml")).is_err());
    }
}
