//! The thread that has the file.

use crate::entry::{Kept, NewEntry};
use crate::file::File;
use crate::shared::{Shared, now_ms};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Requests that are kept in one transaction at most.
const BATCH: usize = 256;
/// How often old entries are given up and forgotten, and counts are read.
const SWEEP: Duration = Duration::from_secs(1);

/// Work for the thread.
pub(crate) enum Job {
    /// Keep this request.
    Keep(Box<NewEntry>, Box<dyn FnOnce(Kept) + Send>),
    /// Anything else.
    Do(Box<dyn FnOnce(&mut File) + Send>),
}

/// Works until nobody has work any more.
pub(crate) fn work(mut file: File, jobs: &Receiver<Job>, shared: &Arc<Shared>) {
    let mut swept = Instant::now();
    let mut next = None;
    loop {
        let job = match next.take() {
            Some(job) => Ok(job),
            None => jobs.recv_timeout(SWEEP),
        };
        match job {
            Ok(Job::Do(work)) => work(&mut file),
            Ok(Job::Keep(new, reply)) => {
                let mut batch = vec![(*new, reply)];
                while batch.len() < BATCH {
                    match jobs.try_recv() {
                        Ok(Job::Keep(new, reply)) => batch.push((*new, reply)),
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                keep(&mut file, shared, batch);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            sweep(&mut file, shared);
        }
    }
}

type Batch = Vec<(NewEntry, Box<dyn FnOnce(Kept) + Send>)>;

fn keep(file: &mut File, shared: &Shared, batch: Batch) {
    let (new, replies): (Vec<NewEntry>, Vec<_>) = batch.into_iter().unzip();
    let kept = file.keep(&shared.settings(), &new, now_ms()).unwrap_or_else(|error| {
        tracing::error!(%error, "requests of a killed workload are not queued");
        vec![(Kept::Failed, 0); new.len()]
    });
    let came_ms = now_ms();
    for ((new, (kept, bytes)), reply) in new.iter().zip(kept).zip(replies) {
        shared.count(&new.workload, |it| match kept {
            Kept::Yes(_) if bytes > 0 => {
                (it.taken, it.waiting) = (it.taken + 1, it.waiting + 1);
                it.bytes += bytes;
                it.oldest_ms.get_or_insert(came_ms);
            }
            // It was there before.
            Kept::Yes(_) => {}
            _ => it.refused += 1,
        });
        reply(kept);
    }
    shared.changed.notify_one();
}

fn sweep(file: &mut File, shared: &Shared) {
    match file.sweep(now_ms()).and_then(|expired| Ok((expired, file.totals()?))) {
        Ok((expired, totals)) => {
            for (workload, count) in expired {
                shared.count(&workload, |it| it.expired += count);
            }
            shared.set_totals(&totals);
        }
        Err(error) => tracing::error!(%error, "cannot look through the queue of killed workloads"),
    }
}
