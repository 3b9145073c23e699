//! A worker's budget for decompressing bodies to look into them. Other connections of the worker
//! wait meanwhile, so it is bounded over all bodies; a single body's is bounded by
//! `stagegate_signals` itself.
//!
//! Responses and requests have budgets of their own: what clients send takes no measurement away.
//! When the budget is spent, a body is passed on and not looked into any more. A response counts as
//! unreadable then, and a request's later ids are not known. The last part of the budget of
//! responses is kept for those whose ids are learned, because a conversation hangs on them.

use std::cell::Cell;

/// Decompressed bytes at once.
const BURST: u64 = 16 << 20;
/// Decompressed bytes a second from then on: some twentieth of the worker's time.
const PER_SECOND: u64 = 64 << 20;
/// The part of the budget that only learning may use.
const KEPT: u64 = BURST / 4;

/// The reason why a body is decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// To read usage.
    Usage,
    /// To find ids.
    Ids,
}

/// Decompressed bytes that are left.
#[derive(Debug)]
pub(crate) struct Inflating {
    left: Cell<u64>,
    refilled_ms: Cell<u64>,
}

impl Default for Inflating {
    fn default() -> Self {
        Self { left: Cell::new(BURST), refilled_ms: Cell::new(0) }
    }
}

impl Inflating {
    /// Returns whether more may be decompressed at `now_ms`.
    pub(crate) fn may_go_on(&self, now_ms: u64, reading: Reading) -> bool {
        let passed = now_ms.saturating_sub(self.refilled_ms.replace(now_ms)).min(60_000);
        let left = self.left.get().saturating_add(PER_SECOND * passed / 1000).min(BURST);
        self.left.set(left);
        match reading {
            Reading::Usage => left > KEPT,
            Reading::Ids => left > 0,
        }
    }

    /// So many bytes were decompressed.
    pub(crate) fn spend(&self, bytes: u64) {
        self.left.set(self.left.get().saturating_sub(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, Inflating, KEPT, PER_SECOND, Reading};

    #[test]
    fn a_worker_decompresses_so_much_a_second() {
        let budget = Inflating::default();
        let ids = |at| budget.may_go_on(at, Reading::Ids);
        assert!(ids(0));
        budget.spend(BURST - 1);
        assert!(ids(0));
        budget.spend(BURST);
        assert!(!ids(0));
        assert!(ids(25));
        budget.spend(PER_SECOND / 40);
        assert!(!ids(25));
        assert!(ids(10_000));
        budget.spend(BURST);
        assert!(!ids(10_000), "never more than the burst");
    }

    #[test]
    fn what_is_left_at_last_is_for_ids() {
        let budget = Inflating::default();
        budget.spend(BURST - KEPT);
        assert!(!budget.may_go_on(0, Reading::Usage));
        assert!(budget.may_go_on(0, Reading::Ids));
        assert!(budget.may_go_on(25, Reading::Usage), "some time later");
    }
}
