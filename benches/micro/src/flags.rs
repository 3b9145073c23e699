//! Feature flags: contexts are built and flags evaluated, as for one request.

use std::hint::black_box;

use anyhow::{Result, anyhow, ensure};
use stagegate_flags::{Bucketing, FlagFile, FlagSet, FlagsSent, Scratch};

use crate::Operation;

/// Users in turn.
pub(crate) const USERS: u32 = 1024;

/// One flag with a typical rule: a tenant of a list gets it, and a tenth of the others.
pub(crate) fn rule() -> Result<Operation> {
    evaluate(&["flag-0"])
}

/// Five of them for one context, as for a request with five forwarded flags.
pub(crate) fn five() -> Result<Operation> {
    evaluate(&["flag-0", "flag-1", "flag-2", "flag-3", "flag-4"])
}

/// All that a request with five forwarded flags costs: its context, the evaluations, the header field,
/// the members of `baggage`, and the text of its record.
pub(crate) fn forwarded() -> Result<Operation> {
    let set = set()?;
    let users: Vec<String> = (0..USERS).map(|number| format!("user-{number:08}")).collect();
    let mut scratch = Scratch::new();
    let keys = ["flag-0", "flag-1", "flag-2", "flag-3", "flag-4"];
    let mut next = 0;
    Ok(Box::new(move || {
        let user = users[next].as_str();
        next = (next + 1) % users.len();
        let context = scratch.of_fields(&[
            ("targetingKey", user),
            ("workload", "support-agent"),
            ("tenant", "a-tenant-of-no-list"),
            ("user", user),
            ("arm", "stable"),
            ("release", "v42"),
        ]);
        let mut sent = FlagsSent::default();
        for key in keys {
            sent.add(key, &set.evaluate(key, &context, 1_700_000_000));
        }
        black_box(sent);
    }))
}

fn evaluate(keys: &'static [&'static str]) -> Result<Operation> {
    let set = set()?;
    let users: Vec<String> = (0..USERS).map(|number| format!("user-{number:08}")).collect();
    let mut scratch = Scratch::new();
    ensure!(set.len() == 5, "a flag is missing");
    let mut next = 0;
    Ok(Box::new(move || {
        let user = users[next].as_str();
        next = (next + 1) % users.len();
        let context = scratch.of_fields(&[
            ("targetingKey", user),
            ("user", user),
            ("tenant", "a-tenant-of-no-list"),
            ("workload", "support-agent"),
            ("stage", "retrieve"),
        ]);
        for key in keys {
            black_box(set.evaluate(key, &context, 1_700_000_000).variant());
        }
    }))
}

fn set() -> Result<FlagSet> {
    let flags = (0..5).map(|number| {
        let flag = serde_json::json!({
            "state": "ENABLED",
            "variants": {"on": true, "off": false},
            "defaultVariant": "off",
            "targeting": {"if": [
                {"in": [{"var": "tenant"}, ["acme", "globex", "initech"]]}, "on",
                {"fractional": [["on", 10], ["off", 90]]},
            ]},
        });
        (format!("flag-{number}"), flag)
    });
    let file = serde_json::json!({"flags": flags.collect::<serde_json::Map<_, _>>()});
    let file = FlagFile::read("flags.json", &file.to_string());
    let file = file.map_err(|problems| anyhow!("{problems:?}"))?;
    FlagSet::of(vec![file], Bucketing::V2).map_err(|problems| anyhow!("{problems:?}"))
}
