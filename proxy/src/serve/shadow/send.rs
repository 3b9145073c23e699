//! Sends one copy to its release, once, and reports the result.

use super::super::call::unix_ms;
use super::super::connect::open_any;
use super::super::outcome::{cost, outcome, outcome_of};
use super::response::{Ended, ShadowResponse};
use crate::endpoint::{Endpoint, Picked};
use crate::plan::{CurrentPlan, Release, Workload};
use crate::problem::Problem;
use crate::shadow_copy::{Pieces, Scored, Shadow};
use crate::tap;
use crate::transport::Stream;
use crate::worker::Worker;
use stagegate_rollout::{Arm, Outcome, ShadowDrop};
use stagegate_signals::{Cost, Usage};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{timeout, timeout_at};

/// The result of a copy.
enum Fate {
    /// It was answered, to the end or not.
    Answered {
        outcome: Outcome,
        /// Nano-dollars, where they are known.
        cost: Option<u64>,
    },
    /// There was no answer.
    Failed(Problem),
    /// It was dropped, and probably not sent.
    Dropped(ShadowDrop),
    /// Nothing was sent, and the plan has changed: look again.
    Outdated,
}

/// Sends a copy, reads the answer, and counts how it ended.
pub(super) async fn send(worker: Rc<Worker>, mut copy: Box<Shadow>) {
    let (began, mut fate) = (Instant::now(), Fate::Outdated);
    let mut scored = copy.scored.take();
    if let Some(scored) = &mut scored {
        scored.tap.copy_request(&copy.body);
    }
    while matches!(fate, Fate::Outdated) {
        let plan = worker.plan();
        fate = match To::of(&worker, &plan, &copy) {
            Some(to) => to.attempt(&copy, &mut scored, began).await,
            None => Fate::Dropped(ShadowDrop::Withdrawn),
        };
    }
    let mut stats = worker.stats.borrow_mut();
    let series = stats.shadow(&copy.workload, &copy.release);
    match fate {
        Fate::Answered { outcome, cost } => {
            series.outcomes[outcome.index()] += 1;
            series.duration_us.record(began.elapsed().as_micros() as u64);
            series.cost_nanos = series.cost_nanos.saturating_add(cost.unwrap_or(0));
        }
        Fate::Failed(problem) => {
            series.outcomes[outcome_of(problem).index()] += 1;
            // Its answer would have taken at least as long: without it, the slowest were left out.
            if problem == Problem::TotalTimeout {
                series.duration_us.record(began.elapsed().as_micros() as u64);
            }
        }
        Fate::Dropped(why) => series.dropped[why.index()] += 1,
        Fate::Outdated => {}
    }
}

/// The destination of a copy, under one plan.
#[derive(Clone, Copy)]
struct To<'a> {
    worker: &'a Worker,
    plan: &'a CurrentPlan,
    workload: &'a Workload,
    release: &'a Release,
    timeout: Duration,
}

impl<'a> To<'a> {
    /// `None` if the plan no longer permits the copy.
    fn of(worker: &'a Worker, plan: &'a CurrentPlan, copy: &Shadow) -> Option<Self> {
        let workload = plan.workloads.iter().find(|it| it.prepared.name == copy.workload)?;
        let release = workload.shadow.as_deref().filter(|it| it.name == copy.release)?;
        let timeout = workload.prepared.settings.shadow.as_ref()?.timeout;
        Some(Self { worker, plan, workload, release, timeout })
    }

