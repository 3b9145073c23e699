//! Proofs that go stale while a rollout runs: told, recorded and shown.
//!
//! A check is stale if it was met or waived at the start of the rollout and is open in two looks in a row.

use super::facts::Look;
use super::stale::StaleCheck;
use crate::{Action, ChecklistAction, Control, Inner, Live, StoreAccessError, View, now_ms};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stagegate_notify::{Notice, NoticeKind};
use stagegate_readiness::{Checklist, Demand, Line, checklist};
use stagegate_rollout::{Rollout, Severity, WorkloadName};
use stagegate_store::{Attachment, FactKind, NewAudit, NewChange, NewFact, StoredFact};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(5);
/// Most records of stale checks of one rollout that are read.
const MOST: usize = 10_000;

/// A change that is kept with the rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Noticed {
    stale: bool,
    #[serde(flatten)]
    check: StaleCheck,
}

/// Checks that were open in the last look, by workload.
type Suspects = BTreeMap<String, Vec<String>>;

impl Control {
    /// Looks at the checklists of rollouts in progress and at the runbooks of releases with all traffic,
    /// again and again.
    pub async fn watch_checklists(&self) {
        let mut suspects = Suspects::new();
        loop {
            tokio::time::sleep(EVERY).await;
            self.look_at_checklists(&mut suspects).await;
            self.look_at_runbooks().await;
        }
    }

    /// One look. `suspects` are remembered from look to look.
    pub async fn look_at_checklists(&self, suspects: &mut BTreeMap<String, Vec<String>>) {
        let view = self.inner.view();
        for live in &view.live {
            let name = live.split.spec().name.as_str();
            let state = live.split.state();
            let Some(rollout) = state.rollout.as_deref().filter(|it| it.is_active()) else {
                suspects.remove(name);
                self.inner.stale_now(name, Vec::new());
                continue;
            };
            let found = self.inner.look(&view, live, rollout, suspects).await;
            if let Err(error) = found {
                tracing::debug!(workload = name, %error, "cannot look at the checklist");
            }
        }
    }

    /// The checks of the workload's rollout that went stale.
    #[must_use]
    pub fn stale_checks(&self, workload: &str) -> Vec<StaleCheck> {
        let stale = self.inner.stale.read().unwrap_or_else(PoisonError::into_inner);
        stale.get(workload).cloned().unwrap_or_default()
    }
}

impl Inner {
    fn stale_now(&self, workload: &str, found: Vec<StaleCheck>) {
        let mut stale = self.stale.write().unwrap_or_else(PoisonError::into_inner);
        if found.is_empty() {
            stale.remove(workload);
        } else {
            stale.insert(workload.to_owned(), found);
        }
    }

    async fn look(
        self: &Arc<Self>,
        view: &View,
        live: &Live,
        rollout: &Rollout,
        suspects: &mut Suspects,
    ) -> Result<(), StoreAccessError> {
        let name = &live.split.spec().name;
        if view.config.readiness(&rollout.policy.name).demand == Demand::Off {
            return Ok(());
        }
        let (at_start, noticed) = self.kept(name, &rollout.id.to_string()).await?;
        let Some(at_start) = at_start else { return Ok(()) };
        let policy = Arc::new(rollout.policy.clone());
        let (facts, said) =
            self.gathered(view, live, (&rollout.to, &policy), Look::Watching).await?;
        let now = checklist(&facts, &said);
        let open = newly_open(&at_start, &now);
        let before =
            suspects.insert(name.to_string(), open.iter().map(|line| line.id.clone()).collect());
        let before = before.unwrap_or_default();
        let mut stale = Vec::new();
        for line in &open {
            let known = noticed.get(&line.id).filter(|it| it.stale);
            if known.is_none() && !before.contains(&line.id) {
                continue;
            }
            let since_ms = known.map_or(facts.now_ms, |it| it.check.since_ms);
            let check = stale_check(line, since_ms);
            if known.is_none() {
                self.file(view, name, rollout, Noticed { stale: true, check: check.clone() })
                    .await?;
            }
            stale.push(check);
        }
        let over = noticed.values().filter(|it| {
            it.stale && now.lines.iter().any(|l| l.id == it.check.check && !l.standing.is_open())
        });
        for it in over {
            let check = StaleCheck { since_ms: facts.now_ms, ..it.check.clone() };
            self.file(view, name, rollout, Noticed { stale: false, check }).await?;
        }
        self.stale_now(name.as_str(), stale);
        Ok(())
    }

