//! The recorded view, and the unrecorded changes in force on top of it. Pure.

use super::unrecorded::Unrecorded;
use super::{Live, View};
use stagegate_rollout::Split;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The parts of the view in force. Held for moments only, and never while somebody waits.
#[derive(Debug)]
pub(super) struct Desk {
    /// The view as the store has it.
    pub(super) recorded: Arc<View>,
    /// Emergencies that are in force and that the store has not taken yet, in their order.
    pub(super) unrecorded: Vec<Unrecorded>,
    /// The workload of a drill in progress, with its kill switch on. It is never recorded.
    pub(super) thrown: Option<Live>,
    last_id: u64,
}

/// One emergency on its way into the store.
#[derive(Debug)]
pub(super) struct Ticket {
    /// Number of the emergency.
    pub(super) id: u64,
    /// Set with the desk held, once the store has it.
    pub(super) recorded: AtomicBool,
}

impl Ticket {
    pub(super) const fn of(id: u64) -> Self {
        Self { id, recorded: AtomicBool::new(false) }
    }
}

impl Desk {
    pub(super) fn new(recorded: View, unrecorded: Vec<Unrecorded>) -> Self {
        let mut desk =
            Self { recorded: Arc::new(recorded), unrecorded: Vec::new(), thrown: None, last_id: 0 };
        for emergency in unrecorded {
            let id = desk.ticket().id;
            desk.unrecorded.push(emergency.with_id(id));
        }
        desk
    }

    /// A ticket for the next emergency.
    pub(super) fn ticket(&mut self) -> Ticket {
        self.last_id += 1;
        Ticket::of(self.last_id)
    }

    /// The recorded view with the emergencies on top. Its number is that of the recorded one; a
    /// workload that an emergency changed has the number that the emergency's record is expected
    /// to get.
    pub(super) fn decided(&self) -> View {
        let mut view = View::clone(&self.recorded);
        let mut expected = view.epoch;
        for unrecorded in &self.unrecorded {
            let emergency = match unrecorded {
                Unrecorded::Workload(emergency) => emergency,
                Unrecorded::Flag(emergency) => {
                    let before = view.flags.get(&emergency.flag).cloned().unwrap_or_default();
                    if let Some(after) = emergency.on_top_of(&before, expected + 1) {
                        expected += 1;
                        let mut flags = (*view.flags).clone();
                        flags.insert(emergency.flag.clone(), after);
                        view.flags = Arc::new(flags);
                    }
                    continue;
                }
            };
            let Some((place, live)) = view.find(&emergency.workload) else { continue };
            let spec = live.split.spec();
            let stepped = emergency.step_late(spec, live.split.state());
            if stepped.summary.is_empty() {
                continue;
            }
            expected += 1;
            let split = Split::new(Arc::clone(spec), Arc::new(stepped.state));
            let after = Live { split: Arc::new(split), epoch: expected };
            if let Some(slot) = view.live.get_mut(place) {
                *slot = after;
            }
        }
        view
    }

    /// The view in force.
    pub(super) fn in_force(&self) -> View {
        let mut view = self.decided();
        if let Some(thrown) = &self.thrown {
            let name = thrown.split.spec().name.as_str();
            let place = view.find(name).map(|(place, _)| place);
            if let Some(slot) = place.and_then(|place| view.live.get_mut(place)) {
                *slot = thrown.clone();
            }
        }
        view
    }

    /// The emergency that carries this key.
    pub(super) fn keyed(&self, key: &str) -> Option<&Unrecorded> {
        self.unrecorded.iter().find(|it| it.answer().is_some_and(|kept| kept.key == key))
    }

    /// Adds an emergency. One that says again what the last one of its workload, or flag, said is left
    /// out if it changed nothing.
    pub(super) fn add(&mut self, emergency: Unrecorded, is_new: bool) {
        let last = self.unrecorded.iter().rfind(|it| it.is_about_the_same(&emergency));
        let again = last.is_some_and(|it| it.says_again(&emergency));
        if is_new || !again {
            self.unrecorded.push(emergency);
        }
    }
}
