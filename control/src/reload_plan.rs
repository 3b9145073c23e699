//! The effect of a reload, without the reload.

use super::moves::moves;
use super::reload::FileNow;
use super::{Control, ReloadError, ReloadOrder, now_ms, reconcile};
use stagegate_config::{Edit, Problem};
use std::sync::Arc;

/// What a reload of the file as it is now would do.
#[derive(Clone, Debug)]
pub struct ReloadPlan {
    /// Keys that have another value than in the configuration in force.
    pub edits: Vec<Edit>,
    /// What would change, one line each; empty when nothing but settings would.
    pub changes: Vec<String>,
    /// Who would change sides, one line each.
    pub moves: Vec<String>,
    /// Settings that a reload would not apply, one line each.
    pub needs_restart: Vec<String>,
    /// Warnings about the file.
    pub warnings: Vec<Problem>,
}

impl Control {
    /// What a reload would do now. It reads and checks the file, and changes nothing. Endpoints are
    /// not probed and their names not looked up.
    ///
    /// # Errors
    /// The [`ReloadError`] that the reload itself would give.
    pub async fn plan_reload(&self) -> Result<ReloadPlan, ReloadError> {
        let inner = Arc::clone(&self.inner);
        // One at a time: reading a large file is work.
        let _turn = inner.planning.lock().await;
        let FileNow { config, warnings, needs_restart } = inner.read_file().await?;
        let view = inner.view();
        let plan = move || {
            let by = ReloadOrder { actor: "config".to_owned(), ..ReloadOrder::default() };
            let done = reconcile::reconcile(&config, view.states(), &by, now_ms())
                .map_err(ReloadError::Contradiction)?;
            let moved = done.splits.iter().flat_map(|after| {
                let before = view.find(after.spec().name.as_str());
                before.map(|(_, before)| moves(&before.split, after)).unwrap_or_default()
            });
            Ok(ReloadPlan {
                edits: view.config.written.edits(&config.written),
                moves: moved.collect(),
                changes: done.notes,
                needs_restart,
                warnings,
            })
        };
        tokio::task::spawn_blocking(plan)
            .await
            .map_err(|error| ReloadError::Lost(error.to_string()))?
    }
}
