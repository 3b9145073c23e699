//! What judging may cost in a day.

use proptest::prelude::*;
use stagegate_eval::{Budget, Nanos};

const DAY: u64 = 86_400_000;

#[test]
fn calls_at_once_cannot_spend_more_than_there_is() {
    let mut budget = Budget::new(Nanos(100));
    let a = budget.reserve(Nanos(60), DAY).expect("enough");
    assert_eq!(budget.reserve(Nanos(60), DAY), None, "the first may still cost all of its 60");
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
fn a_restart_keeps_what_was_spent_and_forgets_what_was_promised() {
    let mut budget = Budget::new(Nanos(100));
    let done = budget.reserve(Nanos(30), DAY).expect("enough");
    budget.settle(done, Nanos(30));
    let _under_way = budget.reserve(Nanos(50), DAY).expect("enough");
    let text = serde_json::to_string(&budget).expect("JSON");
    let mut after: Budget = serde_json::from_str(&text).expect("a budget");
    assert_eq!(after.left(DAY), Nanos(70));
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
            } else if let Some(reservation) = budget.reserve(Nanos(u64::from(amount)), DAY) {
                open.push((reservation, u64::from(amount)));
            }
            let promised: u64 = open.iter().map(|(_, amount)| amount).sum();
            prop_assert!(budget.spent(DAY).0 + promised <= 500);
            prop_assert_eq!(budget.left(DAY).0, 500 - budget.spent(DAY).0 - promised);
        }
    }
}
