//! Copies of requests for another release. Its responses reach no client.
//!
//! A worker copies a request while it sends it, within bounds, and offers the copy to the one
//! thread that sends copies. Neither the request nor its client ever waits for any of it: a copy
//! that finds no room is dropped and counted. A copy is sent once, over connections of its own, and
//! only if the plan of that very moment still allows it, so that an acknowledged kill or rollback
//! ends copies as it ends requests.

mod response;
mod run;
mod send;

pub(crate) use run::shadows;

use super::call::Call;
use super::client::Client;
use super::decision::Decision;
use crate::http1::BodyLength;
use crate::plan::{Release, Role, Workload};
use crate::shadow::Shadowing;
use crate::shadow_copy::{self, Origin, Scored, Shadow};
use crate::tap::{EVAL_HEADER, Tap, TapReason};
use stagegate_rollout::{Arm, Reason, ShadowDrop};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Client {
    /// Begins a copy of the request, if it is to be copied and there is room.
    pub(super) fn shadow(&self, call: &mut Call, decision: &Decision) -> Option<Box<Shadow>> {
        let workload = decision.workload();
        let release = workload.shadow.as_deref()?;
        let settings = workload.prepared.shadow.as_ref()?;
        if call.shadowed || !self.is_shadowed(settings, call, decision) {
            return None;
        }
        match self.begin_shadow(workload, release, settings, call, decision) {
            Ok(mut shadow) => {
                self.pair(settings, &mut shadow, call, decision);
                Some(shadow)
            }
            Err(why) => {
                let mut stats = self.worker.stats.borrow_mut();
                stats.shadow(&workload.prepared.name, &release.name).dropped[why.index()] += 1;
                None
            }
        }
    }

    /// Marks both responses for scoring as a pair, if pairs are scored.
    fn pair(
        &self,
        settings: &Shadowing,
        shadow: &mut Shadow,
        call: &mut Call,
        decision: &Decision,
    ) {
        let tap = decision.workload().prepared.tap.as_ref();
        let (Some(quota), Some(tap)) = (&settings.pairs, tap) else { return };
        let at_ms = call.at_ms();
        if tap.paused.load(Ordering::Relaxed) || !quota.take(at_ms * 1_000) {
            return;
        }
        let half = || Tap::new(tap, TapReason::Pair, None, &self.input, &self.head);
        let mut id = String::with_capacity(36);
        self.worker.ids.borrow_mut().write(at_ms, &mut id);
        call.tap.get_or_insert_with(|| Box::new(half())).pair = Some(id.clone());
        let mut of_copy = half();
        of_copy.pair = Some(call.id.clone());
        let tenant = call.found.tenant.clone();
        shadow.scored = Some(Scored { id, at_ms, tenant, tap: of_copy });
    }

    /// Returns true if the request is copied. Forced requests and scorers' requests are not copied,
    /// because they do not represent the traffic. Tenants that are kept off new releases are not
    /// copied either.
    fn is_shadowed(&self, settings: &Shadowing, call: &Call, decision: &Decision) -> bool {
        let (split, who) = (&decision.workload().split, call.who());
        decision.role == Some(Role::Arm(Arm::Stable))
            && decision.reason != Reason::Forced
            && self.head.upgrade.is_none()
            && settings.picks(split.key(&who).1)
            && settings.rule.is_safe(self.head.method(&self.input), self.head.target(&self.input))
            && !split.keeps_back(&who)
            && self.head.field(&self.input, EVAL_HEADER).is_none()
    }

    fn begin_shadow(
        &self,
        workload: &Workload,
        release: &Release,
        settings: &Shadowing,
        call: &Call,
        decision: &Decision,
    ) -> Result<Box<Shadow>, ShadowDrop> {
        if matches!(self.head.body, Some(BodyLength::Bytes(bytes)) if bytes > settings.rule.body) {
            return Err(ShadowDrop::TooLarge);
        }
        if self.worker.draining.get() {
            return Err(ShadowDrop::Shutdown);
        }
        if self.worker.is_busy_for_shadows() {
            return Err(ShadowDrop::Overload);
        }
        let place = workload.prepared.lane.enter(settings.rule.in_flight);
        // The copy is one of the shadow's release: it carries what that one pins.
        let to = (shadow_copy::ARM, Some(release));
        let flags = self.flags(call, &decision.plan, workload, to);
        let origin = Origin {
            input: &self.input,
            head: &self.head,
            forwarding: &self.context.forwarding,
            host: workload.prepared.settings.host_header.value(|| self.head.host(&self.input)),
            changes: release.changes.as_ref(),
            id: &call.id,
            conversation: call.found.conversation.as_deref(),
            flags: flags.as_deref(),
        };
        let place = place.ok_or(ShadowDrop::InFlight)?;
        let (name, to) = (Arc::clone(&workload.prepared.name), Arc::clone(&release.name));
        Ok(Box::new(Shadow::begin(place, name, to, settings.rule.body as usize, &origin)))
    }
}
