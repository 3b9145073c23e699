//! Passive health: each request's result counts for or against its endpoint. Also the rules for
//! another attempt.

use super::call::Call;
use super::client::Client;
use super::decision::Decision;
use super::exchange::End;
use crate::endpoint::{Endpoint, Picked};
use crate::lease::Place;
use crate::plan::{Role, Workload};
use crate::problem::Problem;
use stagegate_rollout::{Arm, Outcome};
use stagegate_settings::{Ejection, FallbackToStable, Retry};
use std::future::{Future as _, poll_fn};
use std::task::Poll;
use std::time::Duration;

/// Time an endpoint on trial is left to one request when ejection was switched off meanwhile.
const TRIAL: Duration = Duration::from_secs(10);

/// Time for which an endpoint on trial serves only the one request that tries it.
pub(super) fn trial(workload: &Workload) -> Duration {
    workload.prepared.settings.ejection.map_or(TRIAL, |rule| rule.time)
}

/// Judges the endpoint by how an exchange ended without a complete answer: true is good, false is
/// bad, none is neither, because another side was to blame or the cause is unknown.
fn speaks_for(end: &End, is_slow: bool) -> Option<bool> {
    match end {
        End::Upgraded => Some(!is_slow),
        // Who waits longer than is allowed, and leaves, saw a failure.
        End::ClientGone if is_slow => Some(false),
        End::Broken | End::Again(_) => Some(false),
        End::Refused(
            Problem::UpstreamReset | Problem::FirstByteTimeout | Problem::UpstreamMalformed(_),
        ) => Some(false),
        End::Done { .. }
        | End::Refused(_)
        | End::Outdated
        | End::Stale
        | End::ClientGone
        | End::Cut => None,
    }
}

/// Judges the endpoint by the outcome of a complete answer. A server error is bad, also where the
/// body blames the provider behind the agent. Without one, a failure of the provider is neither.
const fn answer_speaks_for(status: u16, outcome: Outcome, is_slow: bool) -> Option<bool> {
    match outcome {
        _ if status >= 500 || is_slow => Some(false),
        Outcome::Ok => Some(true),
        Outcome::Transient | Outcome::Permanent => Some(false),
        Outcome::External | Outcome::ClientGone => None,
    }
}

fn is_slow(rule: &Ejection, first_byte_us: u64) -> bool {
    rule.slow.is_some_and(|slow| u128::from(first_byte_us) > slow.as_micros())
}

impl Client {
    /// Records in the endpoint's standing how an exchange ended without a complete answer.
    pub(super) fn judge(&self, decision: &Decision, endpoint: Picked, end: &End, call: &Call) {
        // A client that leaves while it sends waits for nothing yet.
        let waited = *end != End::ClientGone || call.abandoned;
        let waited_us = if waited { call.waited_us() } else { 0 };
        self.note(decision, endpoint, |slow| speaks_for(end, slow(waited_us)));
    }

    /// Records in the endpoint's standing how a complete answer was counted.
    pub(super) fn judge_answer(
        &self,
        decision: &Decision,
        endpoint: Picked,
        outcome: Outcome,
        call: &Call,
    ) {
        self.note(decision, endpoint, |slow| {
            answer_speaks_for(call.status, outcome, slow(call.first_byte_us))
        });
    }

    /// Records in the endpoint's standing that it took no connection.
    pub(super) fn judge_unconnected(&self, decision: &Decision, endpoint: Picked) {
        self.note(decision, endpoint, |_| Some(false));
    }

    /// Records a verdict: true is good. Without a rule nothing is recorded, but an endpoint that
    /// was left out before the rule went can still come back.
    fn note(
        &self,
        decision: &Decision,
        picked: Picked,
        verdict: impl FnOnce(&dyn Fn(u64) -> bool) -> Option<bool>,
    ) {
        let rule = decision.workload().prepared.settings.ejection.as_ref();
        if rule.is_none() && !picked.admitted.was_out() {
            return;
        }
        let slow = |first_byte_us| rule.is_some_and(|rule| is_slow(rule, first_byte_us));
        let (Some(good), Some(release)) = (verdict(&slow), decision.release()) else { return };
        let endpoint = &release.endpoints.all()[picked.at];
        let (standing, name) = (&endpoint.standing, &*endpoint.address.authority);
        if good {
            if standing.succeeded(picked.admitted) {
                tracing::warn!(endpoint = name, "endpoint answered a trial request and is back");
            }
        } else if let Some(rule) = rule
            && standing.failed(picked.admitted, rule, self.worker.watches.now_ms())
        {
            tracing::warn!(endpoint = name, "endpoint fails requests and is left out for a while");
        }
    }

