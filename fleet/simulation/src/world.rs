//! The world: a queue of events on one clock, a network, faults.

use crate::check::{Check, Violation};
use crate::cluster::{Cluster, Micros};
use crate::host::{Act, Disk, Host};
use crate::message::{Answer, Ask, Kind, Message};
use crate::mutation::Mutation;
use crate::net::Net;
use crate::rng::Rng;
use crate::traffic::Traffic;
use stagegate_fleet::Rules;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// A second.
pub(crate) const SECOND: Micros = 1_000_000;

/// What a history is made of.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// How many replicas.
    pub replicas: usize,
    /// How long freshness lasts.
    pub fresh_for: Duration,
    /// How long faults happen.
    pub faults_for: Duration,
    /// How long it stays quiet afterwards.
    pub quiet_for: Duration,
    /// The rule that is broken.
    pub mutation: Option<Mutation>,
    /// Pause between two changes of people, on average.
    pub change_every: Duration,
    /// Where replicas and servers are.
    pub net: Net,
}

/// What happens.
#[derive(Debug)]
pub(crate) enum Event {
    ToCluster { from: usize, boot: u64, via: usize, ask: Box<Ask> },
    ToHost { to: usize, message: Box<Message> },
    Settle { host: usize, boot: u64, place: stagegate_fleet::Place, open: bool },
    Wake { host: usize, boot: u64 },
    Begin { host: usize },
    Restart { host: usize },
    Resume { host: usize },
    Join { host: usize },
    Heal,
    Reconnect { host: usize },
    Fault,
    Change,
}

/// What a history was.
#[derive(Debug, Default)]
pub struct History {
    /// Requests, and those of them that went to candidates.
    pub requests: (u64, u64),
    /// Rollbacks that were reported complete: how long each took, in microseconds.
    pub completions: Vec<u64>,
    /// Entries of the ledger.
    pub entries: usize,
    /// Faults that happened.
    pub faults: u64,
    /// Messages and bytes.
    pub traffic: Traffic,
}

/// One history in the making.
pub struct World {
    pub(crate) options: Options,
    pub(crate) now: Micros,
    queue: BTreeMap<Reverse<(Micros, u64)>, Event>,
    made: u64,
    boots: u64,
    pub(crate) rng: Rng,
    pub(crate) cluster: Cluster,
    pub(crate) hosts: Vec<Host>,
    check: Check,
    pub(crate) faults: u64,
    traffic: Traffic,
    started: BTreeMap<u64, Micros>,
}

impl World {
    /// Plays one history.
    ///
    /// # Errors
    /// The [`Violation`] that it ends with.
    pub fn play(options: Options) -> Result<History, Violation> {
        let mut world = Self::new(options);
        let end = micros(options.faults_for + options.quiet_for);
        while let Some((Reverse((at, _)), event)) = world.queue.pop_last() {
            if at > end {
                break;
            }
            world.now = at;
            world.happen(event)?;
        }
        world.now = end;
        world.check.ledger(&world.cluster, end)?;
        if !options.quiet_for.is_zero() {
            world.check.quiet(&world.hosts, &world.cluster, end)?;
        }
        let Self { check, cluster, faults, traffic, .. } = world;
        Ok(History {
            requests: (check.requests, check.candidate_requests),
            completions: check.completions,
            entries: cluster.log().len(),
            faults,
            traffic,
        })
    }

    fn new(options: Options) -> Self {
        let mut rng = Rng::new(options.seed);
        let rules = Rules::of(options.fresh_for);
        let hosts = (0..options.replicas).map(|number| Host {
            number,
            rules,
            mutation: options.mutation,
            drift: i64::try_from(rng.below(4001)).unwrap_or(0) - 2000,
            disk: Disk::default(),
            process: None,
            paused: false,
            backlog: Vec::new(),
            via: number % 3,
            cut: false,
        });
        let hosts = hosts.collect();
        let mut world = Self {
            options,
            now: 0,
            queue: BTreeMap::new(),
            made: 0,
            boots: 0,
            rng,
            cluster: Cluster::default(),
            hosts,
            check: Check::default(),
            faults: 0,
            traffic: Traffic::default(),
            started: BTreeMap::new(),
        };
        for host in 0..options.replicas {
            // Some join while others serve.
            let late = !options.faults_for.is_zero() && host > 1 && world.rng.chance(300);
            let at = world.rng.below(if late { SECOND * 45 } else { SECOND });
            world.at(at, Event::Begin { host });
        }
        world.at(SECOND * 8, Event::Change);
        if !options.faults_for.is_zero() {
            world.at(SECOND * 3, Event::Fault);
        }
        world
    }