    /// The checklist at the start, and the last thing noticed of each check.
    async fn kept(
        &self,
        name: &WorkloadName,
        rollout: &str,
    ) -> Result<(Option<Checklist>, BTreeMap<String, Noticed>), StoreAccessError> {
        let (name, rollout) = (name.clone(), rollout.to_owned());
        let (at_start, noticed) = self
            .ask(move |store| {
                let at_start = store.facts(FactKind::ChecklistAtStart, &name, &rollout, 1)?;
                Ok((at_start, store.facts(FactKind::ChecklistStale, &name, &rollout, MOST)?))
            })
            .await?;
        let at_start = at_start.last().and_then(|it| serde_json::from_str(&it.body).ok());
        let read = |fact: &StoredFact| serde_json::from_str::<Noticed>(&fact.body).ok();
        let noticed = noticed.iter().filter_map(read).map(|it| (it.check.check.clone(), it));
        Ok((at_start, noticed.collect()))
    }

    /// Records what was noticed, and tells people.
    async fn file(
        self: &Arc<Self>,
        view: &View,
        name: &WorkloadName,
        rollout: &Rollout,
        noticed: Noticed,
    ) -> Result<(), StoreAccessError> {
        if !self.speaks() {
            return Ok(());
        }
        let notice = crate::tell::linked(notice(name, rollout, &noticed), view);
        let StaleCheck { check, owner, why, .. } = &noticed.check;
        let summary = if noticed.stale {
            format!("check {check} of rollout {} went stale: {why}", rollout.id)
        } else {
            format!("check {check} of rollout {} is met again", rollout.id)
        };
        let entry = NewAudit {
            at_ms: now_ms(),
            actor: Rollout::ITSELF.to_owned(),
            workload: Some(name.to_string()),
            action: Action::Checklist(ChecklistAction::Stale).label().to_owned(),
            reason: String::new(),
            summary,
            details: json!({ "check": check, "owner": owner, "stale": noticed.stale }),
        };
        let fact = NewFact {
            kind: FactKind::ChecklistStale,
            workload: name.clone(),
            subject: rollout.id.to_string(),
            once: None,
            body: json!(noticed).to_string(),
        };
        let mut attachments = vec![Attachment::Fact(fact)];
        attachments.extend(self.told(&notice));
        let change = NewChange { attachments, ..NewChange::entry_only(entry) };
        self.append_by_itself(name.as_str(), change).await?;
        self.send_messages();
        Ok(())
    }
}

/// The checks that were not open at the start and are now.
fn newly_open<'a>(at_start: &Checklist, now: &'a Checklist) -> Vec<&'a Line> {
    let was_met = |id: &str| at_start.lines.iter().any(|it| it.id == id && !it.standing.is_open());
    now.open().filter(|line| was_met(&line.id)).collect()
}

fn stale_check(line: &Line, since_ms: u64) -> StaleCheck {
    StaleCheck {
        check: line.id.clone(),
        owner: line.owner.clone(),
        why: line.seen.clone(),
        remedy: line.remedy.clone(),
        since_ms,
    }
}

fn notice(name: &WorkloadName, rollout: &Rollout, noticed: &Noticed) -> Notice {
    let StaleCheck { check, owner, why, remedy, since_ms } = &noticed.check;
    let (kind, title) = if noticed.stale {
        (NoticeKind::CheckStale, format!("Check {check} is not met any more: {why}"))
    } else {
        (NoticeKind::Recovered, format!("Check {check} is met again"))
    };
    let id = format!("{}~check~{check}~{}~{since_ms}", rollout.id, noticed.stale);
    let step = (rollout.step + 1).to_string();
    let mut notice = Notice::new(id, kind, Severity::Warning, name.as_str(), *since_ms, title)
        .of(rollout.id.to_string(), rollout.to.as_str(), step)
        .owned_by(&**owner);
    notice.subject = format!("check-{check}");
    if noticed.stale { notice.fact("to meet it again", &**remedy) } else { notice }
}
