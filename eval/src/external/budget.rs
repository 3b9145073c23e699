//! The daily budget of a judge: reserved before a call, settled after it.
//!
//! Reserving the most that a call can cost keeps many calls at once from spending more than there
//! is. Days are UTC days; money is whole nano-dollars.

use crate::Nanos;

const DAY_MS: u64 = 86_400_000;

/// The account of one judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    daily: Nanos,
    /// Days since 1970.
    day: u64,
    spent: Nanos,
    /// Promised to calls that have not come back.
    reserved: Nanos,
    /// The cost of today's call that the budget did not allow.
    refused: Option<Nanos>,
}

/// Money set aside for one call. Give it back through [`Budget::settle`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what is reserved and never settled is gone until the day ends"]
pub struct Reservation {
    day: u64,
    amount: Nanos,
}

impl Reservation {
    /// The most that the call can cost.
    #[must_use]
    pub const fn amount(&self) -> Nanos {
        self.amount
    }
}

/// The reason why there is no budget for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broke {
    /// The day's money is spent.
    #[error("the judge's budget of the day is spent")]
    Spent,
    /// Running calls reserve too much; a part of it may come back.
    #[error("calls under way may cost what is left of the judge's budget")]
    Promised,
    /// No day has enough.
    #[error("one call may cost more than the judge's budget of a day")]
    Never,
}

impl Budget {
    /// An account with this much a day.
    #[must_use]
    pub const fn new(daily: Nanos) -> Self {
        Self::resumed(daily, 0, Nanos(0))
    }

    /// An account that has spent something on a day since 1970. It must include the reserved cost
    /// of calls that never returned, because their real cost is unknown.
    #[must_use]
    pub const fn resumed(daily: Nanos, day: u64, spent: Nanos) -> Self {
        Self { daily, day, spent, reserved: Nanos(0), refused: None }
    }

    /// Begins a new day if it is one. A clock that goes back does not bring the old day's money.
    const fn turn(&mut self, now_ms: u64) {
        let day = now_ms / DAY_MS;
        if day > self.day {
            *self = Self::resumed(self.daily, day, Nanos(0));
        }
    }

    /// Sets aside the most that a call can cost.
    ///
    /// # Errors
    /// When that is more than there is.
    pub fn reserve(&mut self, amount: Nanos, now_ms: u64) -> Result<Reservation, Broke> {
        self.turn(now_ms);
        if amount > self.daily {
            return Err(Broke::Never);
        }
        if self.spent.plus(amount) > self.daily {
            self.refused = Some(amount);
            return Err(Broke::Spent);
        }
        if self.spent.plus(self.reserved).plus(amount) > self.daily {
            return Err(Broke::Promised);
        }
        self.reserved = self.reserved.plus(amount);
        Ok(Reservation { day: self.day, amount })
    }

    /// Ends a reservation with what the call cost: nothing for one that was never answered. More
    /// than was reserved counts in full. A call that went on over midnight counts to the day it
    /// began in.
    #[expect(clippy::needless_pass_by_value, reason = "a reservation is settled once")]
    pub fn settle(&mut self, reservation: Reservation, cost: Nanos) {
        let Reservation { day, amount } = reservation;
        if day == self.day {
            self.reserved = self.reserved.less(amount);
            self.spent = self.spent.plus(cost);
        }
    }

    /// Changes what there is a day; what was spent stays spent.
    pub const fn set_daily(&mut self, daily: Nanos) {
        self.daily = daily;
    }

    /// The budget per day.
    #[must_use]
    pub const fn daily(&self) -> Nanos {
        self.daily
    }

    /// The day of the last call, since 1970, and the most that has been spent in it if every call
    /// in progress costs its reserved amount: a restart continues from these.
    #[must_use]
    pub const fn committed(&self) -> (u64, Nanos) {
        (self.day, self.spent.plus(self.reserved))
    }

    /// The rest of today's budget, after all reservations.
    #[must_use]
    pub const fn left(&mut self, now_ms: u64) -> Nanos {
        self.turn(now_ms);
        self.daily.less(self.spent.plus(self.reserved))
    }

    /// The spending today.
    #[must_use]
    pub const fn spent(&mut self, now_ms: u64) -> Nanos {
        self.turn(now_ms);
        self.spent
    }

    /// True if today's money is gone: there is none, or there was too little for a call and still
    /// is.
    #[must_use]
    pub fn is_gone(&mut self, now_ms: u64) -> bool {
        self.turn(now_ms);
        let wanted = self.refused.unwrap_or(Nanos(1));
        self.spent.plus(wanted) > self.daily
    }
}
