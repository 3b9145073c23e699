//! Rows that belong to a change and are recorded with it, in one transaction.

use super::analysis::{self, NewAnalysis};
use super::drill::{self, NewDrill};
use super::eval_report::{self, NewEvalReport};
use super::evidence::{self, EvidenceSnapshot};
use super::fact::{self, NewFact};
use super::history::{self, RolloutRecord};
use super::outbox::{self, NewMessage};
use super::{NewAudit, NewFlag, NewRelease, StoreError, flag, number, release, workload};
use rusqlite::Transaction;
use serde::{Deserialize, Serialize};
use stagegate_rollout::{ReleaseName, WorkloadName, WorkloadState};

/// Something that is recorded together with a change, see
/// [`Store::record`](super::Store::record).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attachment {
    /// A release registered at run time; the actor of the change is stored as its registrant.
    AddRelease(NewRelease),
    /// The releases that the configuration file declares; refused as a whole when a used one would
    /// change.
    Declared(Vec<NewRelease>),
    /// A release registered while the program ran is forgotten; refused once it was used.
    RemoveRelease {
        /// Its workload.
        workload: WorkloadName,
        /// Its name.
        release: ReleaseName,
    },
    /// A rollout's row of the history, new or replaced.
    Rollout(RolloutRecord),
    /// An analysis, new or replaced.
    Analysis(NewAnalysis),
    /// The change rests on this analysis, stored earlier or attached before: it is kept for ever.
    Decisive {
        /// The analysis' id.
        id: String,
    },
    /// A workload's state in which only a rollout's own book-keeping changed. It decides no
    /// request, so it makes no new plan and may be recorded under the last epoch.
    State {
        /// The workload.
        workload: WorkloadName,
        /// Its state.
        state: Box<WorkloadState>,
    },
    /// The evidence that a new rollout or step begins with. Older evidence of the workload is
    /// removed.
    Evidence(EvidenceSnapshot),
    /// All evidence of the workload is forgotten.
    ForgetEvidence {
        /// The workload.
        workload: WorkloadName,
    },
    /// A drill that was held.
    Drill(NewDrill),
    /// An offline comparison of a release.
    EvalReport(NewEvalReport),
    /// The state of a flag. The change makes a plan, and its epoch is the flag's.
    Flag(NewFlag),
    /// A fact about a deployment.
    Fact(NewFact),
    /// A message about the change: sent if and only if the change was made, and left out if its
    /// channel received it before.
    Tell(NewMessage),
}

pub(super) fn write(
    change: &Transaction<'_>,
    attached: &Attachment,
    entry: &NewAudit,
    (seq, epoch): (u64, u64),
) -> Result<(), StoreError> {
    match attached {
        Attachment::AddRelease(new) => release::add(change, new, entry.at_ms, &entry.actor),
        Attachment::Declared(set) => release::declare(change, set, entry.at_ms, &entry.actor),
        Attachment::RemoveRelease { workload, release } => {
            release::remove(change, workload, release)
        }
        Attachment::Rollout(record) => history::put(change, record),
        Attachment::Analysis(new) => analysis::put(change, new),
        Attachment::Decisive { id } => analysis::keep(change, id),
        Attachment::State { workload: name, state } => {
            workload::save_state(change, name, state, entry.at_ms)
        }
        Attachment::Evidence(snapshot) => evidence::put(change, snapshot),
        Attachment::ForgetEvidence { workload } => evidence::forget(change, workload),
        Attachment::Drill(new) => {
            let body = number::filled(&new.body, seq);
            drill::put(change, &NewDrill { body, ..new.clone() })
        }
        Attachment::EvalReport(new) => eval_report::put(change, new),
        Attachment::Flag(new) => flag::put(change, new, epoch, seq),
        Attachment::Fact(new) => fact::put(change, new, (entry.at_ms, &entry.actor), seq),
        Attachment::Tell(message) => outbox::put(change, message, entry.at_ms).map(drop),
    }
}