    /// Makes one attempt within the time left.
    async fn attempt(self, copy: &Shadow, scored: &mut Option<Scored>, began: Instant) -> Fate {
        let Self { worker, plan, workload, release, .. } = self;
        let load = |endpoint: &Endpoint| worker.pools.borrow().in_flight(endpoint.id);
        let now_ms = worker.watches.now_ms();
        let picked = release.endpoints.pick(copy.conversation.as_deref(), &[], now_ms, None, load);
        let Some(Picked { at, .. }) = picked else { return Fate::Dropped(ShadowDrop::Unhealthy) };
        let endpoint = &release.endpoints.all()[at];
        let _under_way = UnderWay::begin(worker, endpoint.id);
        let (mut stream, reused) = match self.connect(endpoint).await {
            Ok(connected) => connected,
            Err(problem) => return Fate::Failed(problem),
        };
        let tap = scored.as_mut().map(|scored| &mut scored.tap);
        let mut answer = ShadowResponse::new(worker, copy, &workload.prepared.signals, tap, began);
        let pieces = copy.pieces(&endpoint.address.authority, plan.epoch);
        let mut sending = Sending { to: self, pieces, broken: false };
        let exchange = poll_fn(|cx| sending.poll(cx, &mut stream, &mut answer));
        let until = tokio::time::Instant::from_std(began) + self.timeout;
        match timeout_at(until, exchange).await {
            Ok(Ok(ended)) => {
                if ended.reusable && sending.is_done() {
                    self.keep(endpoint, stream);
                }
                let told = self.told(&mut answer, ended);
                if let Some(scored) = scored.take().filter(|_| told.is_good) {
                    Self::hand_over(scored, copy, &told, began);
                }
                let cost = told.cost.and_then(|cost| cost.nanos);
                Fate::Answered { outcome: told.outcome, cost }
            }
            Ok(Err(Halt::Outdated)) => {
                self.keep(endpoint, stream);
                Fate::Outdated
            }
            Ok(Err(Halt::Broken(Problem::UpstreamReset))) if reused && answer.is_empty() => {
                Fate::Dropped(ShadowDrop::Stale)
            }
            Ok(Err(Halt::Broken(problem))) => Fate::Failed(problem),
            Err(_) => {
                if let Stream::Outgoing(outgoing) = &stream {
                    outgoing.retire();
                }
                Fate::Failed(Problem::TotalTimeout)
            }
        }
    }

    /// A connection, and whether it carried a request before.
    async fn connect(self, endpoint: &Endpoint) -> Result<(Stream, bool), Problem> {
        let pooled = self.worker.pools.borrow_mut().take(endpoint.id, self.worker.watches.now_ms());
        if let Some(stream) = pooled {
            return Ok((stream, true));
        }
        let opening = open_any(self.worker, endpoint, false, false, self.expires_ms());
        match timeout(self.workload.prepared.settings.timeouts.connect, opening).await {
            Ok(opened) => opened.map_err(|_| Problem::UpstreamConnect),
            Err(_) => Err(Problem::ConnectTimeout),
        }
    }

    /// Keeps a connection that may carry another copy. What is shared is kept already.
    fn keep(self, endpoint: &Endpoint, stream: Stream) {
        if let Stream::Conn(_) = stream {
            self.worker.pools.borrow_mut().keep(endpoint.id, stream, self.expires_ms());
        }
    }

    fn expires_ms(self) -> u64 {
        let idle = self.workload.prepared.settings.timeouts.pool_idle;
        self.worker.watches.now_ms().saturating_add(idle.as_millis() as u64)
    }

    /// Evaluates an answer by the rules and prices of the workload.
    fn told(self, answer: &mut ShadowResponse<'_>, Ended { how, .. }: Ended) -> Told {
        let settings = &self.workload.prepared.signals;
        let signals = answer.observed.end(how);
        let failure = answer.observed.failure(signals.as_ref());
        let (status, bytes) = (answer.status, answer.bytes);
        let (observed, now_s) = (&answer.observed, unix_ms() / 1000);
        let cost = cost(self.worker, settings, signals.as_ref(), observed, status, bytes, now_s);
        Told {
            outcome: outcome(&settings.rules, status, failure.as_ref(), how),
            is_good: tap::is_worth_scoring(how, status),
            status,
            first_byte_us: answer.first_byte_us,
            usage: signals.and_then(|signals| signals.usage),
            cost,
        }
    }

