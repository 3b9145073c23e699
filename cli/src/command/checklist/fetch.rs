//! The checklist of a release.

use super::super::workload::workload_path;
use crate::client::{AdminClient, Failure, segment, typed};
use serde_json::Value;
use stagegate_api::ChecklistDetail;

/// The checklist of a release, as JSON and typed.
pub(in crate::command) fn fetch(
    client: &AdminClient,
    workload: &str,
    release: Option<&str>,
    policy: Option<&str>,
) -> Result<(Value, ChecklistDetail), Failure> {
    let given = [("release", release), ("policy", policy)];
    let given = given.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let query: Vec<String> = given.map(|(key, it)| format!("{key}={}", segment(it))).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let path = format!("/checklist{mark}{}", query.join("&"));
    let answer = client.get(&workload_path(workload, &path))?;
    let list = typed(&answer)?;
    Ok((answer, list))
}
