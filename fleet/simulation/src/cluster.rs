//! The ledger's servers: three nodes, a majority that commits, a leader that may be cut off.
//!
//! A leader that was cut off goes on answering reads for ten seconds, from what it knew: that is how
//! NATS JetStream behaves (`lostQuorumInterval` of nats-server). It commits nothing.

use crate::message::{Answer, Ask, Change, Draft, Kind, Pieces};
use crate::rng::Rng;
use stagegate_fleet::{Entry, Place, ReplicaName, Seen, Tally};
use std::collections::{BTreeMap, BTreeSet};

/// Microseconds.
pub(crate) type Micros = u64;

/// How long a leader that was cut off answers reads.
const DEPOSED: Micros = 10_000_000;

/// The state that a majority has committed.
#[derive(Clone, Debug, Default)]
struct Committed {
    log: Vec<Entry<Change>>,
    ids: BTreeSet<u64>,
    position: u64,
    /// The last renewal of each replica.
    presence: BTreeMap<usize, u64>,
    lease: Option<(u64, u64, usize)>,
    saved: (u64, Tally<Pieces>),
}

/// The ledger's servers.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    now: Committed,
    /// The node that leads.
    leader: usize,
    /// The node that is cut off from the two others.
    isolated: Option<usize>,
    /// What the former leader knew when it was cut off, and when that was.
    deposed: Option<(usize, Micros, Committed)>,
    /// No writes and no reads until then.
    silent_until: Micros,
}

impl Cluster {
    /// Entries that were committed.
    #[must_use]
    pub(crate) fn log(&self) -> &[Entry<Change>] {
        &self.now.log
    }

    /// The newest place.
    #[must_use]
    pub(crate) fn newest(&self) -> Place {
        newest(&self.now)
    }

    /// The evidence that was saved.
    #[must_use]
    pub(crate) const fn saved(&self) -> &Tally<Pieces> {
        &self.now.saved.1
    }

    /// The node that leads.
    #[must_use]
    pub(crate) const fn leader(&self) -> usize {
        self.leader
    }

    /// Cuts a node off. If it led, another one leads after an election.
    pub(crate) fn isolate(&mut self, node: usize, at: Micros, rng: &mut Rng) {
        self.isolated = Some(node);
        if self.leader == node {
            self.deposed = Some((node, at, self.now.clone()));
            self.leader = (node + 1) % 3;
            self.silent_until = self.silent_until.max(at + rng.between(1_000_000, 6_500_000));
        }
    }

    /// Nothing is answered until `until`: a majority is lost, or the leader was killed.
    pub(crate) fn silence(&mut self, until: Micros) {
        self.silent_until = self.silent_until.max(until);
    }

    /// All nodes reach each other again.
    pub(crate) fn heal(&mut self, at: Micros) {
        self.isolated = None;
        self.deposed = None;
        self.silent_until = self.silent_until.min(at + 100_000);
    }

    /// Returns true if a client of `node` reaches the majority.
    #[must_use]
    pub(crate) fn is_reached(&self, node: usize) -> bool {
        self.isolated != Some(node)
    }

    /// Carries a request out that came over `node`. Without an answer nothing was committed.
    pub(crate) fn answer(
        &mut self,
        from: usize,
        node: usize,
        at: Micros,
        ask: &Ask,
    ) -> Option<Answer> {
        if !self.is_reached(node) {
            let (deposed, since, known) = self.deposed.as_ref()?;
            let answers = *deposed == node && at < since + DEPOSED && !ask.is_a_write();
            return answers.then(|| read(known, ask)).flatten();
        }
        if at < self.silent_until {
            return None;
        }
        match ask {
            Ask::Renew { asked, claim } => Some(self.renew(from, *asked, *claim)),
            Ask::Append { draft } => Some(self.append(draft)),
            Ask::Claim { asked, revision, term } => {
                let current = self.now.lease.map_or(0, |(revision, ..)| revision);
                if current != *revision {
                    return Some(Answer::ClaimRefused);
                }
                self.now.position += 1;
                let revision = self.now.position;
                self.now.lease = Some((revision, *term, from));
                Some(Answer::Claimed { asked: *asked, revision, term: *term })
            }
            Ask::Save { revision, tally } => {
                if self.now.saved.0 != *revision {
                    return Some(Answer::SaveRefused);
                }
                self.now.position += 1;
                self.now.saved = (self.now.position, tally.clone());
                Some(Answer::Saved { revision: self.now.position })
            }
            read_only => read(&self.now, read_only),
        }
    }

    fn renew(&mut self, from: usize, asked: std::time::Duration, claim: Place) -> Answer {
        // The servers compare the position of the newest entry. The other fields follow from it.
        if newest(&self.now).position != claim.position {
            return Answer::Superseded;
        }
        self.now.position += 1;
        self.now.presence.insert(from, self.now.position);
        Answer::Renewed { asked, claimed: claim }
    }

    fn append(&mut self, draft: &Draft) -> Answer {
        let id = draft.change.id;
        if self.now.ids.contains(&id) {
            let known = self.now.log.iter().find(|entry| entry.body.id == id);
            return known.map_or(Answer::Conflict { change: id }, |entry| Answer::Appended {
                entry: entry.clone(),
            });
        }
        let last = newest(&self.now);
        if last.position != draft.expected.position {
            return Answer::Conflict { change: id };
        }
        self.now.position += 1;
        let place = Place {
            number: last.number + 1,
            position: self.now.position,
            epoch: last.epoch + u64::from(draft.change.kind != Kind::Term),
            mark: id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        };
        let ack_to = (draft.change.kind == Kind::Close).then(|| draft.author.to_string().into());
        let (term, body) = (draft.term, draft.change);
        let entry = Entry { place, before: last.mark, term, ack_to, body };
        self.now.log.push(entry.clone());
        self.now.ids.insert(id);
        Answer::Appended { entry }
    }
}

fn newest(state: &Committed) -> Place {
    state.log.last().map_or_else(Place::default, |entry| entry.place)
}

fn read(state: &Committed, ask: &Ask) -> Option<Answer> {
    Some(match ask {
        Ask::Fetch { after } => {
            let from = state.log.len().min(usize::try_from(after.number).unwrap_or(usize::MAX));
            Answer::Entries(state.log[from..].to_vec())
        }
        Ask::Roster { change } => Answer::Roster {
            change: *change,
            as_of: state.position,
            names: state.presence.keys().copied().collect(),
        },
        Ask::Newest { asked } => Answer::Newest { asked: *asked, place: newest(state) },
        Ask::Look => {
            let (revision, term, holder) = lease(state);
            Answer::Lease(Seen { revision, term, holder: holder.map(replica) })
        }
        Ask::Load => Answer::Loaded { revision: state.saved.0, tally: state.saved.1.clone() },
        _ => return None,
    })
}

/// The lease, with zeros where there is none.
fn lease(state: &Committed) -> (u64, u64, Option<usize>) {
    state.lease.map_or((0, 0, None), |(revision, term, holder)| (revision, term, Some(holder)))
}

/// The name of a replica by its number.
#[must_use]
pub(crate) fn replica(number: usize) -> ReplicaName {
    match format!("r{number}").parse() {
        Ok(name) => name,
        Err(error) => unreachable!("{error}"),
    }
}

/// The number of a replica by its name.
#[must_use]
pub(crate) fn number(name: &ReplicaName) -> usize {
    name.as_str().trim_start_matches('r').parse().unwrap_or(0)
}
