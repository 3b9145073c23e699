//! A change on its way into the ledger, and what became of it. Pure.

use crate::message::Kind;
use stagegate_fleet::{Completion, Moment, Place};

/// How long an append waits for its answer.
const PATIENCE: Moment = Moment::from_millis(800);
/// How often an append without an answer is sent again.
const TRIES: u32 = 3;

/// Where a change is.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// It was sent at this moment.
    Sent(Moment),
    /// Somebody else was faster: the new state is fetched first, until this moment.
    CatchingUp(Moment),
    /// It waits to be recorded late.
    Waiting(Moment),
}

/// A change of a person, or of the replica that steers.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// Its number.
    pub(crate) id: u64,
    /// What it does.
    pub(crate) kind: Kind,
    /// The term, if no person asked for it.
    pub(crate) term: Option<u64>,
    /// Where it is.
    pub(crate) stage: Stage,
    /// How often it was sent.
    pub(crate) tries: u32,
    /// The newest place that it was decided on. A change that is sent again names the same one: what
    /// happened since may be a reason not to make it.
    pub(crate) expected: Option<Place>,
    /// It lost a race before.
    pub(crate) lost: bool,
    /// It is in force here without a record.
    pub(crate) unrecorded: bool,
}

/// A committed rollback whose acknowledgements are awaited.
#[derive(Clone, Debug)]
pub(crate) struct Settling {
    /// Its number.
    pub(crate) id: u64,
    /// What became of it.
    pub(crate) completion: Completion,
    /// When the roster was asked for.
    pub(crate) asked: Moment,
}

/// What is to be done with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing yet.
    Wait,
    /// Send it, for the first time or again.
    Send,
    /// It is in force here, and recorded as soon as the ledger answers.
    ForceHere,
    /// The caller is told that it may still take effect.
    GiveUp,
}

impl Command {
    /// A change that is sent at `now`.
    #[must_use]
    pub(crate) const fn new(id: u64, kind: Kind, term: Option<u64>, now: Moment) -> Self {
        Self {
            id,
            kind,
            term,
            stage: Stage::Sent(now),
            tries: 1,
            expected: None,
            lost: false,
            unrecorded: false,
        }
    }

    /// What follows from the time.
    pub(crate) fn tick(&mut self, now: Moment) -> Next {
        match self.stage {
            Stage::Sent(at) if now >= at + PATIENCE => {
                if self.tries < TRIES {
                    self.again(now)
                } else if self.kind == Kind::Close && self.term.is_none() {
                    self.stage = Stage::Waiting(now + PATIENCE);
                    self.unrecorded = true;
                    Next::ForceHere
                } else {
                    Next::GiveUp
                }
            }
            Stage::CatchingUp(until) if now >= until => Next::GiveUp,
            Stage::Waiting(until) if now >= until => {
                self.tries = TRIES;
                self.expected = None;
                self.stage = Stage::Sent(now);
                Next::Send
            }
            _ => Next::Wait,
        }
    }

    fn again(&mut self, now: Moment) -> Next {
        self.tries += 1;
        self.stage = Stage::Sent(now);
        Next::Send
    }

    /// The ledger had a newer entry. Returns false if the caller is refused.
    pub(crate) fn conflict(&mut self, now: Moment) -> bool {
        if self.unrecorded {
            self.stage = Stage::Waiting(now + PATIENCE / 4);
            return true;
        }
        if self.lost || self.term.is_some() {
            return false;
        }
        self.lost = true;
        self.stage = Stage::CatchingUp(now + PATIENCE * 2);
        true
    }

    /// The newest state was fetched. Returns true if it is to be sent.
    pub(crate) fn caught_up(&mut self, now: Moment) -> bool {
        if matches!(self.stage, Stage::CatchingUp(_)) {
            self.expected = None;
            self.stage = Stage::Sent(now);
            return true;
        }
        false
    }
}
