//! One request: who asks, where it goes, and the answer.

use super::call::{Call, Decision};
use super::client::{After, Client};
use super::connect::Connected;
use super::exchange::{End, Exchange, Receiving, Sending};
use crate::http1::{BodyLength, ForwardTo, Known, tokens, upstream_head};
use crate::identity::{Found, Identity, Learner, Moment};
use crate::plan::{InForce, Role, Workload};
use crate::problem::Problem;
use crate::tap::{Tap, TapSettings};
use crate::trace::Trace;
use crate::transport::Stream;
use stagegate_rollout::{Arm, OnRollback, Outcome, Reason, Target};
use stagegate_settings::StaleRetry;
use stagegate_signals::End as BodyEnd;
use std::future::poll_fn;
use std::rc::Rc;

/// Where a request is sent, or what is said instead.
enum Route {
    To(Decision),
    Respond(Decision),
    Refuse(Decision, Problem),
}

impl Client {
    /// Serves the request whose head is in the input.
    pub(super) async fn request(&mut self) -> After {
        let worker = Rc::clone(&self.worker);
        let mut call = Call::begin(&worker, &self.input, &self.head);
        let plan = worker.plan();
        let Some(position) = plan.routes.find(&self.input, &self.head) else {
            return self.refuse(&call, &plan, None, Problem::NoRoute).await;
        };
        let workload = &plan.workloads[position];
        call.begin_trace(&worker, workload, &self.context.forwarding, &self.input, &self.head);
        if let Some(problem) = self.unacceptable(workload) {
            return self.refuse(&call, &plan, Some(workload), problem).await;
        }
        let mut expect = self.head.expects_continue;
        match self.identify(workload, &mut call, &mut expect).await {
            Ok(true) => {}
            Ok(false) => return After::Abort,
            Err(problem) => return self.refuse(&call, &plan, Some(workload), problem).await,
        }
        let Some(_place) = worker.admit() else {
            return self.refuse(&call, &plan, Some(workload), Problem::Busy).await;
        };
        let allowance = workload.prepared.allowance.clone();
        let _under_way = match allowance
            .map(|allowance| allowance.take(call.found.tenant.as_deref().unwrap_or("")))
        {
            Some(Err(problem)) => return self.refuse(&call, &plan, Some(workload), problem).await,
            Some(Ok(guard)) => guard,
            None => None,
        };
        let after = self.forward(&mut call, plan, position, expect).await;
        self.watch.serving(None);
        self.watch.set_at(u64::MAX);
        after
    }

    /// What no endpoint needs to see.
    fn unacceptable(&self, workload: &Workload) -> Option<Problem> {
        let own = self.context.forwarding.via.as_bytes();
        let is_own = |hop: &[u8]| hop.split(|&b| b == b' ').any(|part| part == own);
        let loops = self.head.known(&self.input, Known::Via).any(|via| tokens(via).any(is_own));
        let too_large = matches!(self.head.body, Some(BodyLength::Bytes(bytes)) if bytes > workload.prepared.settings.limits.body);
        match (loops, too_large) {
            (true, _) => Some(Problem::LoopDetected),
            (_, true) => Some(Problem::BodyTooLarge),
            _ => None,
        }
    }

    /// Finds out who asks; reads the body where only it can tell. Ok(false): the client left.
    async fn identify(
        &mut self,
        workload: &Workload,
        call: &mut Call,
        expect: &mut bool,
    ) -> Result<bool, Problem> {
        let identity = workload.prepared.identity();
        call.found = self.ask(identity, None, call.now_s());
        let limit = identity.sources.max_inspect_bytes;
        if !call.found.needs_body || !self.is_inspectable(limit) {
            return Ok(true);
        }
        *expect = false;
        if !self.read_body(limit).await? {
            return Ok(false);
        }
        if let Some(body) = self.body_read().filter(|body| body.len() <= limit) {
            call.found = self.ask(identity, Some(&body), call.now_s());
        }
        Ok(true)
    }

    fn ask(&self, identity: Identity<'_>, body: Option<&[u8]>, now_s: u64) -> Found {
        let mut tokens = self.worker.tokens.borrow_mut();
        let names = self.context.names.as_ref();
        let now = Moment { unix_s: now_s, monotonic_ms: self.worker.watches.now_ms() };
        identity.find(&self.input, &self.head, body, names, &mut tokens, now)
    }

