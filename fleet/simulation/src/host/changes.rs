//! Changes that were asked for here: append, catch up, collect acknowledgements.

use super::{Act, Host};
use crate::cluster::{Micros, number, replica};
use crate::command::{Command, Next, Settling, Stage};
use crate::message::{Ask, Change, Draft, Kind, Message};
use crate::mutation::Mutation;
use stagegate_fleet::{Completion, Entry, Member, Moment, OnStale, Place, ReplicaName};
use std::collections::BTreeMap;
use std::time::Duration;

impl Host {
    /// A person asks for a change here, or the gates do.
    pub(crate) fn command(&mut self, id: u64, kind: Kind, by_itself: bool, at: Micros) -> Vec<Act> {
        let now = self.local(at);
        let acts_late = self.breaks(Mutation::ActsAfterItsTerm);
        let Some(process) = self.process.as_mut().filter(|it| it.command.is_none()) else {
            return Vec::new();
        };
        let steers = process.lead.steers(now);
        let held = process.lead.holder().filter(|(name, _)| number(name) == self.number);
        let term = match by_itself {
            true if acts_late => held.map(|(_, term)| term),
            true => steers,
            false => None,
        };
        if by_itself && term.is_none() {
            return Vec::new();
        }
        process.command = Some(Command::new(id, kind, term, now));
        self.append().into_iter().collect()
    }

    /// Sends the change in progress, under the newest entry that is known.
    pub(super) fn append(&mut self) -> Option<Act> {
        let process = self.process.as_mut()?;
        let applied = process.node.applied();
        let command = process.command.as_mut()?;
        let change = Change { id: command.id, kind: command.kind };
        let (term, author) = (command.term, self.number);
        let expected = *command.expected.get_or_insert(applied);
        Some(Act::Ask(Ask::Append { draft: Draft { expected, term, author, change } }))
    }

    pub(super) fn appended(&mut self, entry: Entry<Change>, now: Moment) -> Vec<Act> {
        let (id, place) = (entry.body.id, entry.place);
        if self.disk.closed_here == Some(id) && place.number <= self.disk.place.number {
            // The process ended after it had applied the entry.
            self.disk.closed_here = None;
        }
        let rules = self.rules;
        let early = self.breaks(Mutation::FencedEarly);
        let before = self.breaks(Mutation::RosterFromBefore);
        let Some(process) = self.process.as_mut() else { return Vec::new() };
        let Some(command) = process.command.as_mut().filter(|it| it.id == id) else {
            return Vec::new();
        };
        let kind = command.kind;
        process.command = None;
        let mut acts = vec![
            Act::Acknowledged { id, place },
            Act::Ask(Ask::Fetch { after: process.node.applied() }),
        ];
        if kind == Kind::Close {
            let mut rules = rules;
            if early {
                rules.fresh_for /= 3;
            }
            let mut completion = Completion::new(place, now, rules);
            if let Some(names) = process.roster_before.as_ref().filter(|_| before) {
                completion.roster(place.position, members(names));
            }
            if !completion.has_roster() {
                acts.push(Act::Ask(Ask::Roster { change: id }));
            }
            process.settling.push(Settling { id, completion, asked: now });
        }
        // Told after acknowledgements can be taken in.
        acts.push(Act::Broadcast(Message::News(entry)));
        acts
    }

    pub(super) fn conflict(&mut self, id: u64, now: Moment) -> Vec<Act> {
        let late = self.breaks(Mutation::ActsAfterItsTerm);
        let Some(process) = self.process.as_mut() else { return Vec::new() };
        let after = process.node.applied();
        if let Some(command) = process.command.as_mut().filter(|it| it.id == id) {
            if late && command.term.is_some() {
                command.stage = Stage::CatchingUp(now + Duration::from_secs(5));
            } else if !command.conflict(now) {
                process.command = None;
            }
        }
        vec![Act::Ask(Ask::Fetch { after })]
    }

    pub(super) fn roster(&mut self, change: u64, as_of: u64, names: &[usize]) -> Vec<Act> {
        let Some(process) = self.process.as_mut() else { return Vec::new() };
        process.roster_before = Some(names.to_vec());
        if let Some(settling) = process.settling.iter_mut().find(|it| it.id == change) {
            settling.completion.roster(as_of, members(names));
        }
        Vec::new()
    }

    /// What follows for committed rollbacks.
    pub(super) fn watch_settling(&mut self, now: Moment) -> Vec<Act> {
        let Some(process) = self.process.as_mut() else { return Vec::new() };
        let mut acts = Vec::new();
        process.settling.retain_mut(|Settling { id, completion, asked }| {
            if completion.summary(now).complete {
                acts.push(Act::Completed { id: *id, place: completion.place() });
                return false;
            }
            if !completion.has_roster() && now >= *asked + Duration::from_secs(1) {
                *asked = now;
                acts.push(Act::Ask(Ask::Roster { change: *id }));
            }
            now < completion.ends_at() + Duration::from_secs(20)
        });
        acts
    }

    /// What follows for the change in progress from the time and from what came in.
    pub(super) fn watch_command(&mut self, now: Moment) -> Vec<Act> {
        let silence_is_done = self.breaks(Mutation::SilenceIsDone);
        let Some(process) = self.process.as_mut() else { return Vec::new() };
        let Some(command) = process.command.as_mut() else { return Vec::new() };
        match command.tick(now) {
            Next::Wait => Vec::new(),
            Next::Send if silence_is_done && !command.unrecorded => {
                let (id, place) = (command.id, process.node.applied());
                process.command = None;
                let place = Place { number: place.number + 1, ..place };
                vec![Act::Acknowledged { id, place }]
            }
            Next::Send => self.append().into_iter().collect(),
            Next::ForceHere => {
                self.disk.closed_here = Some(command.id);
                Vec::new()
            }
            Next::GiveUp => {
                process.command = None;
                Vec::new()
            }
        }
    }
}

fn members(names: &[usize]) -> BTreeMap<ReplicaName, Member> {
    names.iter().map(|&it| (replica(it), Member { on_stale: OnStale::Stable })).collect()
}
