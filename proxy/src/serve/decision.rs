//! The decision for one request, and the plan it was made under.

use crate::pins::{Pin, Pins};
use crate::plan::{CurrentPlan, Release, Role, Workload};
use stagegate_flags::FlagsSent;
use stagegate_rollout::{Arm, Choice, KeyKind, Reason, Weight};
use std::cell::Cell;

/// The decision for a request, and the plan it was made under.
pub(super) struct Decision {
    pub(super) plan: CurrentPlan,
    pub(super) workload: usize,
    pub(super) arm: Arm,
    pub(super) reason: Reason,
    pub(super) detail: Option<String>,
    pub(super) key: KeyKind,
    pub(super) bucket: Option<u32>,
    /// The weight drew its arm, so that gates compare it.
    pub(super) is_drawn: bool,
    /// The conversation of the issued id that the request uses, or that its answer issued; 0 for none.
    pub(super) unit: Cell<u32>,
    /// The role of the release that serves; `None` if the proxy answers itself.
    pub(super) role: Option<Role>,
    /// Flags that are sent to it.
    pub(super) flags: Option<Box<FlagsSent>>,
}

impl Decision {
    pub(super) fn new(plan: &CurrentPlan, workload: usize, choice: &Choice<'_>) -> Self {
        Self {
            plan: plan.clone(),
            workload,
            arm: choice.arm(),
            reason: choice.reason,
            detail: choice.detail.map(str::to_owned),
            key: choice.key,
            bucket: choice.bucket.map(stagegate_rollout::Bucket::number),
            is_drawn: false,
            unit: Cell::new(0),
            role: None,
            flags: None,
        }
    }

    pub(super) fn workload(&self) -> &Workload {
        &self.plan.workloads[self.workload]
    }

    /// The release that serves.
    pub(super) fn release(&self) -> Option<&Release> {
        self.workload().role(self.role?)
    }

    /// Pins an id to the release that serves. Done before the client can know the id, so that not
    /// even its next request finds another release. An id that another release has issued stays its.
    pub(super) fn pin(&self, pins: &Pins, id: &str, now_s: u64) {
        let workload = self.workload();
        let Some(release) = self.release() else { return };
        let idle = workload.prepared.settings.identity.conversation_idle;
        let key = pins.key(&workload.prepared.name, id);
        let generation = workload.split.state().generation as u32;
        if self.unit.get() == 0 {
            self.unit.set(key as u32);
        }
        let pin = Pin {
            arm: self.arm,
            release: release.number,
            generation,
            drawn: if self.is_drawn { workload.split.state().weight } else { Weight::ZERO },
            unit: self.unit.get(),
            used_s: now_s as u32,
        };
        let before = pins.get(key, idle, now_s);
        let stays = before.is_some_and(|before| {
            let same = before.release == pin.release && before.generation == generation;
            same || (before.release != pin.release && workload.pinned(&before).is_some())
        });
        if !stays {
            pins.put(key, pin);
        }
    }

    /// The decision rests on an id that stands for a conversation.
    pub(super) fn by_conversation(&mut self, pin: &Pin) {
        self.key = KeyKind::Conversation;
        self.unit.set(pin.unit);
    }
}