    /// Decides, connects and exchanges, again when the plan moves or a connection proves dead.
    async fn forward(
        &mut self,
        call: &mut Call,
        mut plan: InForce,
        position: usize,
        expect: bool,
    ) -> After {
        let worker = Rc::clone(&self.worker);
        let mut tried: Vec<usize> = Vec::new();
        let (mut fresh, mut fallen_back) = (false, false);
        let mut over_ms = None;
        let mut position = Some(position);
        loop {
            let found = position.take().or_else(|| plan.routes.find(&self.input, &self.head));
            let Some(position) = found else {
                return self.refuse(call, &plan, None, Problem::NoRoute).await;
            };
            let settings = &plan.workloads[position].prepared.settings;
            let over_ms = *over_ms.get_or_insert_with(|| {
                settings.timeouts.total.map_or(u64::MAX, |total| self.watch.after(total))
            });
            let decision = match self.decide(call, &plan, position, fallen_back) {
                Route::To(decision) => decision,
                Route::Respond(decision) => return self.respond(call, &decision).await,
                Route::Refuse(decision, problem) => {
                    return self.fail(call, &decision, problem).await;
                }
            };
            call.attempt_begins(&worker);
            let connected = match self.connect(call, &decision, &tried, fresh, over_ms).await {
                Ok(connected) => connected,
                Err((endpoint, problem)) => {
                    if problem == Problem::NoWebSockets {
                        return self.fail(call, &decision, problem).await;
                    }
                    tried.push(endpoint);
                    call.attempt_failed(&decision, endpoint, problem);
                    if problem != Problem::EndpointBusy {
                        self.judge_unconnected(&decision, endpoint);
                    }
                    if !self.may_try_another(&decision, endpoint, &tried) {
                        if !self.falls_back(&decision) {
                            return self.fail(call, &decision, problem).await;
                        }
                        fallen_back = true;
                        tried.clear();
                    }
                    call.retries = call.retries.saturating_add(1);
                    plan = worker.plan();
                    continue;
                }
            };
            let Connected { mut stream, endpoint, reused } = connected;
            let (end, consumed) = self
                .exchange(call, &decision, &mut stream, endpoint, reused, expect, over_ms)
                .await;
            self.judge(&decision, endpoint, &end, call.status, call.first_byte_us);
            call.attempt_ends(&decision, endpoint, &end);
            match end {
                End::Again(wait) => {
                    drop(stream);
                    if !self.pause(wait, over_ms).await {
                        return self.fail(call, &decision, Problem::TotalTimeout).await;
                    }
                    call.retries = call.retries.saturating_add(1);
                    fresh = true;
                    plan = worker.plan();
                }
                End::Outdated => {
                    self.keep(&decision, endpoint, stream);
                    plan = worker.plan();
                }
                End::Stale if !fresh && (stream.is_unprocessed() || self.may_replay(&decision)) => {
                    call.retries = call.retries.saturating_add(1);
                    fresh = true;
                    plan = worker.plan();
                }
                End::Stale => return self.fail(call, &decision, Problem::UpstreamReset).await,
                End::Refused(problem) => {
                    if let (Stream::Outgoing(outgoing), Problem::FirstByteTimeout) =
                        (&stream, problem)
                    {
                        outgoing.retire();
                    }
                    return self.fail(call, &decision, problem).await;
                }
                End::Done { keep_client, keep_upstream } => {
                    call.answered(&worker, &decision, BodyEnd::Complete);
                    if keep_upstream {
                        self.keep(&decision, endpoint, stream);
                    }
                    self.input.drain(..consumed);
                    return if keep_client { After::KeepAlive } else { After::Close };
                }
                End::Upgraded => {
                    let ahead = self.input.split_off(consumed);
                    self.input.clear();
                    let idle = decision.workload().prepared.settings.timeouts.idle;
                    call.bytes_out += self.tunnel(&mut stream, ahead, idle).await;
                    call.finish(&worker, &decision, Outcome::Ok);
                    return After::Close;
                }
                End::ClientGone | End::Cut | End::Broken => {
                    // Neither a client that leaves nor a rollback that cuts blames the release.
                    let broken = end == End::Broken;
                    let end = if broken { BodyEnd::Truncated } else { BodyEnd::ClientGone };
                    call.answered(&worker, &decision, end);
                    self.break_off();
                    return After::Abort;
                }
            }
        }
    }

