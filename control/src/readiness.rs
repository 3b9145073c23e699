//! The checklist of a release: facts from every part, and what people say about its checks.

mod facts;
mod kept;
mod stale;
mod statement;
mod subject;
mod watch;

pub use kept::KeptStatement;
pub use stale::StaleCheck;
pub use statement::{Said, StatementMade, StatementOrder};

use super::{Control, ExecuteError, Inner, Live, StoreAccessError, View};
use facts::Look;
pub(super) use facts::{pins, runbook_page};
use stagegate_readiness::{Checklist, Demand, Facts, Settings, checklist};
use stagegate_rollout::{OpenChecks, Policy, ReleaseName};
use std::sync::Arc;
pub(super) use subject::{policy_for, subject};

/// A checklist with what it is about.
#[derive(Clone, Debug)]
pub struct ReleaseChecklist {
    /// The workload.
    pub workload: String,
    /// The release.
    pub release: String,
    /// The policy whose gates and steps are judged.
    pub policy: String,
    /// The effect of open checks.
    pub demand: Demand,
    /// When it was judged, in Unix milliseconds.
    pub at_ms: u64,
    /// The checks.
    pub checklist: Checklist,
}

impl Control {
    /// Judges every check of a release now: of the one that is given, or of the one that is rolled out.
    ///
    /// # Errors
    /// When there is no such workload or release, or the store cannot be read.
    pub async fn checklist(
        &self,
        workload: &str,
        release: Option<&ReleaseName>,
        policy: Option<&str>,
    ) -> Result<ReleaseChecklist, ExecuteError> {
        let inner = &self.inner;
        let view = inner.view();
        let live = view.locate(workload)?.1;
        let release = subject(live, release)?;
        let policy = match policy {
            Some(name) => view.policy(workload, Some(name)).map_err(|known| {
                ExecuteError::Unknown(format!("there is no policy `{name}`; there are: {known}"))
            })?,
            None => policy_for(&view, live, &release),
        };
        let (facts, said) = inner.gathered(&view, live, (&release, &policy), Look::Asked).await?;
        Ok(ReleaseChecklist {
            workload: workload.to_owned(),
            release: release.to_string(),
            policy: policy.name.to_string(),
            demand: facts.settings.demand,
            at_ms: facts.now_ms,
            checklist: checklist(&facts, &said),
        })
    }

    /// Statements about a release, oldest first.
    ///
    /// # Errors
    /// When there is no such workload or release, or the store cannot be read.
    pub async fn statements(
        &self,
        workload: &str,
        release: Option<&ReleaseName>,
    ) -> Result<(ReleaseName, Vec<KeptStatement>), ExecuteError> {
        let view = self.view();
        let live = view.locate(workload)?.1;
        let release = subject(live, release)?;
        let kept = self.inner.statements(live, &release).await?;
        Ok((release, kept))
    }

    /// The rollback runbook of a release, as Markdown, with its SHA-256 in hex.
    ///
    /// # Errors
    /// When there is no such workload or release.
    pub fn rollback_runbook(
        &self,
        workload: &str,
        release: Option<&ReleaseName>,
    ) -> Result<(String, String), ExecuteError> {
        let view = self.view();
        let live = view.locate(workload)?.1;
        let release = subject(live, release)?;
        Ok(facts::runbook(&view, live, &release))
    }
}

impl Inner {
    /// The checklist before a start, and what it means for the start; none if the policy asks for none.
    pub(super) async fn checklist_before(
        &self,
        view: &View,
        live: &Live,
        release: &ReleaseName,
        policy: &Policy,
    ) -> Result<Option<(Checklist, OpenChecks)>, StoreAccessError> {
        let demand = view.config.readiness(&policy.name).demand;
        if demand == Demand::Off {
            return Ok(None);
        }
        let policy = Arc::new(policy.clone());
        let gathered = self.gathered(view, live, (release, &policy), Look::Asked).await;
        let (facts, said) = match gathered {
            Err(error) if demand == Demand::Advisory => {
                tracing::warn!(%error, "the checklist cannot be judged before this start");
                return Ok(None);
            }
            gathered => gathered?,
        };
        let list = checklist(&facts, &said);
        let open = open_checks(&list, &facts.settings, &facts);
        Ok(Some((list, open)))
    }
}

fn open_checks(list: &Checklist, settings: &Settings, facts: &Facts) -> OpenChecks {
    let open: Vec<String> = list.open().map(stagegate_readiness::Line::refusal).collect();
    let summary = format!(
        "{} of {} checks open, {} waived: stagegate checklist show {}",
        open.len(),
        list.lines.len(),
        list.count(stagegate_readiness::Standing::Waived),
        facts.workload
    );
    OpenChecks { required: settings.demand == Demand::Required, open, summary }
}
