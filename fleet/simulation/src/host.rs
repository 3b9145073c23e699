//! One replica: its disk, its process, its clock.

mod changes;
mod evidence;

use crate::cluster::{Micros, replica};
use crate::command::{Command, Settling, Stage};
use crate::message::{Answer, Ask, Change, Kind, Message, Pieces};
use crate::mutation::Mutation;
use crate::rng::Rng;
use stagegate_fleet::{
    Effect, Entry, Input, Lead, LeadEffect, Merge as _, Moment, Node, Offered, Outgoing, Place,
    Rules, Seen, Tally,
};

/// What a process wants the world to do.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Ask the ledger's servers.
    Ask(Ask),
    /// Tell all replicas.
    Broadcast(Message),
    /// Tell one replica.
    Tell(usize, Message),
    /// Workers follow this entry after a moment.
    Settle(Place, bool),
    /// A caller was told that its change is committed.
    Acknowledged { id: u64, place: Place },
    /// A caller was told that its change is complete on all replicas.
    Completed { id: u64, place: Place },
}

/// What survives the process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    /// The last entry that was applied.
    pub(crate) place: Place,
    /// The candidate gets traffic.
    pub(crate) open: bool,
    /// It was closed here without a record.
    pub(crate) closed_here: Option<u64>,
    /// Number of its entry, once it was applied.
    pub(crate) recorded_at: Option<u64>,
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) boot: u64,
    pub(crate) node: Node,
    pub(crate) lead: Lead,
    /// What the workers follow.
    pub(crate) worker: (Place, bool),
    /// What a timer has done, for the rule that requests look at the clock.
    pub(crate) closed_by_timer: bool,
    pub(crate) command: Option<Command>,
    pub(crate) settling: Vec<Settling>,
    pub(crate) out: Outgoing<Pieces>,
    /// The sums of the leader, and the revision they were loaded or saved at.
    pub(crate) tally: Option<(u64, Tally<Pieces>)>,
    /// What is being saved.
    pub(crate) saving: Option<Tally<Pieces>>,
    pub(crate) next_piece: Moment,
    pub(crate) next_save: Moment,
    forced_open: bool,
    pub(crate) roster_before: Option<Vec<usize>>,
}

/// One replica.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) number: usize,
    pub(crate) rules: Rules,
    pub(crate) mutation: Option<Mutation>,
    /// Its clock runs faster by so many millionths.
    pub(crate) drift: i64,
    pub(crate) disk: Disk,
    pub(crate) process: Option<Process>,
    /// Since when it is paused.
    pub(crate) paused: bool,
    /// What arrived while it was paused.
    pub(crate) backlog: Vec<Message>,
    /// The node of the ledger's servers that it is connected to.
    pub(crate) via: usize,
    /// Nothing goes in or out.
    pub(crate) cut: bool,
}

impl Host {
    /// The time by the clock of this machine.
    #[must_use]
    pub(crate) fn local(&self, at: Micros) -> Moment {
        let skew = i128::from(at) * i128::from(self.drift) / 1_000_000;
        Moment::from_micros(u64::try_from(i128::from(at) + skew).unwrap_or(at))
    }

    pub(crate) fn breaks(&self, rule: Mutation) -> bool {
        self.mutation == Some(rule)
    }

    /// Begins a process.
    pub(crate) fn start(&mut self, boot: u64, at: Micros) {
        let now = self.local(at);
        if self.breaks(Mutation::ForgetsItsPlace) {
            self.disk.place = Place::default();
        }
        let name = replica(self.number);
        let place = self.disk.place;
        let mut command = None;
        if let Some(id) = self.disk.closed_here {
            let mut late = Command::new(id, Kind::Close, None, now);
            late.unrecorded = true;
            late.stage = Stage::Waiting(now);
            command = Some(late);
        }
        self.process = Some(Process {
            boot,
            node: Node::new(&name, self.rules, place, now),
            lead: Lead::new(name, self.rules, now),
            worker: (place, self.disk.open),
            closed_by_timer: true,
            command,
            settling: Vec::new(),
            out: Outgoing::new(boot, 60),
            tally: None,
            saving: None,
            next_piece: now,
            next_save: now,
            forced_open: false,
            roster_before: None,
        });
    }

