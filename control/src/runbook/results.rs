//! Pure: the results of automatic tasks, each with whether all is well.

use stagegate_readiness::SpendSeen;
use stagegate_rollout::{ErrorClasses, Outcome, Series};

/// A share of failures may grow to so many times what it was.
const TIMES: f64 = 2.0;
/// And by so much, for shares near zero.
const MORE: f64 = 0.005;
/// A class of failures that never came before is new when it came so often: once is chance.
const NEW_AFTER: u64 = 3;
/// New classes that are named.
const SHOWN: usize = 5;
/// p99 over p50 may grow to so many times what it was.
const TAIL: f64 = 1.5;
/// The spend may be so many times the budget.
const OVER_BUDGET: f64 = 1.2;

/// Failures by class: each may be at most twice as frequent as before, or half a point more.
pub(super) fn errors(before: &Series, after: &Series) -> (bool, String) {
    let (was, is) = (before.requests(), after.requests());
    if was == 0 || is == 0 {
        return (
            false,
            format!("{was} requests were recorded before and {is} since: too few to compare"),
        );
    }
    let classes = [Outcome::Transient, Outcome::Permanent, Outcome::External];
    let mut words = Vec::new();
    let mut passed = true;
    for class in classes {
        let share = |series: &Series, all: u64| series.outcomes[class.index()] as f64 / all as f64;
        let (was, is) = (share(before, was), share(after, is));
        let worse = is > was * TIMES && is > was + MORE;
        passed &= !worse;
        let mark = if worse { "MORE " } else { "" };
        words.push(format!(
            "{mark}{} {:.2}% (before {:.2}%)",
            class.label(),
            is * 100.0,
            was * 100.0
        ));
    }
    let new = new_classes(before, after);
    passed &= new.is_empty();
    words
        .extend(new.iter().take(SHOWN).map(|(class, times)| format!("NEW {class}: {times} times")));
    if new.len() > SHOWN {
        words.push(format!("and {} more new classes", new.len() - SHOWN));
    }
    (passed, words.join(", "))
}

/// Classes of failures that came again and again, and never before; the most frequent first.
fn new_classes<'a>(before: &Series, after: &'a Series) -> Vec<(&'a str, u64)> {
    let mut new: Vec<(&str, u64)> = after
        .failures
        .iter()
        .filter(|(class, times)| {
            *times >= NEW_AFTER && *class != ErrorClasses::OTHER && before.failures.of(class) == 0
        })
        .collect();
    new.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    new
}

/// p99 over p50.
pub(super) fn tail(before: &Series, after: &Series) -> (bool, String) {
    let ratio = |series: &Series| {
        let (p50, p99) = (series.duration_us.quantile(0.5)?, series.duration_us.quantile(0.99)?);
        (p50 > 0).then(|| p99 as f64 / p50 as f64)
    };
    match (ratio(before), ratio(after)) {
        (Some(was), Some(is)) => {
            (is <= was * TAIL, format!("p99/p50 is {is:.2}, and was {was:.2} before"))
        }
        _ => (false, "too few responses were recorded to compare".to_owned()),
    }
}

/// The expected spend against the budget.
pub(super) fn spend(budget: Option<f64>, seen: &SpendSeen) -> (bool, String) {
    match (budget, seen) {
        (None, _) => (false, "the workload has no daily budget".to_owned()),
        (_, SpendSeen::TooFew) => {
            (false, "too little traffic came to tell the daily spend".to_owned())
        }
        (_, SpendSeen::Unknown(why)) => (false, why.clone()),
        (Some(budget), SpendSeen::Daily(usd)) => (
            *usd <= budget * OVER_BUDGET,
            format!("${usd:.2} a day are expected, the budget is ${budget:.2}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{errors, spend, tail};
    use stagegate_readiness::SpendSeen;
    use stagegate_rollout::{Outcome, Series};

    fn series(ok: u64, permanent: u64, slow: u64) -> Series {
        let mut series = Series::default();
        series.outcomes[Outcome::Ok.index()] = ok;
        series.outcomes[Outcome::Permanent.index()] = permanent;
        (0..95).for_each(|_| series.duration_us.record(1000));
        (0..5).for_each(|_| series.duration_us.record(slow));
        series
    }

    #[test]
    fn a_class_that_became_frequent_is_found() {
        let before = series(990, 10, 2000);
        assert!(errors(&before, &series(980, 20, 2000)).0, "twice as frequent is tolerated");
        let (passed, words) = errors(&before, &series(960, 40, 2000));
        assert!(!passed && words.contains("MORE permanent 4.00% (before 1.00%)"), "{words}");
        assert!(!errors(&before, &Series::default()).0, "nothing was recorded");
    }

    #[test]
    fn a_class_that_never_came_before_is_found() {
        let (mut before, mut after) = (series(990, 10, 2000), series(990, 10, 2000));
        before.failures.count("permanent 500 server_error #00000001", 10);
        after.failures.count("permanent 500 server_error #00000001", 4);
        after.failures.count("permanent 500 server_error #00000002", 2);
        assert!(errors(&before, &after).0, "twice is chance");
        after.failures.count("permanent 500 server_error #00000002", 4);
        let (passed, words) = errors(&before, &after);
        assert!(
            !passed && words.ends_with("NEW permanent 500 server_error #00000002: 6 times"),
            "{words}"
        );
        for number in 3..20 {
            after.failures.count(&format!("external 502 x #{number:08}"), 5);
        }
        assert!(errors(&before, &after).1.ends_with("and 13 more new classes"));
    }

    #[test]
    fn a_longer_tail_is_found() {
        let before = series(100, 0, 2000);
        assert!(tail(&before, &series(100, 0, 2500)).0);
        let (passed, words) = tail(&before, &series(100, 0, 9000));
        assert!(!passed && words.contains("before"), "{words}");
        assert!(!tail(&before, &Series::default()).0);
    }

    #[test]
    fn spend_is_held_against_the_budget() {
        assert!(spend(Some(100.0), &SpendSeen::Daily(119.0)).0);
        assert!(!spend(Some(100.0), &SpendSeen::Daily(121.0)).0);
        assert!(!spend(None, &SpendSeen::Daily(1.0)).0);
        assert!(!spend(Some(100.0), &SpendSeen::TooFew).0);
    }
}