    pub(crate) fn at(&mut self, at: Micros, event: Event) {
        self.made += 1;
        self.queue.insert(Reverse((at, self.made)), event);
    }

    pub(crate) fn after(&mut self, wait: Micros, event: Event) {
        self.at(self.now + wait, event);
    }

    /// True while faults happen.
    pub(crate) fn is_troubled(&self) -> bool {
        self.now < micros(self.options.faults_for)
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        let touched = match event {
            Event::ToCluster { from, boot, via, ask } => return self.asked(from, boot, via, &ask),
            Event::ToHost { to, message } => self.arrive(to, *message)?,
            Event::Wake { host, boot } => self.wake(host, boot)?,
            Event::Settle { host, boot, place, open } => self.settle(host, boot, place, open)?,
            Event::Begin { host } => self.begin(host),
            Event::Restart { host } if self.hosts[host].process.is_none() => self.begin(host),
            Event::Restart { host } => host,
            Event::Resume { host } => return self.resume(host),
            Event::Join { host } => {
                self.hosts[host].cut = false;
                host
            }
            Event::Reconnect { host } => {
                self.hosts[host].via = (self.hosts[host].via + 1) % 3;
                host
            }
            Event::Heal => {
                self.cluster.heal(self.now);
                return Ok(());
            }
            Event::Fault => {
                self.fault();
                return Ok(());
            }
            Event::Change => return self.change(),
        };
        self.check.request(&self.hosts[touched], &self.cluster, self.now)
    }

    fn begin(&mut self, host: usize) -> usize {
        if self.hosts[host].process.is_some() {
            return host;
        }
        self.boots += 1;
        let boot = self.boots;
        self.hosts[host].start(boot, self.now);
        self.after(1, Event::Wake { host, boot });
        host
    }

    fn arrive(&mut self, to: usize, message: Message) -> Result<usize, Violation> {
        if !self.hosts[to].cut {
            let acts = self.hosts[to].receive(message, self.now, &mut self.rng);
            self.act(to, acts)?;
        }
        Ok(to)
    }

    fn wake(&mut self, host: usize, boot: u64) -> Result<usize, Violation> {
        let lives = self.hosts[host].process.as_ref().is_some_and(|it| it.boot == boot);
        if !lives {
            return Ok(host);
        }
        // A timer of a busy machine is late.
        let late =
            self.rng.below(10_000) + if self.rng.chance(5) { self.rng.below(300_000) } else { 0 };
        let mut wait = self.options.net.wake + late;
        let (local, now) = (self.hosts[host].local(self.now), self.now);
        let acts = self.hosts[host].receive(Message::Wake { boot }, now, &mut self.rng);
        self.act(host, acts)?;
        if let Some(process) = &self.hosts[host].process {
            let due = process.node.wakes_at().saturating_sub(local);
            wait = wait.min(micros(due).max(1000));
        }
        self.after(wait, Event::Wake { host, boot });
        Ok(host)
    }

    fn settle(
        &mut self,
        host: usize,
        boot: u64,
        place: stagegate_fleet::Place,
        open: bool,
    ) -> Result<usize, Violation> {
        let now = self.now;
        let lives = self.hosts[host].process.as_ref().is_some_and(|it| it.boot == boot);
        if lives && self.hosts[host].paused {
            self.after(10_000, Event::Settle { host, boot, place, open });
        } else if lives {
            let acts = self.hosts[host].settle(place, open, now);
            self.act(host, acts)?;
        }
        Ok(host)
    }

    /// A paused process goes on: requests that wait are served before anything else runs.
    fn resume(&mut self, host: usize) -> Result<(), Violation> {
        if !std::mem::take(&mut self.hosts[host].paused) {
            return Ok(());
        }
        self.check.request(&self.hosts[host], &self.cluster, self.now)?;
        for message in std::mem::take(&mut self.hosts[host].backlog) {
            self.arrive(host, message)?;
            self.check.request(&self.hosts[host], &self.cluster, self.now)?;
        }
        Ok(())
    }

