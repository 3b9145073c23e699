//! The checklist of a release: facts from every part, and what people say about its checks.

mod facts;
mod statement;
mod watch;

pub use statement::{Said, StatementMade, StatementOrder};
pub use watch::StaleCheck;

use super::{Control, ExecuteError, Inner, Live, ReleaseRefusal, StoreAccessError, View};
use facts::Look;
pub(super) use facts::pins;
use stagegate_readiness::{Checklist, Demand, Facts, Settings, Statement, checklist};
use stagegate_rollout::{OpenChecks, Policy, ReleaseName, WorkloadState};
use std::sync::Arc;

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

/// A statement with the number of its audit entry.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptStatement {
    /// Number of the audit entry.
    pub audit_seq: u64,
    /// The statement.
    pub statement: Statement,
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
        let live = found(&view, workload)?;
        let release = subject(live, release)?;
        let policy = match policy {
            Some(name) => view.policy(workload, Some(name)).map_err(|known| {
                ExecuteError::NotNow(format!("there is no policy `{name}`; there are: {known}"))
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
        let live = found(&view, workload)?;
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
        let live = found(&view, workload)?;
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

/// The workload of this name.
pub(super) fn found<'a>(view: &'a View, workload: &str) -> Result<&'a Live, ExecuteError> {
    view.find(workload).map(|(_, live)| live).ok_or_else(|| ExecuteError::UnknownWorkload {
        name: workload.to_owned(),
        known: view.known(),
    })
}

/// The release that a checklist is about: the given one, or the one that is rolled out, or the candidate,
/// or the only one that is not stable.
pub(super) fn subject(
    live: &Live,
    given: Option<&ReleaseName>,
) -> Result<ReleaseName, ExecuteError> {
    let (spec, state) = (live.split.spec(), live.split.state());
    let known = || spec.releases.iter().map(ReleaseName::as_str).collect::<Vec<_>>().join(", ");
    if let Some(release) = given {
        return match spec.releases.contains(release) {
            true => Ok(release.clone()),
            false => Err(ReleaseRefusal::Unknown {
                workload: spec.name.clone(),
                release: release.clone(),
                known: known(),
            }
            .into()),
        };
    }
    let rolled_out = active(state).map(|(to, _)| to.clone());
    let others = || {
        let mut others = spec.releases.iter().filter(|it| **it != state.stable);
        others.next().filter(|_| others.next().is_none()).cloned()
    };
    rolled_out.or_else(|| state.candidate.clone()).or_else(others).ok_or_else(|| {
        ExecuteError::NotNow(format!(
            "workload `{}` has no candidate: name a release, one of {}",
            spec.name,
            known()
        ))
    })
}

/// The release and policy of the rollout in progress.
fn active(state: &WorkloadState) -> Option<(&ReleaseName, &Policy)> {
    let rollout = state.rollout.as_deref().filter(|it| it.is_active())?;
    Some((&rollout.to, &rollout.policy))
}

/// The policy that judges a release: that of its rollout in progress, or the workload's.
pub(super) fn policy_for(view: &View, live: &Live, release: &ReleaseName) -> Arc<Policy> {
    let name = live.split.spec().name.as_str();
    match active(live.split.state()).filter(|(to, _)| *to == release) {
        Some((_, policy)) => Arc::new(policy.clone()),
        None => view
            .config
            .workload(name)
            .map_or_else(|| Arc::new(Policy::builtin()), |workload| Arc::clone(&workload.policy)),
    }
}
