//! Forwarding one request: attempt after attempt, until one is the last.

use super::call::Call;
use super::client::{After, Client};
use super::connect::Connected;
use super::decide::Route;
use super::decision::Decision;
use super::exchange::{End, Exchange, Receiving, Sending};
use super::leave::Leaving;
use super::socket::Watcher;
use super::tunnel::Through;
use crate::edit::{Edit, edit_of};
use crate::endpoint::{Endpoint, Picked};
use crate::http1::{BodyLength, ForwardTo, upstream_head};
use crate::plan::{CurrentPlan, Release, Role};
use crate::problem::Problem;
use crate::tap::{Tap, TapSettings};
use crate::trace::Trace;
use crate::transport::Stream;
use stagegate_rollout::{Arm, Reason};
use stagegate_settings::StaleRetry;
use stagegate_signals::End as BodyEnd;
use std::future::poll_fn;
use std::rc::Rc;

/// State shared by the attempts of one request.
struct Attempts {
    /// Endpoints that took no connection.
    tried: Vec<usize>,
    /// The next connection must be a new one.
    fresh: bool,
    /// No endpoint of the candidate took a connection.
    fallen_back: bool,
    /// The worker's time at which the whole request is over.
    over_ms: u64,
    /// The endpoint may still ask the client for the body (`100 Continue`).
    expect: bool,
}

/// The step after an attempt.
enum Next {
    /// Another attempt, under the plan in force by then.
    Again,
    /// The request is over.
    Over(After),
}

impl Client {
    /// Decides, connects and exchanges; again when the plan moves or an endpoint fails.
    pub(super) async fn forward(
        &mut self,
        call: &mut Call,
        mut plan: CurrentPlan,
        mut position: usize,
        expect: bool,
    ) -> After {
        let worker = Rc::clone(&self.worker);
        let total = plan.workloads[position].prepared.settings.timeouts.total;
        let over_ms = total.map_or(u64::MAX, |total| self.watch.after(total));
        let mut attempts =
            Attempts { tried: Vec::new(), fresh: false, fallen_back: false, over_ms, expect };
        loop {
            let decision = match self.decide(call, &plan, position, attempts.fallen_back) {
                Route::To(decision) => decision,
                Route::Respond(decision) => return self.respond(call, &decision).await,
                Route::Refuse(decision, problem) => {
                    return self.fail(call, &decision, problem).await;
                }
            };
            call.attempt_begins(&worker);
            if let Next::Over(after) = self.attempt(call, &decision, &mut attempts).await {
                return after;
            }
            plan = worker.plan();
            position = match self.route(&plan) {
                Ok(found) => found,
                Err(problem) => return self.refuse(call, &plan, None, problem).await,
            };
        }
    }

    /// One attempt: a connection to an endpoint, and the exchange over it.
    async fn attempt(
        &mut self,
        call: &mut Call,
        decision: &Decision,
        attempts: &mut Attempts,
    ) -> Next {
        let Attempts { tried, fresh, over_ms, .. } = attempts;
        let mut connected = match self.connect(call, decision, tried, *fresh, *over_ms).await {
            Ok(connected) => connected,
            Err((endpoint, problem)) => {
                return if self.goes_on_without(call, decision, attempts, endpoint, problem) {
                    Next::Again
                } else {
                    Next::Over(self.fail(call, decision, problem).await)
                };
            }
        };
        let (end, consumed) = self.exchange(call, decision, attempts, &mut connected).await;
        // The outcome of a complete answer or tunnel is known once it has been counted. An endpoint on
        // trial does not wait for the end of a tunnel.
        let is_tried = connected.endpoint.admitted.was_out();
        if !matches!(end, End::Done { .. }) && (end != End::Upgraded || is_tried) {
            self.judge(decision, connected.endpoint, &end, call);
        }
        call.attempt_ends(decision, connected.endpoint.at, &end);
        match end {
            End::Outdated | End::Again(_) | End::Stale | End::Refused(_) => {
                self.unanswered(call, decision, attempts, connected, end).await
            }
            answered => {
                Next::Over(self.answered(call, decision, connected, answered, consumed).await)
            }
        }
    }

    /// Returns whether another attempt follows one whose endpoint took no connection.
    fn goes_on_without(
        &mut self,
        call: &mut Call,
        decision: &Decision,
        attempts: &mut Attempts,
        picked: Option<Picked>,
        problem: Problem,
    ) -> bool {
        if problem == Problem::NoWebSockets {
            return false;
        }
        let endpoint = picked.map_or(0, |picked| picked.at);
        attempts.tried.push(endpoint);
        call.attempt_failed(decision, endpoint, problem);
        if let Some(picked) = picked
            && problem != Problem::EndpointBusy
        {
            self.judge_unconnected(decision, picked);
        }
        if !self.may_try_another(decision, endpoint, &attempts.tried) {
            if !self.falls_back(decision) {
                return false;
            }
            attempts.fallen_back = true;
            attempts.tried.clear();
        }
        call.retries = call.retries.saturating_add(1);
        true
    }