    /// `fallen_back`: the candidate took no connection, and stable is to serve instead.
    fn decide(&self, call: &Call, plan: &InForce, position: usize, fallen_back: bool) -> Route {
        let workload = &plan.workloads[position];
        let settings = &workload.prepared.settings;
        let forced = settings.force.as_ref().and_then(|key| {
            let header = self.head.known(&self.input, Known::StagegateForce).next()?;
            key.verify(&settings.name, std::str::from_utf8(header).ok()?, call.now_s()).ok()
        });
        let pins = &self.worker.shared.pins;
        let pinned = call.found.conversation.as_deref().filter(|_| keeps_pins(workload)).and_then(
            |conversation| {
                let pin = pins.get(&workload.prepared.name, conversation, call.now_s())?;
                workload.pinned(&pin)
            },
        );
        let choice = workload.split.choose(&call.who(), forced, pinned);
        // When it is decided and not when it is answered: a slow candidate answers late, and its
        // keys would seem to be missing.
        if let Some(bucket) = choice.bucket.filter(|_| workload.watches_its_split()) {
            let mut stats = self.worker.stats.borrow_mut();
            stats.assigned(&workload.prepared.name, bucket.number());
        }
        let mut decision = Decision::new(plan, position, &choice);
        let role = match choice.target {
            Target::Respond => return Route::Respond(decision),
            Target::FallbackRelease => Role::Fallback,
            Target::Arm(arm) => Role::Arm(arm),
        };
        let is_up =
            |role| workload.role(role).is_some_and(|release| release.endpoints.any_healthy());
        decision.role = Some(role);
        if role == Role::Arm(Arm::Candidate) && (fallen_back || !is_up(role)) {
            decision.arm = Arm::Stable;
            decision.reason = Reason::CandidateDown;
            decision.role = Some(Role::Arm(Arm::Stable));
        }
        if !decision.role.is_some_and(is_up) {
            return Route::Refuse(decision, Problem::StableDown);
        }
        if decision.arm == Arm::Candidate && self.worker.is_busy_for_candidates() {
            return Route::Refuse(decision, Problem::Busy);
        }
        let begins = decision.arm == Arm::Candidate && pinned.is_none();
        if let (Some(id), true) =
            (&call.found.conversation, begins && finishes_conversations(workload))
        {
            decision.pin(pins, id, call.now_s());
        }
        Route::To(decision)
    }

    /// Sends the request and passes the answer on. Gives how it ended, and how much of the input
    /// the request took.
    #[allow(clippy::too_many_arguments)] // the parts of one exchange, each from another place
    async fn exchange(
        &mut self,
        call: &mut Call,
        decision: &Decision,
        upstream: &mut Stream,
        endpoint: usize,
        reused: bool,
        expect: bool,
        over_ms: u64,
    ) -> (End, usize) {
        let worker = Rc::clone(&self.worker);
        let settings = &decision.workload().prepared.settings;
        let Some(release) = decision.release() else {
            return (End::Refused(Problem::StableDown), 0);
        };
        let endpoint = &release.endpoints.all()[endpoint];
        let host = settings.host_header.value(self.head.host(&self.input));
        let to = ForwardTo {
            request_id: &call.id,
            arm: decision.arm.label(),
            release: &release.name,
            epoch: decision.plan.epoch,
            host: host.unwrap_or(&endpoint.address.authority),
            expect,
            trace: call.trace.as_ref().map(Trace::onward),
        };
        self.up.clear();
        upstream_head(&mut self.up, &self.input, &self.head, &self.context.forwarding, &to);
        self.watch.serving((decision.arm == Arm::Candidate).then_some(release.number));
        let length = self.head.body.unwrap_or(BodyLength::None);
        let learner = settings.identity.learned.then(Learner::default);
        let pays = (call.retries == 0).then_some(&settings.retry);
        worker.pools.borrow_mut().begin(endpoint.id, pays);
        let retry = self.retry(decision, call.retries);
        // Once for every try: what is copied is what this endpoint saw and said.
        call.tap =
            decision.workload().prepared.tap.as_ref().and_then(|tap| self.tap(tap, call, decision));
        let shadow = self.shadow(call, decision);
        let mut sending = Sending::new(&mut self.input, self.head.len, length, &mut self.up);
        sending.copy = call.tap.as_mut().and_then(|tap| tap.copy_of_request());
        sending.shadow = shadow;
        let mut exchange = Exchange {
            worker: &worker,
            watch: &self.watch,
            client: &mut self.stream,
            upstream,
            request: &self.head,
            call,
            decision,
            timeouts: settings.timeouts,
            body_limit: settings.limits.body,
            retry,
            endpoint: endpoint.id,
            reused,
            over_ms,
            sending,
            receiving: Receiving::new(&mut self.down, learner),
        };
        exchange.set_deadline();
        let end = poll_fn(|cx| exchange.poll(cx)).await;
        let consumed = exchange.sending.consumed();
        exchange.call.observed.request_bytes = exchange.sending.body_bytes();
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
        let unit = call.found.conversation.as_deref().unwrap_or(&call.id);
        let own = call.trace.as_ref().map(|trace| trace.context);
        Tap::begin(settings, decision.arm, unit, own, &self.input, &self.head, call.at_ms())
    }

    /// Whether the request may be sent a second time although a dead connection may have taken it
    /// in (RFC 9110 9.2.2).
    pub(super) fn may_replay(&self, decision: &Decision) -> bool {
        let idempotent = || {
            matches!(self.head.method(&self.input), "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE")
                || self.head.field(&self.input, "idempotency-key").is_some()
        };
        match decision.workload().prepared.settings.retry.stale {
            StaleRetry::Any => true,
            StaleRetry::Idempotent => idempotent(),
            StaleRetry::Off => false,
        }
    }
}

/// Whether any pin of the workload can matter.
fn keeps_pins(workload: &Workload) -> bool {
    workload.prepared.settings.identity.learned || finishes_conversations(workload)
}

fn finishes_conversations(workload: &Workload) -> bool {
    workload.split.spec().on_rollback == OnRollback::Finish
}
