//! Checks the prices and the budget.

use super::members::{ids, read_text};
use crate::CostSettings;
use crate::raw::RawCost;
use crate::read::{At, Context, plain};
use crate::scalar::{PriceSource, ZoneName};
use stagegate_signals::Prices;

/// Tenants counted on their own at most: each is a set of time series.
const MAX_TENANTS: usize = 100;
/// Largest price list; the built-in one has 1 MiB.
const MAX_LIST: u64 = 64 << 20;

pub(crate) fn cost(raw: RawCost, cx: &mut Context<'_>) -> Option<CostSettings> {
    let At { value: source, site } = raw.prices?;
    let prices = match source {
        PriceSource::Builtin => None,
        PriceSource::File(path) => {
            let path = cx.base_dir.join(path);
            let text = read_text(&path, &site, MAX_LIST, cx)?;
            if let Err(error) = Prices::from_json(text.as_bytes()) {
                let hint = "name a copy of that file, or write `builtin`";
                cx.problem(&site, format!("names a file that is {error}"), hint);
                return None;
            }
            Some(path)
        }
    };
    let At { value: list, site } = raw.tenants?;
    let tenants = ids(&list, cx);
    if tenants.ids.len() > MAX_TENANTS {
        let message = format!("has {} tenants", tenants.ids.len());
        let hint = format!("keep the {MAX_TENANTS} that matter: each is counted on its own");
        cx.problem(&site, message, hint);
        return None;
    }
    let At { value: ZoneName(zone), site } = raw.time_zone?;
    let name = zone.to_string();
    if let Some(hours) = runs_the_other_way(&name) {
        let message = format!("`{name}` is {hours} of UTC: in such a rule `-` means east");
        let hint =
            "write a name like `America/Sao_Paulo`, or the rule `<-03>3` for three hours west";
        cx.warn(&site, message, hint);
    }
    Some(CostSettings {
        daily_budget_nanos: plain(raw.daily_budget).map(|budget| budget.0),
        time_zone: zone,
        prices,
        tenants: tenants.ids.iter().cloned().collect(),
    })
}

/// Which way the clocks of a rule like `UTC-3` go; none for other zones. POSIX counts to the west, and everybody who
/// writes `UTC` means the other way.
fn runs_the_other_way(name: &str) -> Option<&'static str> {
    let rest = name.strip_prefix("UTC").or_else(|| name.strip_prefix("GMT"))?;
    let (sign, hours) = rest.split_at_checked(1)?;
    if !hours.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        return None;
    }
    match sign {
        "-" => Some("east"),
        "+" => Some("west"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::runs_the_other_way;

    #[test]
    fn rules_that_read_like_an_offset_are_told() {
        assert_eq!(runs_the_other_way("UTC-03:00"), Some("east"));
        assert_eq!(runs_the_other_way("GMT+5"), Some("west"));
        for other in ["UTC", "UTC+0", "Etc/GMT+5", "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"] {
            assert_eq!(runs_the_other_way(other), None, "{other}");
        }
    }
}