    /// The place of the plan by which a request that arrives now goes to the candidate.
    #[must_use]
    pub(crate) fn serves_candidate(&self, at: Micros) -> Option<Place> {
        let process = self.process.as_ref().filter(|_| !self.paused)?;
        let now = self.local(at);
        let is_closed = if self.breaks(Mutation::NoDeadline) {
            process.closed_by_timer
        } else {
            !process.node.may_serve(now)
        };
        let (place, open) = process.worker;
        let open = (open && self.disk.closed_here.is_none()) || process.forced_open;
        (open && !is_closed).then_some(place)
    }

    /// Takes a message in. A process that is paused gets it later.
    pub(crate) fn receive(&mut self, message: Message, at: Micros, rng: &mut Rng) -> Vec<Act> {
        if self.process.is_none() {
            return Vec::new();
        }
        if self.paused {
            self.backlog.push(message);
            return Vec::new();
        }
        let now = self.local(at);
        let mut acts = self.taken(message, now, rng);
        acts.extend(self.watch_command(now));
        acts.extend(self.watch_settling(now));
        acts
    }

    fn taken(&mut self, message: Message, now: Moment, rng: &mut Rng) -> Vec<Act> {
        let Some(process) = self.process.as_mut() else { return Vec::new() };
        match message {
            Message::Wake { boot } if boot == process.boot => self.tick(now, rng),
            Message::Answer { boot, answer } if boot == process.boot => self.answered(answer, now),
            Message::Wake { .. } | Message::Answer { .. } => Vec::new(),
            Message::News(entry) => self.step(now, Input::Offered(entry)),
            Message::Ack { from, place } => {
                for settling in &mut process.settling {
                    settling.completion.ack(from.clone(), place, now);
                }
                Vec::new()
            }
            Message::Leads(seen) => {
                process.lead.seen(seen, now);
                Vec::new()
            }
            Message::Evidence { from, batches } => {
                let twice = self.mutation == Some(Mutation::CountsTwice);
                let Some((_, tally)) = &mut process.tally else { return Vec::new() };
                for batch in batches {
                    let added = tally.offer(&replica(from), &batch);
                    if twice && added == Offered::Known {
                        tally.sums.merge(&batch.delta);
                    }
                }
                Vec::new()
            }
            Message::Saved { boot, number } => {
                process.out.saved(boot, number);
                Vec::new()
            }
        }
    }

    fn tick(&mut self, now: Moment, rng: &mut Rng) -> Vec<Act> {
        let mut acts = self.step(now, Input::Tick);
        let Some(process) = self.process.as_mut() else { return acts };
        acts.extend(process.lead.tick(now).into_iter().filter_map(|it| lead_act(&it, now)));
        let due = process.lead.announce_again();
        if let (Some(&LeadEffect::Announce { term }), None) = (due.first(), &process.command) {
            process.command = Some(Command::new(rng.next(), Kind::Term, Some(term), now));
            acts.extend(self.append());
        }
        acts.extend(self.evidence(now, rng));
        acts
    }

    fn answered(&mut self, answer: Answer, now: Moment) -> Vec<Act> {
        let from_answer = self.breaks(Mutation::FreshFromAnswer);
        let Some(process) = self.process.as_mut() else { return Vec::new() };
        match answer {
            Answer::Renewed { asked, claimed } => {
                let asked = if from_answer { now } else { asked };
                self.step(now, Input::Renewed { asked, claimed })
            }
            Answer::Newest { asked, place }
                if place.position == process.node.settled().position =>
            {
                self.step(now, Input::Renewed { asked, claimed: place })
            }
            Answer::Newest { place, .. } => self.step(now, Input::Newest(place)),
            Answer::Superseded => self.step(now, Input::Superseded),
            Answer::Entries(entries) => {
                let mut acts: Vec<Act> = Vec::new();
                for entry in entries {
                    acts.extend(self.step(now, Input::Offered(entry)));
                }
                acts.extend(self.step(now, Input::Fetched));
                let again = self.process.as_mut().and_then(|it| it.command.as_mut());
                if again.is_some_and(|command| command.caught_up(now)) {
                    acts.extend(self.append());
                }
                acts
            }
            Answer::Appended { entry } => self.appended(entry, now),
            Answer::Conflict { change } => self.conflict(change, now),
            Answer::Roster { as_of, names, change } => self.roster(change, as_of, &names),
            Answer::Lease(seen) => {
                process.lead.seen(seen, now);
                Vec::new()
            }
            Answer::Claimed { asked, revision, term } => {
                let announce = process.lead.claimed(asked, revision, term, now);
                let holder = Some(replica(self.number));
                let mut acts =
                    vec![Act::Broadcast(Message::Leads(Seen { revision, term, holder }))];
                acts.extend(announce.into_iter().filter_map(|it| lead_act(&it, now)));
                acts
            }
            Answer::ClaimRefused => {
                process.lead.refused();
                Vec::new()
            }
            Answer::Loaded { revision, tally } => {
                process.tally = process.lead.steers(now).map(|_| (revision, tally));
                Vec::new()
            }
            Answer::SaveRefused => {
                process.tally = None;
                process.saving = None;
                Vec::new()
            }
            Answer::Saved { revision } => self.saved(revision),
        }
    }