    /// A person asks somewhere for a change; the gates may ask as well.
    fn change(&mut self) -> Result<(), Violation> {
        let wait = self.rng.exponential(self.options.change_every.as_micros() as f64) as u64;
        // A history ends in peace, so that it can be seen that all replicas agree.
        let peaceful = self.options.faults_for.is_zero();
        let end = micros(self.options.quiet_for).saturating_sub(SECOND * 10);
        if peaceful && self.now >= end {
            return Ok(());
        }
        if self.is_troubled() || peaceful {
            self.after(wait.max(1000), Event::Change);
        }
        let host = usize::try_from(self.rng.below(self.hosts.len() as u64)).unwrap_or(0);
        let (id, by_itself) = (self.rng.next(), self.rng.chance(300));
        let kind = if by_itself || self.rng.chance(500) { Kind::Close } else { Kind::Open };
        let chosen: Vec<usize> =
            if by_itself { (0..self.hosts.len()).collect() } else { vec![host] };
        for host in chosen {
            if self.hosts[host].process.is_some() && !self.hosts[host].paused {
                let acts = self.hosts[host].command(id ^ host as u64, kind, by_itself, self.now);
                self.act(host, acts)?;
            }
        }
        self.check.ledger(&self.cluster, self.now)
    }

    fn asked(&mut self, from: usize, boot: u64, via: usize, ask: &Ask) -> Result<(), Violation> {
        if self.hosts[from].cut {
            return Ok(());
        }
        let Some(answer) = self.cluster.answer(from, via, self.now, ask) else { return Ok(()) };
        if let (Ask::Append { draft }, Answer::Appended { .. }) = (ask, &answer) {
            self.started.entry(draft.change.id).or_insert(self.now);
        }
        self.traffic.add(ask, &answer, self.hosts.len());
        let (net, troubled) = (self.options.net, self.is_troubled());
        let lost = troubled && self.rng.chance(net.loss);
        if !lost {
            let work = if ask.is_a_write() { net.commit(&mut self.rng) } else { 0 };
            let wait = work + net.latency(from, &mut self.rng, troubled);
            let message = Box::new(Message::Answer { boot, answer });
            self.after(wait, Event::ToHost { to: from, message });
        }
        Ok(())
    }

    fn broadcast(&mut self, from: usize, message: &Message) {
        for to in 0..self.hosts.len() {
            self.send(from, to, message);
        }
    }

    fn send(&mut self, from: usize, to: usize, message: &Message) {
        self.traffic.tell(message);
        let (net, troubled) = (self.options.net, self.is_troubled());
        let reached = self.cluster.is_reached(self.hosts[from].via)
            == self.cluster.is_reached(self.hosts[to].via);
        if self.hosts[from].cut || !reached || (troubled && self.rng.chance(net.loss)) {
            return;
        }
        let copies = 1 + u64::from(troubled && self.rng.chance(net.loss));
        for _ in 0..copies {
            let wait = net.latency(from, &mut self.rng, troubled)
                + net.latency(to, &mut self.rng, troubled);
            self.after(wait, Event::ToHost { to, message: Box::new(message.clone()) });
        }
    }

    fn act(&mut self, host: usize, acts: Vec<Act>) -> Result<(), Violation> {
        for act in acts {
            match act {
                Act::Ask(ask) => self.ask(host, ask),
                Act::Broadcast(message) => self.broadcast(host, &message),
                Act::Tell(to, message) => self.send(host, to, &message),
                Act::Settle(place, open) => {
                    let boot = self.hosts[host].process.as_ref().map_or(0, |it| it.boot);
                    let slow = self.is_troubled() && self.rng.chance(20);
                    let wait = self.rng.between(100, 3_000)
                        + if slow { self.rng.below(400_000) } else { 0 };
                    self.after(wait, Event::Settle { host, boot, place, open });
                }
                Act::Acknowledged { id, place } => {
                    self.check.acknowledged(id, place, &self.cluster, self.now)?;
                }
                Act::Completed { id, place } => {
                    let began = self.started.get(&id).copied().unwrap_or(self.now);
                    let took = self.now - began;
                    self.check.completed(place, took, &self.hosts, self.now)?;
                    for number in 0..self.hosts.len() {
                        self.check.request(&self.hosts[number], &self.cluster, self.now)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, host: usize, ask: Ask) {
        let (net, troubled) = (self.options.net, self.is_troubled());
        if self.hosts[host].cut || (troubled && self.rng.chance(net.loss)) {
            return;
        }
        let boot = self.hosts[host].process.as_ref().map_or(0, |it| it.boot);
        let via = self.hosts[host].via;
        let wait = net.latency(host, &mut self.rng, troubled);
        self.after(wait, Event::ToCluster { from: host, boot, via, ask: Box::new(ask) });
    }
}

/// Microseconds of a duration.
pub(crate) fn micros(time: Duration) -> Micros {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
