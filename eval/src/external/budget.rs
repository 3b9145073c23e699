//! What judging may cost in a day: reserved before a call, settled after it.
//!
//! Reserving the most that a call can cost keeps many calls at once from spending more than there
//! is. Days are UTC days; money is whole nano-dollars.

use crate::Nanos;
use serde::{Deserialize, Serialize};

const DAY_MS: u64 = 86_400_000;

/// The account of one judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    daily: Nanos,
    /// Days since 1970.
    day: u64,
    spent: Nanos,
    /// Promised to calls that have not come back. Not kept: after a restart none is under way.
    #[serde(skip)]
    reserved: Nanos,
}

/// Money set aside for one call. Give it back through [`Budget::settle`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what is reserved and never settled is gone until the day ends"]
pub struct Reservation {
    day: u64,
    amount: Nanos,
}

impl Budget {
    /// An account with this much a day.
    #[must_use]
    pub const fn new(daily: Nanos) -> Self {
        Self { daily, day: 0, spent: Nanos(0), reserved: Nanos(0) }
    }

    /// Begins a new day if it is one. A clock that goes back does not bring the old day's money.
    const fn turn(&mut self, now_ms: u64) {
        let day = now_ms / DAY_MS;
        if day > self.day {
            *self = Self { day, ..Self::new(self.daily) };
        }
    }

    /// Sets aside the most that a call can cost; `None` if that is more than there is.
    pub fn reserve(&mut self, amount: Nanos, now_ms: u64) -> Option<Reservation> {
        self.turn(now_ms);
        let committed = self.spent.plus(self.reserved).plus(amount);
        (committed <= self.daily).then(|| {
            self.reserved = self.reserved.plus(amount);
            Reservation { day: self.day, amount }
        })
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

    /// What is left today, after everything that was promised.
    #[must_use]
    pub const fn left(&mut self, now_ms: u64) -> Nanos {
        self.turn(now_ms);
        self.daily.less(self.spent.plus(self.reserved))
    }

    /// What was spent today.
    #[must_use]
    pub const fn spent(&mut self, now_ms: u64) -> Nanos {
        self.turn(now_ms);
        self.spent
    }
}
