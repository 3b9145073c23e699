//! The end of a WebSocket whose release was rolled back: closed with 1012, so that the client comes
//! back, to stable.

use super::client::Client;
use super::decision::Decision;
use crate::plan::CurrentPlan;
use crate::transport::Stream;
use crate::watch::Watched;
use crate::worker::Worker;
use stagegate_rollout::{Arm, OnRollback};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncWrite as _;

/// A close frame with the status 1012, service restart (RFC 6455 5.5.1; IANA's registry of codes).
const TO_CLIENT: [u8; 4] = [0x88, 2, (1012_u16 >> 8) as u8, 1012_u16 as u8];
/// The code for the backend: the client goes away.
const TO_BACKEND: [u8; 2] = 1001_u16.to_be_bytes();

/// What ends a tunnel after a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    /// Between two messages: both sides are told.
    Closes,
    /// No place between two messages came in time: cut.
    Cuts,
}

/// Waits for a rollback of the release that a tunnel goes to.
pub(super) struct Leaving<'a> {
    /// None where a rollback does not concern it.
    of: Option<&'a Decision>,
    grace: Duration,
    /// The plan that was last looked at. The plan behind a fence has the same epoch.
    seen: CurrentPlan,
    /// The worker's time from which it may be closed.
    from_ms: u64,
    /// The worker's time at which it is cut.
    until_ms: u64,
    /// The worker's time of the next look.
    due_ms: u64,
}

impl<'a> Leaving<'a> {
    /// A tunnel of this decision; only a WebSocket can be told to come back.
    pub(super) fn new(decision: &'a Decision, is_websocket: bool) -> Self {
        let migrates = decision.workload().split.spec().on_rollback == OnRollback::Migrate;
        let concerned = is_websocket && migrates && decision.arm == Arm::Candidate;
        Self {
            of: concerned.then_some(decision),
            grace: decision.workload().prepared.settings.timeouts.tunnel_grace,
            seen: decision.plan.clone(),
            from_ms: u64::MAX,
            until_ms: u64::MAX,
            due_ms: u64::MAX,
        }
    }

    /// The worker's time at which to look again.
    pub(super) fn due_ms(&self) -> u64 {
        self.due_ms
    }

    /// Looks at the plan in force; gives how the tunnel ends, if it does now. `may_close`: it stands
    /// between two messages.
    pub(super) fn poll(
        &mut self,
        worker: &Worker,
        watch: &Watched,
        may_close: bool,
    ) -> Option<Departure> {
        let decision = self.of?;
        let plan = worker.plan();
        if self.until_ms == u64::MAX {
            if plan.is(&self.seen) {
                return None;
            }
            self.seen = plan.clone();
            let name = &decision.workload().prepared.name;
            let number = decision.release().map(|release| release.number);
            let workload = plan.workloads.iter().find(|it| it.prepared.name == *name);
            let leads = |it: &crate::plan::Workload| number.is_some_and(|it_is| it.leads_to(it_is));
            if workload.is_some_and(leads) {
                return None;
            }
            self.from_ms = watch.after(self.grace);
            self.until_ms = watch.after(self.grace * 2);
            self.due_ms = self.from_ms;
        }
        let now_ms = worker.watches.now_ms();
        if now_ms >= self.until_ms {
            return Some(Departure::Cuts);
        }
        if now_ms < self.from_ms {
            return None;
        }
        if may_close {
            return Some(Departure::Closes);
        }
        // Looked at again with every byte; at the latest when it is cut.
        self.due_ms = self.until_ms;
        None
    }
}

impl Client {
    /// Sends both sides a close. Who does not take it at once learns of the end by the end.
    pub(super) async fn say_goodbye(&mut self, upstream: &mut Stream) {
        let mask = (self.worker.ids.borrow_mut().random() as u32).to_be_bytes();
        let [high, low] = TO_BACKEND;
        let masked = [high ^ mask[0], low ^ mask[1]];
        let to_backend = [&[0x88, 0x82][..], &mask, &masked].concat();
        self.write(&TO_CLIENT).await;
        // Without waiting: the connection is dropped afterwards.
        poll_fn(|cx| {
            let _ = Pin::new(&mut *upstream).poll_write(cx, &to_backend);
            let _ = Pin::new(&mut *upstream).poll_flush(cx);
            let _ = Pin::new(&mut *upstream).poll_shutdown(cx);
            Poll::Ready(())
        })
        .await;
    }
}