    /// Hands the answer over as one half of its pair.
    fn hand_over(scored: Scored, copy: &Shadow, told: &Told, began: Instant) {
        scored.tap.finish(tap::Exchange {
            id: scored.id,
            at_ms: scored.at_ms,
            workload: Arc::clone(&copy.workload),
            release: Arc::clone(&copy.release),
            arm: Arm::Candidate,
            conversation: copy.conversation.clone(),
            tenant: scored.tenant,
            status: told.status,
            duration_us: began.elapsed().as_micros() as u64,
            first_byte_us: told.first_byte_us,
            tokens: told.usage.map(|usage| (usage.total_input(), usage.output)),
            cost_nanos: told.cost.and_then(|cost| cost.nanos),
        });
    }
}

/// The evaluation of one answer.
struct Told {
    outcome: Outcome,
    /// True if it is worth scoring.
    is_good: bool,
    status: u16,
    first_byte_us: u64,
    usage: Option<Usage>,
    cost: Option<Cost>,
}

/// Counts a copy as in progress at an endpoint until it is dropped.
struct UnderWay<'a>(&'a Worker, u64);

impl<'a> UnderWay<'a> {
    fn begin(worker: &'a Worker, endpoint: u64) -> Self {
        worker.pools.borrow_mut().begin(endpoint, None);
        Self(worker, endpoint)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.pools.borrow_mut().end(self.1);
    }
}

/// The reason why an exchange ended before its response did.
enum Halt {
    /// Nothing was sent, and the plan has changed.
    Outdated,
    /// The endpoint gave no answer.
    Broken(Problem),
}

/// A copy and its answer, both directions at once.
struct Sending<'a> {
    to: To<'a>,
    pieces: Pieces<'a>,
    /// The endpoint takes no more; its answer may still come.
    broken: bool,
}

impl Sending<'_> {
    fn is_done(&self) -> bool {
        self.pieces.next().is_empty() && !self.broken
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
        answer: &mut ShadowResponse<'_>,
    ) -> Poll<Result<Ended, Halt>> {
        // In the very step in which the first byte leaves: what was acknowledged before holds.
        if !self.pieces.begun() && !self.to.worker.is_current(self.to.plan) {
            return Poll::Ready(Err(Halt::Outdated));
        }
        self.poll_send(cx, stream);
        loop {
            let mut buffer = self.to.worker.read_buffer.borrow_mut();
            let mut read = ReadBuf::new(&mut buffer);
            let taken = match Pin::new(&mut *stream).poll_read(cx, &mut read) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !read.filled().is_empty() => answer.feed(read.filled()),
                Poll::Ready(ended) => answer.closed(ended.is_ok()).map(Some),
            };
            match taken {
                Ok(None) => {}
                Ok(Some(ended)) => return Poll::Ready(Ok(ended)),
                Err(problem) => return Poll::Ready(Err(Halt::Broken(problem))),
            }
        }
    }

    /// Writes what the endpoint takes.
    fn poll_send(&mut self, cx: &mut Context<'_>, stream: &mut Stream) {
        while !self.broken && !self.pieces.next().is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, self.pieces.next()) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    if !self.pieces.begun() {
                        self.note_first_byte();
                    }
                    self.pieces.advance(count);
                }
                Poll::Ready(_) => self.broken = true,
                Poll::Pending => return,
            }
        }
        self.broken |= matches!(Pin::new(stream).poll_flush(cx), Poll::Ready(Err(_)));
    }

    /// A rollback says when the last request went to the candidate: copies are among them.
    fn note_first_byte(&self) {
        let To { worker, workload, release, .. } = self.to;
        if workload.candidate.as_ref().is_some_and(|it| it.number == release.number) {
            worker.sent_to_candidate(&workload.prepared.name);
        }
    }
}
