//! testssl.sh: protocols, ciphers, certificate, and the known attacks on TLS.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::lab::Lab;
use crate::process::run;
use crate::tools;

/// Findings that are not the proxy's, by testssl's id, and why.
const NOT_OURS: &[(&str, &str)] = &[
    ("DNS_CAArecord", "about the zone of a name; there is none here"),
    (
        "sessionresumption_ticket",
        "testssl hangs up before TLS 1.3's tickets are there, now and then; `openssl s_client` resumes",
    ),
];

/// Everything testssl knows; what is neither good nor neutral is a finding.
pub(super) fn testssl(lab: &Lab) -> Result<Vec<String>> {
    // Debian leaves the ending off.
    tools::system("testssl", "testssl.sh")?;
    let report = lab.dir.join("testssl.json");
    if report.exists() {
        fs::remove_file(&report).context("removing the last report")?;
    }
    let mut command = Command::new("testssl");
    command.args(["--quiet", "--color", "0", "--warnings", "off", "--add-ca"]).arg(&lab.ca);
    command.arg("--jsonfile").arg(&report).arg(format!("https://{}/", lab.tls));
    let log = fs::File::create(lab.dir.join("testssl.txt")).context("creating testssl's log")?;
    // Its status is the number of things it would rather see, not whether it worked.
    let ended = run(command.stdout(log).stdin(std::process::Stdio::null()));
    let text = match (fs::read_to_string(&report), ended) {
        (Ok(text), _) => text,
        (Err(_), Err(error)) => return Err(error),
        (Err(error), Ok(())) => return Err(error).context("reading testssl's report"),
    };
    let report: Value = serde_json::from_str(&text).context("testssl's report is no JSON")?;
    let (checked, findings) = findings(&report);
    if checked < 100 {
        bail!("testssl checked {checked} things only; see {}/testssl.txt", lab.dir.display());
    }
    if !findings.is_empty() {
        bail!("{}", findings.join("\n"));
    }
    Ok(vec![format!("{checked} things checked, nothing found")])
}

/// The number of things that were checked, and what was found that is ours.
fn findings(report: &Value) -> (usize, Vec<String>) {
    let entries = report.as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let found = entries
        .iter()
        .filter(|entry| !matches!(text(entry, "severity").as_str(), "OK" | "INFO"))
        .filter(|entry| !NOT_OURS.iter().any(|(id, _)| text(entry, "id") == *id))
        .map(|entry| ["severity", "id", "finding"].map(|key| text(entry, key)).join(" "));
    (entries.len(), found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_good_nor_neutral_is_found_unless_it_is_not_ours() {
        let report = serde_json::json!([
            { "id": "SSLv2", "severity": "OK", "finding": "not offered" },
            { "id": "cipher_order", "severity": "HIGH", "finding": "none" },
            { "id": "DNS_CAArecord", "severity": "LOW", "finding": "--" },
        ]);
        assert_eq!(findings(&report), (3, vec!["HIGH cipher_order none".to_owned()]));
        assert_eq!(findings(&Value::Null), (0, Vec::new()));
    }
}
