//! Sums of money stay at the most there is: a few answers of the largest cost that may be stated would
//! wrap a `u64`, and a release that is too dear would look cheap.

#![expect(clippy::disallowed_methods, reason = "one test reads the sources of the repository")]

use stagegate_rollout::{Delta, Series, SeriesKey, TenantUse};
use std::fs;
use std::path::{Path, PathBuf};

/// The largest cost that an answer may state, a billion dollars, in nano-dollars.
const MOST: u64 = 1_000_000_000_000_000_000;

#[test]
fn a_sum_of_the_largest_costs_does_not_wrap() {
    let mut one = Delta::default();
    let key = SeriesKey {
        workload: "w".into(),
        release: "v1".into(),
        arm: stagegate_rollout::Arm::Stable,
    };
    let mut series = Series::default();
    series.cost_nanos.record(MOST);
    series.spent_nanos[0] = MOST;
    series.tokens[0] = u64::MAX;
    one.series.insert(key.clone(), series);
    let used = TenantUse { requests: 1, tokens: u64::MAX, cost_nanos: MOST };
    one.tenants.insert(("w".into(), "t".into()), used);
    let mut sum = Delta::default();
    (0..19).for_each(|_| sum.merge(&one));
    let series = &sum.series[&key];
    assert_eq!((series.spent_nanos[0], series.cost_nanos.sum()), (u64::MAX, u64::MAX));
    assert_eq!(series.tokens[0], u64::MAX);
    let used = sum.tenants.values().next().expect("one");
    assert_eq!((used.requests, used.tokens, used.cost_nanos), (19, u64::MAX, u64::MAX));
}

/// The crates that add money up.
const CRATES: [&str; 8] =
    ["admin", "control", "proxy", "rollout", "scoring", "signals", "store", "telemetry"];

#[test]
fn nobody_adds_money_up_with_a_plain_operator() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    CRATES.iter().for_each(|name| collect(&root.join(name).join("src"), &mut files));
    assert!(files.len() > 200, "{} files", files.len());
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        for (number, line) in text.lines().enumerate() {
            let added = line.split_once("+=").is_some_and(|(sum, _)| is_money(sum));
            let summed = line.contains(".sum::<u64>()") && is_money(line);
            if added || summed {
                found.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "use saturating_add:\n{}", found.join("\n"));
}

fn is_money(text: &str) -> bool {
    ["nanos", "usd", "cents"]
        .iter()
        .any(|unit| text.split(|c: char| !c.is_alphanumeric()).any(|word| word == *unit))
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
