//! The split that the proxy promises at a moment, read from its admin API.

use crate::setup::WORKLOAD;
use crate::tally::Tally;
use anyhow::bail;
use stagegate_api::{ListEntries, WorkloadDetail, Workloads};
use stagegate_cli::client::{AdminClient, Failure, typed};
use stagegate_rollout::Weight;
use std::sync::{Mutex, PoisonError};
use tokio::task::spawn_blocking;

/// Calls the admin API off the runtime's threads, as the command line does.
pub(crate) async fn call<T: Send + 'static>(
    client: &AdminClient,
    what: impl FnOnce(&AdminClient) -> Result<T, Failure> + Send + 'static,
) -> anyhow::Result<T> {
    let client = client.clone();
    Ok(spawn_blocking(move || what(&client)).await??)
}

/// The routing at a moment.
pub(crate) struct Now {
    /// The weight, or why there is none.
    pub(crate) words: String,
    /// The share that the weight alone promises.
    pub(crate) promised: Option<Weight>,
}

/// Reads what the current epoch promises, for the judgement of the split.
pub(crate) async fn look(client: &AdminClient, tally: &Mutex<Tally>) -> anyhow::Result<Now> {
    let workloads: Workloads = call(client, |client| typed(&client.get("/v1/workloads")?)).await?;
    let Some(detail) = workloads.workloads.iter().find(|detail| detail.name == WORKLOAD) else {
        bail!("the configuration has no workload `{WORKLOAD}` any more");
    };
    let promised = promised(detail);
    tally.lock().unwrap_or_else(PoisonError::into_inner).learn(workloads.epoch, promised);
    let words = match (&detail.killed, &detail.closed) {
        (Some(_), _) => "0% (killed)".to_owned(),
        (None, Some(_)) => "0% (rolled back)".to_owned(),
        (None, None) => detail.weight.clone(),
    };
    Ok(Now { words, promised })
}

/// The share of the counted conversations that goes to the candidate, if the weight alone decides.
fn promised(detail: &WorkloadDetail) -> Option<Weight> {
    let nobody = ListEntries::default();
    let other_rules = detail.cohorts.iter().any(|cohort| cohort.enabled)
        || detail.allow != nobody
        || detail.deny != nobody
        || detail.exclusions.iter().any(|group| !group.tenants.is_empty())
        || detail.sticky != "conversation";
    if other_rules {
        return None;
    }
    if detail.open { detail.weight.parse().ok() } else { Some(Weight::ZERO) }
}
