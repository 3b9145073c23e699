//! Evidence: a numbered piece each second, sums at the replica that steers.

use super::{Act, Host};
use crate::cluster::number;
use crate::message::{Ask, Message, Pieces};
use crate::rng::Rng;
use stagegate_fleet::Moment;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most batches that are sent at a time. The leader saves every five seconds, so a backlog shrinks only
/// if this is well above five.
const WINDOW: usize = 20;

impl Host {
    /// Sends what was not saved yet, and saves the sums if this replica steers.
    pub(super) fn evidence(&mut self, now: Moment, rng: &mut Rng) -> Vec<Act> {
        let Some(process) = self.process.as_mut() else { return Vec::new() };
        let mut acts = Vec::new();
        if now >= process.next_piece {
            process.next_piece = now + Duration::from_secs(1);
            process.out.push(Pieces(BTreeMap::from([(rng.next(), 1)])));
            if let Some(leader) = process.lead.holder().map(|(name, _)| number(name)) {
                let batches = process.out.unsaved().take(WINDOW).collect();
                acts.push(Act::Tell(leader, Message::Evidence { from: self.number, batches }));
            }
        }
        if process.lead.steers(now).is_none() {
            process.tally = None;
            process.saving = None;
        } else if now >= process.next_save {
            process.next_save = now + Duration::from_secs(5);
            match &process.tally {
                None => acts.push(Act::Ask(Ask::Load)),
                // The last one was not answered: what is saved is not known.
                Some(_) if process.saving.is_some() => {
                    process.tally = None;
                    process.saving = None;
                }
                Some((revision, tally)) => {
                    process.saving = Some(tally.clone());
                    let (revision, tally) = (*revision, tally.clone());
                    acts.push(Act::Ask(Ask::Save { revision, tally }));
                }
            }
        }
        acts
    }

    /// The sums were saved: each replica may forget what is in them.
    pub(super) fn saved(&mut self, revision: u64) -> Vec<Act> {
        let Some(process) = self.process.as_mut() else { return Vec::new() };
        let (Some((known, _)), Some(saved)) = (&mut process.tally, process.saving.take()) else {
            return Vec::new();
        };
        *known = revision;
        let told = saved.replicas().map(|name| {
            let (boot, through) = saved.through(name);
            Act::Tell(number(name), Message::Saved { boot, number: through })
        });
        told.collect()
    }
}
