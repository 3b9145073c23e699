//! Pure: the results of automatic tasks, each with whether all is well.

use stagegate_readiness::SpendSeen;
use stagegate_rollout::{ErrorClasses, Outcome, Series, TenantSums, UnitClass, UnitSums};

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
/// A tenant's share of all requests may grow by so much, whatever it was.
const MORE_TRAFFIC: f64 = 0.05;
/// The spend may be so many times the budget, and the forecast.
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

/// A tenant's requests, and those of them that failed, over all classes of failures.
fn counted(sums: &TenantSums) -> (u64, u64) {
    let requests = sums.classes.iter().map(|(_, (at_risk, _))| *at_risk).max().unwrap_or(0);
    let errors = sums.classes.iter().filter(|(class, _)| matches!(class, UnitClass::Error { .. }));
    let failed = errors.map(|(_, (_, failed))| *failed).sum();
    (requests, failed)
}

/// Tenants one by one: the share of each in all requests may at most double, and so may the share of its requests
/// that fail. Of what the weight drew, and of the tenants that are counted one by one.
pub(super) fn tenants(before: &UnitSums, after: &UnitSums) -> (bool, String) {
    let all = |sums: &UnitSums| sums.tenants.iter().map(|it| counted(it).0).sum::<u64>();
    let (all_before, all_after) = (all(before), all(after));
    if all_before == 0 || all_after == 0 {
        return (
            false,
            format!(
                "{all_before} requests with a tenant were counted before and {all_after} since: too few to compare"
            ),
        );
    }
    let percent = |share: f64| format!("{:.2}%", share * 100.0);
    let mut found = Vec::new();
    for now in &after.tenants {
        let former = before.tenants.iter().find(|it| it.tenant == now.tenant);
        let (requests_before, failed_before) = former.map_or((0, 0), counted);
        let (requests, failed) = counted(now);
        let (was, is) =
            (requests_before as f64 / all_before as f64, requests as f64 / all_after as f64);
        if is > was * TIMES && is > was + MORE_TRAFFIC {
            found.push((
                requests,
                format!(
                    "{} has {} of all requests (before {})",
                    now.tenant,
                    percent(is),
                    percent(was)
                ),
            ));
        }
        let share = |failed: u64, all: u64| if all == 0 { 0.0 } else { failed as f64 / all as f64 };
        let (was, is) = (share(failed_before, requests_before), share(failed, requests));
        if failed >= NEW_AFTER && is > was * TIMES && is > was + MORE {
            found.push((
                requests,
                format!("{} of {} fail (before {})", percent(is), now.tenant, percent(was)),
            ));
        }
    }
    if found.is_empty() {
        let text = format!("none of {} tenants has more than twice its share", after.tenants.len());
        return (true, text);
    }
    found.sort_by_key(|it| std::cmp::Reverse(it.0));
    let more = found.len().saturating_sub(SHOWN);
    let mut words: Vec<String> = found.into_iter().take(SHOWN).map(|it| it.1).collect();
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    (false, words.join(", "))
}

/// The expected spend against the budget, and against what was forecast before 100%.
pub(super) fn spend(
    budget: Option<f64>,
    forecast: Option<f64>,
    seen: &SpendSeen,
) -> (bool, String) {
    match (budget, seen) {
        (None, _) => (false, "the workload has no daily budget".to_owned()),
        (_, SpendSeen::TooFew) => {
            (false, "too little traffic came to tell the daily spend".to_owned())
        }
        (_, SpendSeen::Unknown(why)) => (false, why.clone()),
        (Some(budget), SpendSeen::Daily(usd)) => {
            let mut text = format!("${usd:.2} a day are expected, the budget is ${budget:.2}");
            // A forecast of nothing says nothing.
            let forecast = forecast.filter(|it| *it > 0.0);
            if let Some(forecast) = forecast {
                let more = (usd / forecast - 1.0) * 100.0;
                text.push_str(&format!(", the forecast before was ${forecast:.2} ({more:+.0}%)"));
            }
            let held = forecast.is_none_or(|it| *usd <= it * OVER_BUDGET);
            (*usd <= budget * OVER_BUDGET && held, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{errors, spend, tail, tenants};
    use stagegate_readiness::SpendSeen;
    use stagegate_rollout::{ErrorClass, Outcome, Series, TenantSums, UnitClass, UnitSums};

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
    fn spend_is_held_against_the_budget_and_the_forecast() {
        let daily = SpendSeen::Daily;
        assert!(spend(Some(100.0), None, &daily(119.0)).0);
        assert!(!spend(Some(100.0), None, &daily(121.0)).0);
        assert!(!spend(None, None, &daily(1.0)).0);
        assert!(!spend(Some(100.0), None, &SpendSeen::TooFew).0);
        assert!(spend(Some(100.0), Some(50.0), &daily(60.0)).0);
        let (passed, words) = spend(Some(100.0), Some(50.0), &daily(61.0));
        assert!(!passed && words.ends_with("the forecast before was $50.00 (+22%)"), "{words}");
        assert!(spend(Some(100.0), Some(0.0), &daily(61.0)).0, "nothing was forecast");
    }

    fn by_tenant(counts: &[(&str, u64, u64)]) -> UnitSums {
        let class = UnitClass::Error { class: ErrorClass::Permanent };
        let one = |(tenant, requests, failed): &(&str, u64, u64)| TenantSums {
            tenant: (*tenant).into(),
            classes: vec![(class, (*requests, *failed))],
        };
        UnitSums { tenants: counts.iter().map(one).collect(), ..UnitSums::default() }
    }

    #[test]
    fn a_tenant_with_more_than_twice_its_share_is_found() {
        let before = by_tenant(&[("acme", 100, 1), ("globex", 900, 9)]);
        let (passed, words) = tenants(&before, &by_tenant(&[("acme", 190, 3), ("globex", 810, 8)]));
        assert!(passed, "{words}");
        let (passed, words) = tenants(&before, &by_tenant(&[("acme", 300, 3), ("globex", 700, 7)]));
        assert!(!passed && words == "acme has 30.00% of all requests (before 10.00%)", "{words}");
        let (passed, words) = tenants(&before, &by_tenant(&[("acme", 100, 4), ("globex", 900, 9)]));
        assert!(!passed && words == "4.00% of acme fail (before 1.00%)", "{words}");
        let (passed, words) = tenants(&before, &by_tenant(&[("new", 60, 0), ("globex", 940, 9)]));
        assert!(!passed && words.starts_with("new has 6.00%"), "{words}");
        assert!(
            tenants(&before, &by_tenant(&[("new", 40, 2), ("globex", 960, 9)])).0,
            "it is small"
        );
        assert!(!tenants(&before, &UnitSums::default()).0);
    }
}