    /// Ends or repeats a request whose exchange brought the client no byte of an answer.
    async fn unanswered(
        &mut self,
        call: &mut Call,
        decision: &Decision,
        attempts: &mut Attempts,
        Connected { stream, endpoint, turn, .. }: Connected,
        end: End,
    ) -> Next {
        drop(turn);
        let problem = match end {
            End::Outdated => {
                self.keep(decision, endpoint.at, stream);
                return Next::Again;
            }
            End::Again(wait) => {
                drop(stream);
                if self.pause(wait, attempts.over_ms).await {
                    return attempts.once_more(call);
                }
                Problem::TotalTimeout
            }
            End::Stale => {
                let resendable = stream.is_unprocessed() || self.may_replay(decision);
                if !attempts.fresh && resendable {
                    return attempts.once_more(call);
                }
                Problem::UpstreamReset
            }
            End::Refused(problem) => {
                if let (Stream::Outgoing(outgoing), Problem::FirstByteTimeout) = (&stream, problem)
                {
                    outgoing.retire();
                }
                problem
            }
            _ => Problem::UpstreamReset,
        };
        Next::Over(self.fail(call, decision, problem).await)
    }

    /// Counts an exchange whose answer reached the client, at least in part; returns what happens
    /// to the client's connection.
    async fn answered(
        &mut self,
        call: &mut Call,
        decision: &Decision,
        Connected { mut stream, endpoint, .. }: Connected,
        end: End,
        consumed: usize,
    ) -> After {
        let worker = Rc::clone(&self.worker);
        match end {
            End::Done { keep_client, keep_upstream } => {
                let outcome = call.answered(&worker, decision, BodyEnd::Complete);
                self.judge_answer(decision, endpoint, outcome, call);
                if keep_upstream {
                    self.keep(decision, endpoint.at, stream);
                }
                self.input.drain(..consumed);
                if keep_client { After::KeepAlive } else { After::Close }
            }
            End::Upgraded => {
                let ahead = self.input.split_off(consumed);
                let (upgrade, target) = self.switched_to();
                let mut watcher = Watcher::new(&worker, decision, call, &upgrade, &target);
                watcher.backend_sent(&std::mem::take(&mut call.early));
                self.input.clear();
                let idle = decision.workload().prepared.settings.timeouts.within_streams();
                let leaving = Leaving::new(decision, watcher.is_websocket());
                let through = Through { ahead, idle, watcher: &mut watcher, leaving };
                let passage = self.tunnel(&mut stream, through).await;
                call.bytes_out += passage.moved;
                let outcome = watcher.finish(call, passage.left);
                if !endpoint.admitted.was_out() {
                    self.judge_answer(decision, endpoint, outcome, call);
                }
                After::Close
            }
            // Neither a client that leaves nor a rollback that cuts blames the release.
            end => {
                let broken = end == End::Broken;
                let end = if broken { BodyEnd::Truncated } else { BodyEnd::ClientGone };
                call.answered(&worker, decision, end);
                self.break_off();
                After::Abort
            }
        }
    }

    /// What the request switched to, and its path and query.
    fn switched_to(&self) -> (Vec<u8>, String) {
        let upgrade = self.head.upgrade.map(|at| self.head.fields[at].value(&self.input).to_vec());
        (upgrade.unwrap_or_default(), self.head.target(&self.input).to_owned())
    }

    /// Writes the head for the endpoint into `up`.
    fn write_head(
        &mut self,
        call: &Call,
        decision: &Decision,
        release: &Release,
        endpoint: &Endpoint,
        expect: bool,
    ) {
        let changes = release.changes.as_deref();
        let host = &decision.workload().prepared.settings.host_header;
        let host = changes
            .and_then(|changes| changes.host.as_deref())
            .or_else(|| host.value(|| self.head.host(&self.input)));
        let proof = self.worker.shared.proofs.load();
        let proof = proof.as_ref().map(|key| key.of(&call.id));
        let to = ForwardTo {
            request_id: &call.id,
            client_request_id: call.client_id.as_deref(),
            arm: decision.arm.label(),
            release: &release.name,
            epoch: decision.plan.epoch,
            host: host.unwrap_or(&endpoint.address.authority),
            expect,
            changes,
            edits: self.edit(release).is_some(),
            trace: call.trace.as_ref().map(Trace::onward),
            flags: decision.flags.as_deref(),
            proof: proof.as_deref(),
        };
        self.up.clear();
        upstream_head(&mut self.up, &self.input, &self.head, &self.context.forwarding, &to);
    }

