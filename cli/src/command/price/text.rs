//! An explained price as a table and as JSON.

use crate::output::grouped;
use crate::output::table::Table;
use serde_json::{Value, json};
use stagegate_rollout::Unpriced;
use stagegate_signals::Explanation;

/// Dollars from nano-dollars, without zeros at the end.
fn dollars(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// For programs: amounts are texts, so that no digit is lost.
pub(super) fn json(it: &Explanation, stated: Option<u64>) -> Value {
    let lines = it.lines.iter().map(|line| {
        json!({
            "what": line.what,
            "count": line.count,
            "usd_per_million": dollars(line.rate),
            "usd": dollars(line.nanos),
        })
    });
    let listed = it.listed.as_ref();
    json!({
        "protocol": it.protocol.label(),
        "model": it.model,
        "looked_up": it.looked_up,
        "listed": listed.map(|(provider, model)| json!({ "provider": provider, "model": model })),
        "tier": it.tier.label(),
        "lines": lines.collect::<Vec<_>>(),
        "usd_per_request": dollars(it.request),
        "usd": it.nanos.map(dollars),
        "truth": it.truth.map(stagegate_rollout::CostTruth::label),
        "unknown_because": it.unpriced.map(Unpriced::label),
        "stated_usd": stated.map(dollars),
        "failure": it.failure,
    })
}

/// For people.
pub(super) fn table(it: &Explanation, stated: Option<u64>) -> String {
    let mut facts = Table::headless();
    let mut fact = |name: &str, value: &str| facts.row(vec![name.to_owned(), value.to_owned()]);
    fact("protocol", it.protocol.label());
    fact("model as read", it.model.as_deref().unwrap_or("not named"));
    if !it.looked_up.is_empty() {
        fact("looked up", &it.looked_up.join(", "));
    }
    if let Some((provider, model)) = &it.listed {
        fact("found as", &format!("{model} of {provider}"));
    }
    fact("tier", it.tier.label());
    if let Some(failure) = &it.failure {
        fact("failed with", failure);
    }
    fact("cost", &cost(it));
    if let Some(stated) = stated {
        let text = format!("${}: this one counts, whatever the tokens cost", dollars(stated));
        fact("stated", &text);
    }
    let mut text = facts.to_string();
    if !it.lines.is_empty() {
        text.push('\n');
        text.push_str(&lines(it).to_string());
    }
    text
}

/// The sum and how it is known, or why it is not and the remedy.
fn cost(it: &Explanation) -> String {
    let remedy = "let the backend send `Agent-Cost-Usd`";
    match (it.nanos, it.truth, it.unpriced) {
        (Some(nanos), Some(truth), _) => format!("${} ({})", dollars(nanos), truth.label()),
        (_, _, Some(Unpriced::NotListed)) => format!(
            "unknown: the model is not in the price list; set `cost.prices` to a list that has it, or {remedy}"
        ),
        (_, _, Some(Unpriced::NoModel)) => {
            format!("unknown: neither the body nor the path names the model; {remedy}")
        }
        (_, _, Some(Unpriced::Unfinished)) => {
            format!("unknown: the response is made later; {remedy}")
        }
        (_, _, Some(Unpriced::Unread)) => {
            "unknown: the body cannot be read; name its coding with `--content-encoding`".to_owned()
        }
        _ => {
            "none is expected: the request made no response, or it failed before any usage was told"
                .to_owned()
        }
    }
}

fn lines(it: &Explanation) -> Table {
    let mut lines = Table::new(["WHAT", "COUNT", "USD PER MILLION", "USD"]).right([1, 2, 3]);
    for line in &it.lines {
        let count = grouped(line.count);
        lines.row(vec![line.what.to_owned(), count, dollars(line.rate), dollars(line.nanos)]);
    }
    if it.request > 0 {
        let row = ["the request itself", "1", "", &dollars(it.request)];
        lines.row(row.map(str::to_owned).to_vec());
    }
    if let Some(nanos) = it.nanos {
        lines.row(["sum", "", "", &dollars(nanos)].map(str::to_owned).to_vec());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::dollars;

    #[test]
    fn amounts_are_written_exactly() {
        assert_eq!(dollars(7_020_000), "0.00702");
        assert_eq!((dollars(6_000_000_000), dollars(0)), ("6".to_owned(), "0".to_owned()));
        assert_eq!(dollars(1), "0.000000001");
    }
}
