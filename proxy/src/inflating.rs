//! A worker's budget for decompressing answers to read usage from them. Other connections of the worker
//! wait meanwhile, so it is bounded over all answers; a single answer's is bounded by
//! `stagegate_signals` itself.

use std::cell::Cell;

/// Decompressed bytes at once.
const BURST: u64 = 16 << 20;
/// Decompressed bytes a second from then on: some twentieth of the worker's time.
const PER_SECOND: u64 = 64 << 20;

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
    pub(crate) fn may_go_on(&self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.refilled_ms.replace(now_ms)).min(60_000);
        let left = self.left.get().saturating_add(PER_SECOND * passed / 1000).min(BURST);
        self.left.set(left);
        left > 0
    }

    /// So many bytes were decompressed.
    pub(crate) fn spend(&self, bytes: u64) {
        self.left.set(self.left.get().saturating_sub(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, Inflating, PER_SECOND};

    #[test]
    fn a_worker_decompresses_so_much_a_second() {
        let budget = Inflating::default();
        assert!(budget.may_go_on(0));
        budget.spend(BURST - 1);
        assert!(budget.may_go_on(0));
        budget.spend(BURST);
        assert!(!budget.may_go_on(0));
        assert!(budget.may_go_on(25));
        budget.spend(PER_SECOND / 40);
        assert!(!budget.may_go_on(25));
        assert!(budget.may_go_on(10_000));
        budget.spend(BURST);
        assert!(!budget.may_go_on(10_000), "never more than the burst");
    }
}
