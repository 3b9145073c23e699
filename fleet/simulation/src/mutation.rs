//! Rules that are broken on purpose, to prove that the checker finds it.

/// A broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Freshness is renewed by a read, which a leader that was cut off may answer.
    FreshByRead,
    /// Freshness counts from the answer and not from the question.
    FreshFromAnswer,
    /// A renewal names what was applied, although workers do not follow yet.
    ClaimBeforeSettled,
    /// An entry is acknowledged before the workers follow it.
    AckBeforeSettled,
    /// The roster of an earlier change is taken.
    RosterFromBefore,
    /// Whoever waits takes a replica for fenced too early.
    FencedEarly,
    /// Requests do not look at the clock: only the timer closes.
    NoDeadline,
    /// A replica that is fresh again opens its candidate, whatever the ledger says.
    OpensWhenFresh,
    /// A replica that does not steer any more acts all the same.
    ActsAfterItsTerm,
    /// Repeated evidence is added again.
    CountsTwice,
    /// An append without an answer is taken for done.
    SilenceIsDone,
    /// A replica that begins again takes the state of its first entry.
    ForgetsItsPlace,
}

impl Mutation {
    /// Every broken rule.
    pub const ALL: [Self; 12] = [
        Self::FreshByRead,
        Self::FreshFromAnswer,
        Self::ClaimBeforeSettled,
        Self::AckBeforeSettled,
        Self::RosterFromBefore,
        Self::FencedEarly,
        Self::NoDeadline,
        Self::OpensWhenFresh,
        Self::ActsAfterItsTerm,
        Self::CountsTwice,
        Self::SilenceIsDone,
        Self::ForgetsItsPlace,
    ];
}
