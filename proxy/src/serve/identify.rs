//! Who asks: the identities of one request, from its head and, where only the body has them, from as
//! much of the body as that takes.

use super::call::Call;
use super::client::Client;
use super::inspect::{Held, LateScan, Read};
use crate::http1::BodyLength;
use crate::identity::{Body, BodyScan, Found, Identity, Moment, Uses, screen};
use crate::pins::Pin;
use crate::plan::Workload;
use crate::problem::Problem;
use stagegate_rollout::Arm;
use stagegate_settings::IdentityFrom;

impl Client {
    /// Finds the request's identities. Ok(false): the client is gone.
    ///
    /// # Errors
    /// When an identity could be read in two ways, or the body cannot be read.
    pub(super) async fn identify(
        &mut self,
        workload: &Workload,
        call: &mut Call,
        expect: &mut bool,
    ) -> Result<bool, Problem> {
        let identity = workload.prepared.identity();
        let (believed, trusted) = (self.believes(workload), self.context.forwarding.trusted);
        call.claims =
            screen(&self.input, &mut self.head, identity.sources, believed, trusted)?.map(Box::new);
        if identity.sources.learned {
            call.uses = Uses::in_head(&self.input, &self.head);
        }
        let has_body = !matches!(self.head.body, None | Some(BodyLength::None));
        let body = if has_body { Body::Unread } else { Body::None };
        call.found = self.ask(identity, body, call.now_s());
        if has_body && !self.look_into_body(workload, call, expect).await? {
            return Ok(false);
        }
        let claimed = call.claims.as_ref().is_some_and(|claims| claims.restricts);
        call.found.unreadable |= claimed;
        if call.found.conversation.is_none() {
            call.found.conversation = call.uses.conversation().map(str::to_owned);
        }
        Ok(true)
    }

    /// Returns whether identity fields of this client count.
    fn believes(&self, workload: &Workload) -> bool {
        let from = &self.context.forwarding;
        match workload.prepared.settings.identity.from {
            Some(IdentityFrom::Anyone) => true,
            Some(IdentityFrom::Trusted) => from.trusted,
            None => from.trusted || !from.has_trusted,
        }
    }

    /// Reads as much of the body as the identities need. Ok(false): the client is gone.
    async fn look_into_body(
        &mut self,
        workload: &Workload,
        call: &mut Call,
        expect: &mut bool,
    ) -> Result<bool, Problem> {
        let identity = workload.prepared.identity();
        let limit = identity.sources.max_inspect_bytes;
        let members = call.found.needs_body && self.is_inspectable(limit);
        // A longer one of the same kind would have been looked into.
        call.identity_late |= call.found.needs_body && !members && self.is_inspectable(usize::MAX);
        let mut scan = self.scan(workload, call);
        if !members && scan.is_none() {
            if call.found.needs_body {
                self.seal(identity, call);
            }
            return Ok(true);
        }
        *expect = false;
        let worker = std::rc::Rc::clone(&self.worker);
        let now_s = call.steady_s(&worker.shared.pins);
        let (mut held, mut seen) = (Held::default(), 0);
        let uses = &mut call.uses;
        let read = self.read_body(limit, &mut held, |data| {
            seen += data.len() as u64;
            let Some(scan) = &mut scan else { return false };
            let budget = (&worker.inflating_requests, worker.watches.now_ms());
            let new = scan.feed(data, uses, budget);
            new && !members && pinned(workload, uses, &worker.shared.pins, now_s).is_some()
        });
        let read = read.await?;
        call.held = held;
        if read == Read::Whole
            && let Some(scan) = &mut scan
        {
            scan.end(&mut call.uses);
        }
        match (read, members) {
            (Read::Gone, _) => return Ok(false),
            (Read::Whole, true) => {
                let body = self.body_read().filter(|body| body.len() <= limit);
                let kind = if self.has_form() { Body::Form } else { Body::Whole };
                let body = body.as_deref().map_or(Body::Sealed, kind);
                call.found = self.ask(identity, body, call.now_s());
            }
            (_, true) => self.seal(identity, call),
            (_, false) if call.found.needs_body => self.seal(identity, call),
            _ => {}
        }
        if read == Read::Cut {
            call.identity_late |= members;
            call.late = scan.map(|scan| Box::new(LateScan::new(scan, worker, seen)));
        }
        Ok(true)
    }

    /// A scan of the body for issued ids, unless the head already has one that decides.
    fn scan(&self, workload: &Workload, call: &Call) -> Option<BodyScan> {
        let pins = &self.worker.shared.pins;
        if !workload.prepared.settings.identity.learned
            || pinned(workload, &call.uses, pins, call.steady_s(pins)).is_some()
        {
            return None;
        }
        let field = |name| self.head.field(&self.input, name).unwrap_or(b"");
        BodyScan::new(
            &workload.prepared.ids,
            field("content-type"),
            &self.head.codings(&self.input),
            self.head.target(&self.input),
        )
    }

    /// The body cannot be looked into: what it would have said is not known.
    fn seal(&self, identity: Identity<'_>, call: &mut Call) {
        call.found = self.ask(identity, Body::Sealed, call.now_s());
    }

    fn ask(&self, identity: Identity<'_>, body: Body<'_>, now_s: u64) -> Found {
        let mut tokens = self.worker.tokens.borrow_mut();
        let names = self.context.names.as_ref();
        let now = Moment { unix_s: now_s, monotonic_ms: self.worker.watches.now_ms() };
        identity.find(&self.input, &self.head, body, names, &mut tokens, now)
    }
}

/// The arm that issued an id which the request uses, the first that is known.
pub(super) fn pinned(
    workload: &Workload,
    uses: &Uses,
    pins: &crate::pins::Pins,
    now_s: u64,
) -> Option<Arm> {
    pin_in_use(workload, uses, pins, now_s).map(|(arm, _)| arm)
}

/// The pin of an issued id which the request uses, the first that is known, and the arm it leads to.
pub(super) fn pin_in_use(
    workload: &Workload,
    uses: &Uses,
    pins: &crate::pins::Pins,
    now_s: u64,
) -> Option<(Arm, Pin)> {
    uses.iter().find_map(|used| pin_of(workload, &used.id, pins, now_s))
}

/// The pin of one id, and the arm it leads to.
pub(super) fn pin_of(
    workload: &Workload,
    id: &str,
    pins: &crate::pins::Pins,
    now_s: u64,
) -> Option<(Arm, Pin)> {
    let idle = workload.prepared.settings.identity.conversation_idle;
    let key = pins.key(&workload.prepared.name, id);
    let pin = pins.get(key, idle, now_s)?;
    Some((workload.pinned(&pin)?, pin))
}
