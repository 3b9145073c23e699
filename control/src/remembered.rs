//! Evidence that a former process saved.

use super::Inner;
use stagegate_rollout::{Evidence, Rollout, WorkloadName};

/// The evidence a former process saved: of this step, or else of the one before, from which the
/// last step takes stable's figures.
pub(super) async fn remembered(
    inner: &Inner,
    name: &WorkloadName,
    rollout: &Rollout,
) -> Option<Evidence> {
    let (name, id, step) = (name.clone(), rollout.id.to_string(), rollout.step as u32);
    let found = inner.with_store(move |store| {
        let found = match store.evidence(&name, &id, step)? {
            None if step > 0 => store.evidence(&name, &id, step - 1)?,
            found => found,
        };
        Ok(found)
    });
    match found.await {
        Ok(found) => serde_json::from_str(&found?.body)
            .inspect_err(
                |error| tracing::warn!(%error, "saved evidence is invalid; evidence starts empty"),
            )
            .ok(),
        Err(error) => {
            tracing::warn!(%error, "cannot read saved evidence; evidence starts empty");
            None
        }
    }
}
