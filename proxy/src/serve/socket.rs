//! What passes a WebSocket: usage, cost and failures of the answers in it, ids in its messages, and its
//! close.

use super::call::Call;
use super::decision::Decision;
use super::identify::pinned;
use super::outcome::{failure_class, outcome};
use crate::identity::{BodyScan, Learner, Uses};
use crate::inflating::Reading;
use crate::stats::{Facts, Told, tenant_label};
use crate::worker::Worker;
use stagegate_rollout::{CostTruth, Outcome, Unpriced};
use stagegate_signals::{
    Cost, Ended, Listener, Passed, Plain, Rules, Side, Signals, Socket, Usage,
};
use std::time::Instant;

/// Looks at a tunnel; at nothing where it is no WebSocket.
pub(super) struct Watcher<'a> {
    socket: Option<Box<Socket>>,
    heard: Heard<'a>,
}

/// What is taken from the messages.
struct Heard<'a> {
    worker: &'a Worker,
    decision: &'a Decision,
    now_s: u64,
    used: Used,
    /// None where ids are not learned.
    ids: Option<Box<Ids>>,
}

/// Ids in the messages of both sides.
struct Ids {
    issued: Learner,
    used: BodyScan,
    /// The client used an id of another release. It came too late to decide.
    late: bool,
}

/// What the answers in a WebSocket used in all.
#[derive(Debug, Default)]
struct Used {
    usage: Option<Usage>,
    nanos: u64,
    /// The answers' costs are known.
    known: u64,
    unknown: Option<(Unpriced, String)>,
}

impl<'a> Watcher<'a> {
    /// `upgrade` is what was switched to.
    pub(super) fn new(
        worker: &'a Worker,
        decision: &'a Decision,
        call: &Call,
        upgrade: &[u8],
        target: &str,
    ) -> Self {
        let is_websocket = upgrade.eq_ignore_ascii_case(b"websocket");
        let protocol = decision.workload().prepared.signals.protocol;
        let socket = is_websocket.then(|| Box::new(Socket::new(protocol, target)));
        let learns = decision.workload().prepared.learns().filter(|_| is_websocket);
        let ids = learns.map(|rules| {
            let (issued, used) = (Learner::of_messages(rules), BodyScan::of_messages(rules));
            Box::new(Ids { issued, used, late: false })
        });
        let heard = Heard { worker, decision, now_s: call.now_s(), used: Used::default(), ids };
        Self { socket, heard }
    }

    pub(super) const fn is_websocket(&self) -> bool {
        self.socket.is_some()
    }

    pub(super) fn client_sent(&mut self, bytes: &[u8]) {
        if let Some(socket) = &mut self.socket {
            socket.client_sent(bytes, &mut self.heard);
        }
    }

    pub(super) fn backend_sent(&mut self, bytes: &[u8]) {
        let Self { socket, heard } = self;
        let (Some(socket), worker) = (socket, heard.worker) else { return };
        let before = socket.inflated();
        // Nothing was compressed before the first message that is.
        if before > 0 && !worker.inflating.may_go_on(worker.watches.now_ms(), Reading::Usage) {
            socket.give_up();
        }
        socket.backend_sent(bytes, heard);
        worker.inflating.spend(socket.inflated() - before);
    }

    /// Returns whether a close can be put in on both ways.
    pub(super) fn is_between_messages(&self) -> bool {
        self.socket.as_ref().is_some_and(|socket| socket.is_between_messages())
    }

    /// Counts the tunnel, which is over, and keeps its record. `left` is who ended it. Gives its class.
    pub(super) fn finish(mut self, call: &mut Call, left: Option<Side>) -> Outcome {
        let Self { socket, heard } = &mut self;
        let (worker, decision) = (heard.worker, heard.decision);
        let Some(socket) = socket else {
            call.finish(worker, decision, Outcome::Ok);
            return Outcome::Ok;
        };
        let Ended { end, failure, unreadable } = socket.finish(left, &mut *heard);
        call.identity_late |= heard.ids.as_ref().is_some_and(|ids| ids.late);
        let used = &heard.used;
        let settings = &decision.workload().prepared.signals;
        let outcome = outcome(&settings.rules, call.status, failure.as_ref(), end);
        let class = failure_class(outcome, call.status, failure.as_ref());
        let told = Told {
            failure: class.as_deref(),
            usage: used.usage,
            cost: used.cost(),
            unpriced: used.unknown.as_ref().map(|(why, model)| (*why, model.as_str())),
            stages: &[],
            rejected: Rules::is_rejection(call.status, failure.as_ref(), outcome),
            unreadable,
            facts: Facts::default(),
            asked: call.found.tenant.as_deref(),
            tenant: tenant_label(&settings.tenants, call.found.tenant.as_deref(), &worker.other),
        };
        call.tunnelled(worker, decision, outcome, &told);
        outcome
    }
}

impl Listener for &mut Heard<'_> {
    fn made(&mut self, made: &Signals) {
        self.used.add(self.worker, self.decision, self.now_s, made);
    }

    fn text(&mut self, from: Side, text: &[u8]) {
        let Some(ids) = &mut self.ids else { return };
        match from {
            Side::Backend => ids.issued.take(text),
            Side::Client if !ids.late => {
                let (worker, pins) = (self.worker, &self.worker.shared.pins);
                let mut uses = Uses::default();
                let budget = (&worker.inflating_requests, worker.watches.now_ms());
                if ids.used.feed(text, &mut uses, budget) {
                    let now_s = pins.steady_s(Instant::now());
                    let arm = pinned(self.decision.workload(), &uses, pins, now_s);
                    ids.late = arm.is_some_and(|arm| arm != self.decision.arm);
                }
            }
            Side::Client => {}
        }
    }

    fn message_ends(&mut self, from: Side) {
        let Some(ids) = &mut self.ids else { return };
        match from {
            Side::Backend => {
                ids.issued.message_ends();
                let pins = &self.worker.shared.pins;
                let decision = self.decision;
                ids.issued.drain(|id| decision.pin(pins, &id, pins.steady_s(Instant::now())));
            }
            Side::Client => ids.used.message_ends(),
        }
    }
}

impl Used {
    /// Prices one answer, each by itself: a price may depend on its length.
    fn add(&mut self, worker: &Worker, decision: &Decision, now_s: u64, made: &Signals) {
        let Some(usage) = made.usage else { return };
        self.usage = Some(self.usage.map_or(usage, |before| before.plus(&usage)));
        let prices = &decision.workload().prepared.signals.prices;
        let cost = Cost::of(Some(made), None, 200, Passed::default(), |wanted| {
            worker.with_tariff(prices, |tariff| tariff.rates(wanted, now_s))
        });
        let Some(cost) = cost else { return };
        match cost.nanos {
            Some(nanos) => {
                self.nanos = self.nanos.saturating_add(nanos);
                self.known += 1;
            }
            None => {
                let why = cost.unpriced.unwrap_or(Unpriced::NoModel);
                self.unknown = Some((why, made.model().unwrap_or("").to_owned()));
            }
        }
    }

    /// The cost of all; unknown if that of one is.
    fn cost(&self) -> Option<Cost> {
        match &self.unknown {
            Some((why, _)) => Some(Cost::unknown(*why)),
            None => (self.known > 0).then(|| Cost::known(self.nanos, CostTruth::Reported)),
        }
    }
}