    /// Workers follow an entry.
    pub(crate) fn settle(&mut self, place: Place, open: bool, at: Micros) -> Vec<Act> {
        let now = self.local(at);
        let Some(process) = self.process.as_mut().filter(|_| !self.paused) else {
            return Vec::new();
        };
        if place.number > process.worker.0.number {
            process.worker = (place, open);
        }
        if self.disk.recorded_at.is_some_and(|number| place.number >= number) {
            self.disk.closed_here = None;
            self.disk.recorded_at = None;
        }
        self.step(now, Input::Settled(place))
    }

    pub(crate) fn step(&mut self, now: Moment, input: Input<Change>) -> Vec<Act> {
        let Some(process) = self.process.as_mut() else { return Vec::new() };
        let effects = process.node.step(now, input);
        effects.into_iter().flat_map(|effect| self.carry_out(effect, now)).collect()
    }

    fn carry_out(&mut self, effect: Effect<Change>, now: Moment) -> Vec<Act> {
        let mutation = self.mutation;
        let Some(process) = self.process.as_mut() else { return Vec::new() };
        match effect {
            Effect::Renew { .. } if mutation == Some(Mutation::FreshByRead) => {
                vec![Act::Ask(Ask::Newest { asked: now })]
            }
            Effect::Renew { claim } => vec![Act::Ask(Ask::Renew { asked: now, claim })],
            Effect::Fetch { after } => vec![Act::Ask(Ask::Fetch { after })],
            Effect::Ack { to, place } => {
                let from = replica(self.number);
                let to = to.parse().unwrap_or(0);
                vec![Act::Tell(to, Message::Ack { from, place })]
            }
            Effect::Close => {
                process.closed_by_timer = true;
                Vec::new()
            }
            Effect::Open => {
                process.closed_by_timer = false;
                process.forced_open = mutation == Some(Mutation::OpensWhenFresh);
                Vec::new()
            }
            Effect::Apply(entry) => self.apply(entry, now),
        }
    }

    fn apply(&mut self, entry: Entry<Change>, now: Moment) -> Vec<Act> {
        let mutation = self.mutation;
        let Entry { place, term, ack_to, body, .. } = entry;
        match body.kind {
            Kind::Open => self.disk.open = true,
            Kind::Close => self.disk.open = false,
            Kind::Term => {}
        }
        self.disk.place = place;
        if self.disk.closed_here == Some(body.id) {
            self.disk.recorded_at = Some(place.number);
        }
        let mut acts = vec![Act::Settle(place, self.disk.open)];
        let Some(process) = self.process.as_mut() else { return acts };
        if let Some(term) = term.filter(|_| body.kind == Kind::Term) {
            process.lead.announced(term);
            if mutation != Some(Mutation::ActsAfterItsTerm) {
                process.lead.deposed(term);
            }
        }
        if mutation == Some(Mutation::AckBeforeSettled)
            && let Some(to) = ack_to
        {
            let from = replica(self.number);
            acts.push(Act::Tell(to.parse().unwrap_or(0), Message::Ack { from, place }));
        }
        if mutation == Some(Mutation::ClaimBeforeSettled) {
            acts.extend(self.step(now, Input::Settled(place)));
        }
        acts
    }
}

fn lead_act(effect: &LeadEffect, now: Moment) -> Option<Act> {
    match effect {
        LeadEffect::Look => Some(Act::Ask(Ask::Look)),
        LeadEffect::Claim { revision, term } => {
            Some(Act::Ask(Ask::Claim { asked: now, revision: *revision, term: *term }))
        }
        // The next tick appends the entry: one change is under way at a time.
        LeadEffect::Announce { .. } => None,
    }
}
