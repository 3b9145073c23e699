//! What replicas and the ledger's servers say to each other.

use stagegate_fleet::{Batch, Entry, Merge, Moment, Place, ReplicaName, Seen, Tally};
use std::collections::BTreeMap;

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The candidate gets traffic.
    Open,
    /// The candidate gets none.
    Close,
    /// A replica begins to steer.
    Term,
}

/// The contents of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its own number, by which a repeated append is known.
    pub(crate) id: u64,
    /// What it does.
    pub(crate) kind: Kind,
}

/// An entry that is not in the ledger yet.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The newest position that the author knows.
    pub(crate) expected: Place,
    /// The term of the author, if it acts by itself.
    pub(crate) term: Option<u64>,
    /// The author, who collects acknowledgements.
    pub(crate) author: usize,
    /// The contents.
    pub(crate) change: Change,
}

/// Evidence: the numbers of its pieces, each with how often it was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pieces(pub BTreeMap<u64, u32>);

impl Merge for Pieces {
    fn merge(&mut self, other: &Self) {
        for (piece, count) in &other.0 {
            *self.0.entry(*piece).or_default() += count;
        }
    }
}

/// A request to the ledger's servers. Moments are by the clock of the asker.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// Commit that this replica lives, if the newest entry is at `claim`.
    Renew { asked: Moment, claim: Place },
    /// Append an entry.
    Append { draft: Draft },
    /// The entries after a place.
    Fetch { after: Place },
    /// Who has renewed.
    Roster { change: u64 },
    /// The newest place.
    Newest { asked: Moment },
    /// The steering lease.
    Look,
    /// Write the steering lease.
    Claim { asked: Moment, revision: u64, term: u64 },
    /// The saved evidence.
    Load,
    /// Save evidence over the given revision.
    Save { revision: u64, tally: Tally<Pieces> },
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Renewed { asked: Moment, claimed: Place },
    Superseded,
    Appended { entry: Entry<Change> },
    Conflict { change: u64 },
    Entries(Vec<Entry<Change>>),
    Roster { change: u64, as_of: u64, names: Vec<usize> },
    Newest { asked: Moment, place: Place },
    Lease(Seen),
    Claimed { asked: Moment, revision: u64, term: u64 },
    ClaimRefused,
    Loaded { revision: u64, tally: Tally<Pieces> },
    Saved { revision: u64 },
    SaveRefused,
}

/// What reaches a replica.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// An answer, to the process that asked.
    Answer { boot: u64, answer: Answer },
    /// An entry was appended.
    News(Entry<Change>),
    /// A replica's workers follow an entry.
    Ack { from: ReplicaName, place: Place },
    /// The holder of the lease says so.
    Leads(Seen),
    /// Evidence that is not saved, to the leader. One message: batches count in their order.
    Evidence { from: usize, batches: Vec<Batch<Pieces>> },
    /// Evidence up to here is saved.
    Saved { boot: u64, number: u64 },
    /// Time.
    Wake { boot: u64 },
}

impl Ask {
    /// Returns true if a majority must agree.
    #[must_use]
    pub(crate) const fn is_a_write(&self) -> bool {
        matches!(
            self,
            Self::Renew { .. } | Self::Append { .. } | Self::Claim { .. } | Self::Save { .. }
        )
    }

    /// Bytes on the wire, with the answer: measured for small ones, assumed for the rest.
    #[must_use]
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Renew { .. } => 420,
            Self::Append { .. } => 3_000,
            Self::Fetch { .. } => 400,
            Self::Roster { .. } => 500,
            Self::Newest { .. } | Self::Look => 450,
            Self::Claim { .. } => 450,
            Self::Load | Self::Save { .. } => 20_000,
        }
    }
}