    /// Returns whether the request may be sent to another endpoint after this one took no
    /// connection.
    pub(super) fn may_try_another(
        &self,
        decision: &Decision,
        endpoint: usize,
        tried: &[usize],
    ) -> bool {
        let settings = &decision.workload().prepared.settings;
        let Some(release) = decision.release() else { return false };
        tried.len() < settings.retry.connect_attempts as usize
            && release.endpoints.any_left(tried)
            && self
                .worker
                .pools
                .borrow_mut()
                .may_retry(release.endpoints.all()[endpoint].id, &settings.retry)
    }

    /// Returns whether a request that no endpoint of the candidate takes is stable's to serve.
    pub(super) fn falls_back(&self, decision: &Decision) -> bool {
        decision.role == Some(Role::Arm(Arm::Candidate))
            && decision.workload().prepared.settings.fallback_to_stable
                == FallbackToStable::OnConnectError
    }

    /// The retry settings and the number of the next retry, if a 503 answer may be retried.
    pub(super) fn retry(&self, decision: &Decision, retries: u8) -> Option<(Retry, u32)> {
        let settings = decision.workload().prepared.settings.retry;
        let number = u32::from(retries) + 1;
        let wanted = settings.unavailable && number <= settings.attempts;
        (wanted && self.may_replay(decision)).then_some((settings, number))
    }

    /// Waits before a retry; false when the whole request is over first.
    pub(super) async fn pause(&mut self, wait: Duration, over_ms: u64) -> bool {
        let until = self.watch.after(wait);
        self.watch.set_at(until.min(over_ms));
        poll_fn(|cx| if self.watch.poll_due(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
        until <= over_ms
    }

    /// One of the endpoint's turns, for as long as it is kept; waits for it at most until `due_ms`. None
    /// where turns are not limited.
    pub(super) async fn turn(
        &mut self,
        decision: &Decision,
        endpoint: &Endpoint,
        due_ms: u64,
    ) -> Result<Option<Place>, Problem> {
        let limits = decision.workload().prepared.settings.limits.endpoint;
        let Some(most) = limits.in_flight else { return Ok(None) };
        let lease = self.worker.pools.borrow_mut().lease(endpoint.id, &endpoint.requests);
        let workers = self.worker.shared.workers.len();
        let take = || lease.take(Some(most as usize), workers);
        if let Some(turn) = take() {
            return Ok(Some(turn));
        }
        let waiting = endpoint.requests.wait(limits.pending as usize);
        let waiting = waiting.ok_or(Problem::EndpointBusy)?;
        self.watch.set_at(due_ms);
        loop {
            let mut freed = std::pin::pin!(waiting.freed());
            // From here on no place is freed unheard.
            freed.as_mut().enable();
            if let Some(turn) = take() {
                return Ok(Some(turn));
            }
            let told = poll_fn(|cx| match freed.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(true),
                Poll::Pending if self.watch.poll_due(cx) => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
            });
            if !told.await {
                return take().map(Some).ok_or(Problem::EndpointBusy);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{answer_speaks_for, speaks_for};
    use crate::serve::exchange::End;
    use stagegate_rollout::Outcome;

    #[test]
    fn a_client_that_left_blames_only_an_endpoint_that_kept_it_waiting() {
        assert_eq!(speaks_for(&End::ClientGone, false), None);
        assert_eq!(speaks_for(&End::ClientGone, true), Some(false));
        assert_eq!(speaks_for(&End::Cut, true), None);
    }

    #[test]
    fn an_endpoint_is_judged_by_what_its_answers_were_counted_as() {
        for (status, outcome, slow, expected) in [
            (200, Outcome::Ok, false, Some(true)),
            (404, Outcome::Ok, false, Some(true)),
            (200, Outcome::Ok, true, Some(false)),
            (200, Outcome::Permanent, false, Some(false)),
            (200, Outcome::Transient, false, Some(false)),
            (200, Outcome::External, false, None),
            (503, Outcome::External, false, Some(false)),
            (500, Outcome::Ok, false, Some(false)),
            (200, Outcome::ClientGone, false, None),
        ] {
            assert_eq!(answer_speaks_for(status, outcome, slow), expected, "{status} {outcome:?}");
        }
    }
}
