//! Tests of the daily budget of a judge.

use proptest::prelude::*;
use stagegate_eval::{Broke, Budget, Nanos};

const DAY: u64 = 86_400_000;

#[test]
fn calls_at_once_cannot_spend_more_than_there_is() {
    let mut budget = Budget::new(Nanos(100));
    let a = budget.reserve(Nanos(60), DAY).expect("enough");
    let second = budget.reserve(Nanos(60), DAY);
    assert_eq!(second, Err(Broke::Promised), "the first may still cost all of its 60");
    budget.settle(a, Nanos(10));
    let b = budget.reserve(Nanos(60), DAY).expect("50 came back");
    assert_eq!(budget.left(DAY), Nanos(30));
    budget.settle(b, Nanos(0));
    assert_eq!((budget.left(DAY), budget.spent(DAY)), (Nanos(90), Nanos(10)));
}

#[test]
fn a_new_day_has_new_money_and_an_old_call_does_not_touch_it() {
    let mut budget = Budget::new(Nanos(100));
    let over_midnight = budget.reserve(Nanos(100), 2 * DAY - 1).expect("enough");
    assert_eq!(budget.left(2 * DAY - 1), Nanos(0));
    assert_eq!(budget.left(2 * DAY), Nanos(100));
    budget.settle(over_midnight, Nanos(100));
    assert_eq!(budget.left(2 * DAY), Nanos(100));
    let spent = budget.reserve(Nanos(100), 2 * DAY).expect("enough");
    budget.settle(spent, Nanos(100));
    assert_eq!(budget.left(2 * DAY - 1), Nanos(0), "a clock that goes back brings no money");
}

#[test]
fn a_restart_counts_what_was_promised_as_spent() {
    let mut budget = Budget::new(Nanos(100));
    let done = budget.reserve(Nanos(30), DAY).expect("enough");
    budget.settle(done, Nanos(20));
    let under_way = budget.reserve(Nanos(50), DAY).expect("enough");
    assert_eq!(under_way.amount(), Nanos(50));
    let (day, committed) = budget.committed();
    let mut after = Budget::resumed(Nanos(100), day, committed);
    assert_eq!((after.left(DAY), after.spent(DAY)), (Nanos(30), Nanos(70)));
    assert_eq!(after.left(2 * DAY), Nanos(100), "the day after it is forgotten");
}

#[test]
fn money_is_gone_when_a_call_cannot_be_paid_and_comes_back() {
    let mut budget = Budget::new(Nanos(100));
    assert_eq!(budget.reserve(Nanos(101), DAY), Err(Broke::Never));
    assert!(!budget.is_gone(DAY), "a call that is too dear for any day says nothing of this one");
    let most = budget.reserve(Nanos(90), DAY).expect("enough");
    assert_eq!(budget.reserve(Nanos(20), DAY), Err(Broke::Promised));
    assert!(!budget.is_gone(DAY), "it may come back");
    budget.settle(most, Nanos(90));
    assert!(!budget.is_gone(DAY));
    assert_eq!(budget.reserve(Nanos(20), DAY), Err(Broke::Spent));
    assert!(budget.is_gone(DAY));
    budget.set_daily(Nanos(110));
    assert!(!budget.is_gone(DAY), "somebody gave more");
    budget.set_daily(Nanos(90));
    assert!(budget.is_gone(DAY) && !budget.is_gone(2 * DAY), "until midnight");
    assert!(Budget::resumed(Nanos(10), 1, Nanos(10)).is_gone(DAY), "nobody has to ask for that");
}

proptest! {
    #[test]
    fn however_calls_interleave_no_day_is_overspent(steps: Vec<(u8, u8, bool)>) {
        let mut budget = Budget::new(Nanos(500));
        let mut open = Vec::new();
        for (amount, part, end) in steps {
            if end {
                if let Some((reservation, amount)) = open.pop() {
                    let cost = u64::from(part).min(amount);
                    budget.settle(reservation, Nanos(cost));
                }
            } else if let Ok(reservation) = budget.reserve(Nanos(u64::from(amount)), DAY) {
                open.push((reservation, u64::from(amount)));
            }
            let promised: u64 = open.iter().map(|(_, amount)| amount).sum();
            prop_assert!(budget.spent(DAY).0 + promised <= 500);
            prop_assert_eq!(budget.left(DAY).0, 500 - budget.spent(DAY).0 - promised);
        }
    }
}
