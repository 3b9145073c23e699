//! Checks the prices and the budget.

use super::members::{ids, read_text};
use crate::CostSettings;
use crate::raw::RawCost;
use crate::read::{At, Context, plain};
use crate::scalar::PriceSource;
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
    Some(CostSettings {
        daily_budget_nanos: plain(raw.daily_budget).map(|budget| budget.0),
        time_zone: plain(raw.time_zone)?.0,
        prices,
        tenants: tenants.ids.iter().cloned().collect(),
    })
}