    /// The change of the request's body, if there is one: only plain JSON can be changed.
    fn edit(&self, release: &Release) -> Option<Edit> {
        let change = release.changes.as_ref()?.set_body.as_ref()?;
        edit_of(&self.input, &self.head, change)
    }

    /// Sends the request and passes the answer on. Returns how it ended and how many bytes of the
    /// input the request took.
    async fn exchange(
        &mut self,
        call: &mut Call,
        decision: &Decision,
        attempts: &Attempts,
        connected: &mut Connected,
    ) -> (End, usize) {
        let worker = Rc::clone(&self.worker);
        let settings = &decision.workload().prepared.settings;
        let Some(release) = decision.release() else {
            return (End::Refused(Problem::StableDown), 0);
        };
        let endpoint = &release.endpoints.all()[connected.endpoint.at];
        self.write_head(call, decision, release, endpoint, attempts.expect);
        self.watch.serving((decision.arm == Arm::Candidate).then_some(release.number));
        let length = self.head.body.unwrap_or(BodyLength::None);
        let pays = (call.retries == 0).then_some(&settings.retry);
        worker.pools.borrow_mut().begin(endpoint.id, pays);
        let retry = self.retry(decision, call.retries);
        // Once for every try: what is copied is what this endpoint saw and said.
        call.tap =
            decision.workload().prepared.tap.as_ref().and_then(|tap| self.tap(tap, call, decision));
        let shadow = self.shadow(call, decision);
        let edit = self.edit(release);
        let mut sending = Sending::new(&mut self.input, self.head.len, length, &mut self.up);
        sending.never_late = &decision.workload().prepared.never_late;
        sending.copy = call.tap.as_mut().and_then(|tap| tap.copy_of_request());
        sending.shadow = shadow;
        sending.edit = edit;
        sending.late = call.late.take();
        let mut exchange = Exchange {
            worker: &worker,
            watch: &self.watch,
            client: &mut self.stream,
            upstream: &mut connected.stream,
            request: &self.head,
            call,
            decision,
            timeouts: settings.timeouts,
            body_limit: settings.limits.body,
            retry,
            endpoint: endpoint.id,
            reused: connected.reused,
            over_ms: attempts.over_ms,
            late_ms: attempts.over_ms,
            patience_ms: u64::MAX,
            has_waited: false,
            sending,
            receiving: Receiving::new(&mut self.down),
        };
        if attempts.expect && length != BodyLength::None {
            exchange.client_waits();
        }
        exchange.set_deadline();
        let end = poll_fn(|cx| exchange.poll(cx)).await;
        let consumed = exchange.sending.consumed();
        exchange.call.observed.request_bytes = exchange.sending.body_bytes();
        exchange.call.abandoned = end == End::ClientGone && exchange.sending.is_done();
        exchange.call.identity_late |=
            exchange.sending.late.as_ref().is_some_and(|late| late.found);
        if let Some(tap) = &mut exchange.call.tap {
            tap.request = exchange.sending.copy.take();
        }
        worker.pools.borrow_mut().end(endpoint.id);
        (end, consumed)
    }

    /// Begins a copy of the exchange, if it is picked for scoring. What a tester forced, and what a
    /// kill switch sends elsewhere, says nothing about an arm.
    fn tap(&self, settings: &TapSettings, call: &Call, decision: &Decision) -> Option<Box<Tap>> {
        if decision.reason == Reason::Forced || !matches!(decision.role, Some(Role::Arm(_))) {
            return None;
        }
        let unit = call.found.conversation.as_deref().unwrap_or(call.own_id());
        let own = call.trace.as_ref().map(|trace| trace.context);
        Tap::begin(settings, decision.arm, unit, own, &self.input, &self.head, call.at_ms())
    }

    /// Returns whether sending the request twice does no harm: an idempotent method, or an idempotency key.
    pub(super) fn is_idempotent(&self) -> bool {
        matches!(self.head.method(&self.input), "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE")
            || self.head.field(&self.input, "idempotency-key").is_some()
    }

    /// Returns whether the request may be sent a second time although a dead connection may have
    /// taken it in (RFC 9110 9.2.2).
    pub(super) fn may_replay(&self, decision: &Decision) -> bool {
        match decision.workload().prepared.settings.retry.stale {
            StaleRetry::Any => true,
            StaleRetry::Idempotent => self.is_idempotent(),
            StaleRetry::Off => false,
        }
    }
}

impl Attempts {
    /// Another attempt, over a new connection.
    fn once_more(&mut self, call: &mut Call) -> Next {
        call.retries = call.retries.saturating_add(1);
        self.fresh = true;
        Next::Again
    }
}
