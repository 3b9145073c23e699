//! The handle on the queue, and its thread.

use crate::entry::{Answer, Entry, Kept, NewEntry, Polled, Request, State};
use crate::figures::Figures;
use crate::file::{File, QueueError};
use crate::keeping::All;
use crate::shared::{Shared, now_ms};
use crate::worker::{Job, work};
use stagegate_settings::Queue as Settings;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use tokio::sync::oneshot;

/// Jobs that may wait for the thread.
const WAITING: usize = 1024;

/// The queue of all workloads. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    jobs: SyncSender<Job>,
    pub(crate) shared: Arc<Shared>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Queue {
    /// Opens the file in the data directory and begins the thread.
    ///
    /// # Errors
    /// When the file cannot be read or the thread cannot be started.
    pub fn open(dir: &Path) -> Result<Self, QueueError> {
        let mut file = File::open(dir)?;
        let (jobs, waiting) = sync_channel(WAITING);
        let shared = Arc::new(Shared::default());
        shared.set_totals(&file.totals()?);
        let its = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("queue".to_owned())
            .spawn(move || work(file, &waiting, &its))
            .map_err(|_| QueueError::Ended)?;
        Ok(Self { jobs, shared })
    }

    /// Puts settings in force, by workload. What is queued of others stays until it is too old.
    pub fn configure(&self, settings: BTreeMap<String, Settings>) {
        let now = self.shared.settings();
        if *now == settings {
            return;
        }
        self.shared.set_settings(settings);
    }

    /// The settings of a workload.
    #[must_use]
    pub fn settings(&self, workload: &str) -> Option<Settings> {
        self.shared.settings().get(workload).cloned()
    }

    /// Counts of every workload that has or had a queue.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, Figures> {
        let mut figures = self.shared.figures().clone();
        for workload in self.shared.settings().keys() {
            figures.entry(workload.clone()).or_default();
        }
        figures
    }

    /// Keeps a request and calls `reply` once it is on disk. Never waits.
    pub fn keep(&self, new: NewEntry, reply: Box<dyn FnOnce(Kept) + Send>) {
        let job = Job::Keep(Box::new(new), reply);
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) =
            self.jobs.try_send(job)
            && let Job::Keep(_, reply) = job
        {
            reply(Kept::Failed);
        }
    }

    /// Looks for an answer. Never waits.
    pub fn poll(&self, id: String, reply: Box<dyn FnOnce(Polled) + Send>) {
        let shared = Arc::clone(&self.shared);
        let work = move |file: &mut File| {
            // A caller asks again soon.
            reply(file.poll(&shared.settings(), &id).unwrap_or(Polled::Waiting));
        };
        // The reply that is not called says the same to its caller.
        let _ = self.jobs.try_send(Job::Do(Box::new(work)));
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut File, &All) -> Result<T, QueueError> + Send + 'static,
    ) -> Result<T, QueueError> {
        let (reply, answer) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let job = Job::Do(Box::new(move |file: &mut File| {
            let _ = reply.send(work(file, &shared.settings()));
        }));
        let jobs = self.jobs.clone();
        // The channel may be full for as long as the disk is slow.
        tokio::task::spawn_blocking(move || jobs.send(job))
            .await
            .map_err(|_| QueueError::Ended)?
            .map_err(|_| QueueError::Ended)?;
        answer.await.map_err(|_| QueueError::Ended)?
    }

    /// Entries of a workload after this place, in their order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn list(
        &self,
        workload: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Entry>, QueueError> {
        let workload = workload.to_owned();
        self.ask(move |file, _| file.list(&workload, after, limit)).await
    }

    /// One entry, with its request while it waits and the key opens it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn show(
        &self,
        workload: &str,
        id: &str,
    ) -> Result<Option<(Entry, Option<Request>)>, QueueError> {
        let (workload, id) = (workload.to_owned(), id.to_owned());
        self.ask(move |file, all| file.show(all, &workload, &id)).await
    }

    /// Takes a request out that waits; false if there is none, or if it is being sent.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn drop_one(&self, workload: &str, id: &str) -> Result<bool, QueueError> {
        let (name, id) = (workload.to_owned(), id.to_owned());
        let dropped = self.ask(move |file, _| file.drop_one(&name, &id, now_ms())).await?;
        if dropped {
            self.shared.count(workload, |it| {
                (it.dropped, it.waiting) = (it.dropped + 1, it.waiting.saturating_sub(1));
            });
        }
        Ok(dropped)
    }

    /// Takes up what a crash left while it was sent; how many of them nobody knows of.
    pub(crate) async fn recover(&self) -> Result<u64, QueueError> {
        self.ask(|file, _| file.recover(now_ms())).await
    }

    pub(crate) async fn begin(
        &self,
        workload: &str,
    ) -> Result<Option<(String, Request)>, QueueError> {
        let workload = workload.to_owned();
        self.ask(move |file, all| file.begin(all, &workload, now_ms())).await
    }

    pub(crate) async fn put_back(&self, id: &str) -> Result<(), QueueError> {
        let id = id.to_owned();
        self.ask(move |file, _| file.put_back(&id, now_ms())).await
    }

    pub(crate) async fn cut_off(&self, workload: &str, id: &str) -> Result<State, QueueError> {
        let id = id.to_owned();
        let state = self.ask(move |file, _| file.cut_off(&id, now_ms())).await?;
        if state == State::Unknown {
            self.shared.count(workload, |it| it.unknown += 1);
        }
        Ok(state)
    }

    pub(crate) async fn finish(
        &self,
        workload: &str,
        id: &str,
        answer: Answer,
    ) -> Result<(), QueueError> {
        let (name, id) = (workload.to_owned(), id.to_owned());
        self.ask(move |file, all| file.finish(all, &name, &id, &answer, now_ms())).await?;
        self.shared.count(workload, |it| {
            (it.answered, it.waiting) = (it.answered + 1, it.waiting.saturating_sub(1));
        });
        Ok(())
    }
}
