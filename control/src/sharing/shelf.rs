//! The books of all workloads at the replica that steers: loaded when a term begins, saved every few
//! seconds.

use super::book::{Book, SavedBook};
use super::job::Job;
use super::live::{active, name};
use super::share::{Marks, Message, Report, Share};
use crate::intake::Counted;
use crate::ports::{Peers, SavedState};
use crate::remembered::remembered;
use crate::{Inner, Live, View};
use stagegate_fleet::{Coverage, ReplicaName};
use stagegate_rollout::{Doubt, Evidence, SpendBook, WorkloadName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a book is saved while a rollout is in progress.
const SAVE_EVERY: Duration = Duration::from_secs(5);
/// How often a book is saved that has nothing but money in it.
const SAVE_MONEY_EVERY: Duration = Duration::from_secs(60);
/// Pause before a book is asked for again.
const LOAD_AGAIN: Duration = Duration::from_millis(500);
/// How long the end of the process waits for the books.
const END: Duration = Duration::from_secs(2);

/// The books of a term.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    books: BTreeMap<WorkloadName, Kept>,
    loading: BTreeMap<WorkloadName, Job<(u64, SavedBook)>>,
}

/// A book that is kept here.
#[derive(Debug)]
struct Kept {
    book: Book,
    /// Number of the state that was saved last.
    revision: u64,
    saved: Instant,
    saving: Option<(Job<Result<u64, String>>, Marks)>,
    /// Evidence as it was saved, until the rollout is watched here.
    found: Option<Evidence>,
}

/// What a loaded book brings for the steering loop.
pub(crate) struct Loaded {
    pub(crate) workload: WorkloadName,
    /// Spending as it was saved; none if nothing was.
    pub(crate) spending: Option<SpendBook>,
}

impl Shelf {
    /// Takes a report in. A book that is not here is asked for; the report comes again.
    pub(crate) fn take(
        &mut self,
        inner: &Arc<Inner>,
        peers: &Arc<dyn Peers>,
        (view, now): (&View, Instant),
        report: &Report,
    ) {
        for live in &view.live {
            let workload = name(live);
            if active(live).is_none() && !report.shares.contains_key(workload) {
                continue;
            }
            match self.books.get_mut(workload) {
                Some(kept) => kept.book.take(workload, report, (view.epoch, live.epoch), now),
                None => self.load(inner, peers, live),
            }
        }
    }

    /// Asks for the book of a workload, if nobody does.
    pub(crate) fn load(&mut self, inner: &Arc<Inner>, peers: &Arc<dyn Peers>, live: &Live) {
        if self.loading.contains_key(name(live)) || self.books.contains_key(name(live)) {
            return;
        }
        let (local, peers, workload) = (Arc::clone(inner), Arc::clone(peers), name(live).clone());
        let rollout = active(live).map(|(_, it)| it.clone());
        let job = Job::begin(async move {
            if let Some((revision, state)) = asked(&*peers, &workload).await {
                return (revision, read(&workload, &state));
            }
            // The first term of a fleet: a process on its own may have begun the rollout.
            let evidence = match &rollout {
                Some(rollout) => remembered(&local, &workload, rollout).await,
                None => None,
            };
            (0, SavedBook { evidence, ..SavedBook::default() })
        });
        self.loading.insert(name(live).clone(), job);
    }

    /// The books that have come since the last time.
    pub(crate) fn loaded(&mut self, now: Instant) -> Vec<Loaded> {
        let mut loaded = Vec::new();
        let (books, loading) = (&mut self.books, &mut self.loading);
        loading.retain(|workload, job| {
            if !job.is_over() {
                return true;
            }
            let Some((revision, saved)) = job.answer() else { return false };
            let SavedBook { tally, evidence, spending } = saved;
            let (book, workload) = (Book::of(tally), workload.clone());
            let kept = Kept { book, revision, saved: now, saving: None, found: evidence };
            books.insert(workload.clone(), kept);
            loaded.push(Loaded { workload, spending: (revision > 0).then_some(spending) });
            false
        });
        loaded
    }

    /// The evidence that a book was loaded with; the outer none while it is not here.
    pub(crate) fn found(&mut self, workload: &WorkloadName) -> Option<Option<Evidence>> {
        self.books.get_mut(workload).map(|kept| kept.found.take())
    }

    /// The counts of all replicas since the last time, of this rollout and step, and when the first of
    /// them arrived.
    pub(crate) fn counted(
        &mut self,
        workload: &WorkloadName,
        evidence: &str,
    ) -> Option<(Counted, u64)> {
        let (share, first) = self.books.get_mut(workload)?.book.drain(evidence);
        let Share { stable, candidate, assigned, apart, spent, .. } = share;
        Some((Counted { stable, candidate, assigned, apart, first }, spent))
    }

    /// A doubt of any replica about the scorers of a workload.
    pub(crate) fn doubt(&self, workload: &WorkloadName) -> Option<Doubt> {
        self.books.get(workload)?.book.doubt().cloned()
    }

