//! Questions of external gates: each gate asks in a task of its own, one at a time, and the steering loop takes
//! what has been answered. So a source that hangs costs its gate its values, and nobody else anything.

use super::{Inner, Live};
use crate::ports::MetricQuestion;
use stagegate_rollout::{ExternalReading, ExternalValue, GateId, Measure, Rollout, WorkloadName};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// A source that keeps its time limit is never given up for this.
const GRACE: Duration = Duration::from_secs(1);

/// The questions of every workload.
#[derive(Debug, Default)]
pub(super) struct Asking(BTreeMap<(WorkloadName, GateId), Asked>);

/// One gate's question.
#[derive(Debug)]
struct Asked {
    /// The rollout and its step: an answer for another one is nobody's.
    evidence: String,
    due: Instant,
    task: Option<JoinHandle<()>>,
    found: Arc<Mutex<Option<ExternalReading>>>,
    newest: Option<ExternalReading>,
}

impl Asking {
    /// Forgets workloads that ask nothing any more.
    pub(super) fn keep(&mut self, active: impl Fn(&WorkloadName) -> bool) {
        self.0.retain(|(workload, _), _| active(workload));
    }

    /// Begins the questions that are due, and gives the newest answer of every external gate.
    /// `evidence` names rollout and step, `at_ms` is now in Unix milliseconds.
    pub(super) fn look(
        &mut self,
        inner: &Arc<Inner>,
        (live, rollout): (&Live, &Rollout),
        evidence: &str,
        at_ms: u64,
    ) -> BTreeMap<GateId, ExternalReading> {
        let workload = &live.split.spec().name;
        let mut answers = BTreeMap::new();
        for gate in &rollout.policy.gates {
            let Measure::External(value) = &gate.measure else { continue };
            let id = gate.id();
            let asked = self.0.entry((workload.clone(), id.clone())).or_insert_with(|| Asked {
                evidence: evidence.to_owned(),
                due: Instant::now(),
                task: None,
                found: Arc::default(),
                newest: None,
            });
            if asked.evidence != evidence {
                evidence.clone_into(&mut asked.evidence);
                // A question of the step before may still be on its way: its answer is left behind.
                (asked.found, asked.newest) = (Arc::default(), None);
                asked.due = Instant::now();
            }
            asked.collect();
            if asked.is_due() {
                let question = MetricQuestion {
                    workload: workload.clone(),
                    gate: id.clone(),
                    candidate: rollout.to.clone(),
                    stable: rollout.from.clone(),
                    value: ExternalValue::clone(value),
                };
                asked.ask(inner, question, at_ms);
            }
            answers.extend(asked.newest.clone().map(|reading| (id, reading)));
        }
        answers
    }
}

impl Asked {
    fn collect(&mut self) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = found.take() {
            self.newest = Some(found);
        }
    }

    fn is_due(&self) -> bool {
        let idle = self.task.as_ref().is_none_or(JoinHandle::is_finished);
        idle && Instant::now() >= self.due
    }

    fn ask(&mut self, inner: &Arc<Inner>, question: MetricQuestion, at_ms: u64) {
        self.due = Instant::now() + Duration::from_millis(question.value.every_ms);
        let (inner, place) = (Arc::clone(inner), Arc::clone(&self.found));
        let patience = Duration::from_millis(question.value.timeout_ms) + GRACE;
        self.task = Some(tokio::spawn(async move {
            let reading = match inner.sources.get() {
                None => ExternalReading::none(at_ms, "this process asks no sources"),
                Some(sources) => {
                    let answer = sources.ask(question, at_ms);
                    let late = |_| ExternalReading::none(at_ms, "no answer in time");
                    tokio::time::timeout(patience, answer).await.unwrap_or_else(late)
                }
            };
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
        }));
    }
}
