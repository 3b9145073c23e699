//! An upper bound of the work of a rule, found when it is loaded. Contexts are bounded too, so the
//! bound holds for every request.

use crate::limits::{CONTEXT_BYTES, CONTEXT_ITEMS, RULE_COST};
use serde_json::Value;
use thiserror::Error;

/// A rule that may take too long.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum CostError {
    #[error("one evaluation may take up to {0} steps, more than {RULE_COST}")]
    TooMuch(u64),
    #[error("`{0}` inside `reduce` may grow without bound")]
    Grows(&'static str),
}

/// The largest result of an expression, and the work to get it.
#[derive(Clone, Copy, Debug, Default)]
struct Bound {
    /// Steps; one is about 50 ns.
    cost: u64,
    /// Items, if the result is a list.
    items: u64,
    /// Bytes of all texts in the result.
    bytes: u64,
}

/// Checks a rule without references.
pub(crate) fn check(rule: &Value) -> Result<(), CostError> {
    let bound = of(rule, false)?;
    if bound.cost > RULE_COST {
        return Err(CostError::TooMuch(bound.cost));
    }
    Ok(())
}

fn of(value: &Value, in_reduce: bool) -> Result<Bound, CostError> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            Ok(Bound { cost: 1, items: 0, bytes: 32 })
        }
        Value::String(text) => Ok(Bound { cost: 1, items: 0, bytes: text.len() as u64 }),
        Value::Array(_) if in_reduce && holds_rules(value) => {
            Err(CostError::Grows("a list of rules"))
        }
        Value::Array(items) => {
            let sum = sum(items, in_reduce)?;
            Ok(Bound { items: items.len() as u64, ..sum })
        }
        Value::Object(members) => match members.iter().next() {
            Some((operator, args)) => operation(operator, args, in_reduce),
            None => Ok(Bound { cost: 1, ..Bound::default() }),
        },
    }
}

fn operation(operator: &str, args: &Value, in_reduce: bool) -> Result<Bound, CostError> {
    let list = match args {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    match operator {
        "var" | "missing" | "missing_some" => Ok(Bound {
            cost: 1 + sum(list, in_reduce)?.cost,
            items: CONTEXT_ITEMS as u64,
            bytes: CONTEXT_BYTES as u64,
        }),
        "map" | "filter" | "all" | "some" | "none" => {
            if in_reduce && operator == "map" {
                return Err(CostError::Grows("map"));
            }
            each(list, in_reduce)
        }
        "reduce" => each(list, true),
        "cat" if in_reduce => Err(CostError::Grows("cat")),
        "merge" if in_reduce => Err(CostError::Grows("merge")),
        "merge" => {
            let mut merged = sum(list, in_reduce)?;
            for item in list {
                let own = of(item, in_reduce)?;
                merged.items = merged.items.saturating_add(own.items.max(1));
            }
            merged.cost = merged.cost.saturating_add(merged.items);
            Ok(merged)
        }
        "fractional" => {
            // Entries are lists of a variant and a weight: no values that a reduction could grow.
            let mut all = Bound { cost: 2, ..Bound::default() };
            for entry in list {
                let parts = entry.as_array().map_or(std::slice::from_ref(entry), Vec::as_slice);
                all = add(all, sum(parts, in_reduce)?);
            }
            all.cost = all.cost.saturating_add(all.bytes / 1024);
            Ok(all)
        }
        // Everything else looks at its arguments once: at their items, and at 1 KiB of text a step.
        _ => {
            let mut all = sum(list, in_reduce)?;
            let work = 1 + all.items / 4 + all.bytes / 1024;
            all.cost = all.cost.saturating_add(work);
            Ok(all)
        }
    }
}

/// An operator that evaluates its second argument for each item of the first one.
fn each(list: &[Value], body_in_reduce: bool) -> Result<Bound, CostError> {
    let (Some(over), Some(body)) = (list.first(), list.get(1)) else { return sum(list, false) };
    let over = of(over, body_in_reduce && holds_rules(over))?;
    let body = of(body, body_in_reduce)?;
    let rest = sum(list.get(2..).unwrap_or_default(), false)?;
    let rounds = over.items.saturating_mul(body.cost.saturating_add(1));
    Ok(Bound {
        cost: over.cost.saturating_add(rounds).saturating_add(rest.cost).saturating_add(1),
        items: over.items.max(body.items).max(rest.items),
        bytes: over
            .bytes
            .saturating_add(over.items.max(1).saturating_mul(body.bytes))
            .saturating_add(rest.bytes),
    })
}

fn sum(list: &[Value], in_reduce: bool) -> Result<Bound, CostError> {
    list.iter().try_fold(Bound { cost: 1, ..Bound::default() }, |all, item| {
        Ok(add(all, of(item, in_reduce)?))
    })
}

fn add(all: Bound, own: Bound) -> Bound {
    Bound {
        cost: all.cost.saturating_add(own.cost),
        items: all.items.max(own.items),
        bytes: all.bytes.saturating_add(own.bytes),
    }
}

fn holds_rules(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_rules),
        Value::Object(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{CostError, check};
    use serde_json::json;

    #[test]
    fn usual_rules_are_cheap() {
        let rule = json!({"if": [
            {"some": [{"var": "groups"}, {"in": [{"var": ""}, {"var": "allowed"}]}]}, "on",
            {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "user"}]}, ["on", 10], ["off", 90]]}
        ]});
        assert_eq!(check(&rule), Ok(()));
        let sum = json!({"reduce": [
            {"var": "integers"}, {"+": [{"var": "current"}, {"var": "accumulator"}]}, 0
        ]});
        assert_eq!(check(&sum), Ok(()));
    }

    #[test]
    fn what_runs_away_is_refused() {
        let doubling = json!({"reduce": [
            {"var": "a"}, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}, "x"
        ]});
        assert_eq!(check(&doubling), Err(CostError::Grows("cat")));
        let nested =
            json!({"reduce": [{"var": "a"}, {"if": [true, [{"var": "accumulator"}]]}, "x"]});
        assert_eq!(check(&nested), Err(CostError::Grows("a list of rules")));
        let over = |body| json!({"some": [{"var": "a"}, body]});
        let three = over(over(over(json!({"==": [{"var": ""}, 1]}))));
        assert!(matches!(check(&three), Err(CostError::TooMuch(_))));
    }
}