    /// Whose evidence is in the book of a workload.
    pub(crate) fn coverage(
        &self,
        workload: &WorkloadName,
        live: &BTreeSet<ReplicaName>,
        now: Instant,
    ) -> Option<Coverage> {
        Some(self.books.get(workload)?.book.coverage(live, now))
    }

    /// Workloads whose books are here.
    pub(crate) fn workloads(&self) -> Vec<WorkloadName> {
        self.books.keys().cloned().collect()
    }

    /// A book is saved with the next look: a step began.
    pub(crate) fn save_soon(&mut self, workload: &WorkloadName, now: Instant) {
        if let Some(kept) = self.books.get_mut(workload) {
            kept.saved = now.checked_sub(SAVE_MONEY_EVERY).unwrap_or(now);
        }
    }

    /// Saves the books that are due. `of` gives evidence and spending of a workload; `active` have a
    /// rollout in progress. Returns workloads whose book could not be saved: what is saved is not known,
    /// so it is loaded again.
    pub(crate) fn save(
        &mut self,
        inner: &Inner,
        peers: &dyn Peers,
        (active, now): (&BTreeSet<WorkloadName>, Instant),
        of: impl Fn(&WorkloadName) -> (Option<Evidence>, SpendBook),
    ) -> Vec<WorkloadName> {
        let mut lost = Vec::new();
        for (workload, kept) in &mut self.books {
            if let Some((job, marks)) = kept.saving.take_if(|(job, _)| job.is_over()) {
                match job.answer() {
                    Some(Ok(revision)) => {
                        kept.revision = revision;
                        let saved = Message::Saved(marks);
                        peers.tell(saved.bytes());
                        inner.steering.hear(saved);
                    }
                    failed => {
                        let error = failed.and_then(Result::err).unwrap_or_default();
                        lost.push(workload.clone());
                        let workload = workload.as_str();
                        tracing::warn!(workload, error, "the evidence of the fleet is not saved");
                        continue;
                    }
                }
            }
            let is_active = active.contains(workload);
            let every = if is_active { SAVE_EVERY } else { SAVE_MONEY_EVERY };
            let is_due = now.duration_since(kept.saved) >= every && (kept.book.is_new || is_active);
            if is_due && kept.saving.is_none() {
                kept.saved = now;
                kept.begin_save(workload, peers, of(workload));
            }
        }
        self.books.retain(|workload, _| !lost.contains(workload));
        lost
    }

    /// Saves every book, and waits for that a moment. Another replica goes on from there.
    pub(crate) async fn end(
        mut self,
        peers: &dyn Peers,
        of: impl Fn(&WorkloadName) -> (Option<Evidence>, SpendBook),
    ) {
        let mut saving = Vec::new();
        let deadline = tokio::time::Instant::now() + END;
        for (workload, kept) in &mut self.books {
            if let Some((job, _)) = kept.saving.take() {
                match tokio::time::timeout_at(deadline, job.finish()).await {
                    Ok(Some(Ok(revision))) => kept.revision = revision,
                    _ => continue,
                }
            }
            kept.begin_save(workload, peers, of(workload));
            saving.extend(kept.saving.take());
        }
        for (job, marks) in saving {
            if let Ok(Some(Ok(_))) = tokio::time::timeout_at(deadline, job.finish()).await {
                peers.tell(Message::Saved(marks).bytes());
            }
        }
    }
}

impl Kept {
    fn begin_save(
        &mut self,
        workload: &WorkloadName,
        peers: &dyn Peers,
        (evidence, spending): (Option<Evidence>, SpendBook),
    ) {
        self.book.is_new = false;
        let marks = self.book.marks(workload);
        let evidence = evidence.or_else(|| self.found.clone());
        let book = SavedBook { tally: self.book.tally.clone(), evidence, spending };
        let Ok(state) = serde_json::to_vec(&book) else { return };
        self.saving = Some((Job::begin(peers.save(workload, self.revision, state)), marks));
    }
}

/// The state that was saved last. Asked for until there is an answer.
async fn asked(peers: &dyn Peers, workload: &WorkloadName) -> Option<SavedState> {
    let mut said = false;
    loop {
        match peers.load(workload).await {
            Ok(saved) => return saved,
            Err(error) => {
                if !std::mem::replace(&mut said, true) {
                    let workload = workload.as_str();
                    tracing::warn!(workload, error, "the fleet's evidence cannot be read yet");
                }
                tokio::time::sleep(LOAD_AGAIN).await;
            }
        }
    }
}

fn read(workload: &WorkloadName, state: &[u8]) -> SavedBook {
    serde_json::from_slice(state).unwrap_or_else(|error| {
        let workload = workload.as_str();
        tracing::warn!(workload, %error, "saved evidence is invalid; evidence starts empty");
        SavedBook::default()
    })
}
