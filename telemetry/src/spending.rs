//! Counters of money, kept in whole nano-dollars and written here: the metrics facade counts in
//! whole numbers only, and a float would lose the small amounts a single answer costs.

use crate::EvalJudge;
use crate::names;
use crate::text::{dollars, family};
use stagegate_rollout::{CostTruth, Series, SeriesKey, TenantUse};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The spending since the start of the process, or since the series exists.
#[derive(Debug, Default)]
pub(crate) struct Spending {
    series: BTreeMap<SeriesKey, [u64; CostTruth::ALL.len()]>,
    tenants: BTreeMap<(Arc<str>, Arc<str>), TenantUse>,
    /// By workload and scorer, as counted by the caller of the judges.
    judges: BTreeMap<(String, String), u64>,
}

impl Spending {
    /// Adds what one series counted.
    pub(crate) fn add(&mut self, key: &SeriesKey, series: &Series) {
        let sums = self.series.entry(key.clone()).or_default();
        for (sum, nanos) in sums.iter_mut().zip(series.spent_nanos) {
            *sum = sum.saturating_add(nanos);
        }
    }

    /// Adds what one tenant used.
    pub(crate) fn add_tenant(&mut self, whose: &(Arc<str>, Arc<str>), used: &TenantUse) {
        self.tenants.entry(whose.clone()).or_default().merge(used);
    }

    /// The spending of the judges since the start.
    pub(crate) fn set_judges(&mut self, judges: &[EvalJudge]) {
        let spent = |it: &EvalJudge| ((it.workload.clone(), it.scorer.clone()), it.spent_nanos);
        self.judges = judges.iter().map(spent).collect();
    }

    /// Forgets series and tenants of workloads that are gone.
    pub(crate) fn retain(
        &mut self,
        series: impl Fn(&SeriesKey) -> bool,
        workload: impl Fn(&Arc<str>) -> bool,
    ) {
        self.series.retain(|key, _| series(key));
        self.tenants.retain(|(name, _), _| workload(name));
    }

    /// Appends all families in the text format.
    pub(crate) fn append(&self, text: &mut String) {
        let known = CostTruth::ALL.into_iter().filter(|truth| *truth != CostTruth::Unknown);
        let costs = self.series.iter().flat_map(|(key, sums)| {
            known.clone().map(|truth| {
                let values = [&*key.workload, &*key.release, key.arm.label(), truth.label()];
                (values, dollars(sums[truth.index()]))
            })
        });
        family(text, &names::COST, costs);
        let tenants = |pick: fn(&TenantUse) -> String| {
            let samples = self.tenants.iter();
            samples.map(move |((workload, tenant), used)| ([&**workload, &**tenant], pick(used)))
        };
        family(text, &names::TENANT_REQUESTS, tenants(|used| used.requests.to_string()));
        family(text, &names::TENANT_TOKENS, tenants(|used| used.tokens.to_string()));
        family(text, &names::TENANT_COST, tenants(|used| dollars(used.cost_nanos)));
        let judges = self.judges.iter();
        let judges = judges.map(|((of, who), nanos)| ([&**of, &**who], dollars(*nanos)));
        family(text, &names::EVAL_JUDGE_SPEND, judges);
    }
}

#[cfg(test)]
mod tests {
    use super::Spending;
    use stagegate_rollout::TenantUse;

    #[test]
    fn a_tenants_name_cannot_break_out_of_its_label() {
        let mut spending = Spending::default();
        let used = TenantUse { requests: 2, tokens: 3, cost_nanos: 4 };
        spending.add_tenant(&("w".into(), "a\"b\\".into()), &used);
        let mut text = String::new();
        spending.append(&mut text);
        let line = r#"stagegate_tenant_requests_total{workload="w",tenant="a\"b\\"} 2"#;
        assert!(text.contains(line), "{text}");
    }
}
