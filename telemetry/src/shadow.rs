//! Figures of copied requests, apart from those of what clients were served.

use crate::buckets;
use crate::names;
use crate::text::{dollars, family};
use crate::times::{Cumulative, head};
use stagegate_rollout::{Delta, Outcome, ShadowDrop, ShadowKey, ShadowSeries};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The counts since the start of the process, or since the workload has a shadow.
#[derive(Debug, Default)]
pub(crate) struct Shadows(BTreeMap<ShadowKey, Counted>);

#[derive(Debug)]
struct Counted {
    series: ShadowSeries,
    duration: Cumulative,
}

/// The outcomes of copies. No client waits for a copy, so `client_gone` cannot occur.
fn outcomes() -> impl Iterator<Item = Outcome> + Clone {
    Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::ClientGone)
}

impl Shadows {
    pub(crate) fn absorb(&mut self, delta: &Delta) {
        for (key, series) in &delta.shadows {
            let new = || Counted {
                series: ShadowSeries::default(),
                duration: Cumulative::new(buckets::DURATION),
            };
            let counted = self.0.entry(key.clone()).or_insert_with(new);
            counted.duration.add(&series.duration_us);
            counted.series.merge(series);
        }
    }

    /// The counts of every shadow release.
    pub(crate) fn counts(&self) -> Vec<(ShadowKey, ShadowSeries)> {
        let counted =
            |(key, counted): (&ShadowKey, &Counted)| (key.clone(), counted.series.clone());
        self.0.iter().map(counted).collect()
    }

    /// Forgets what is gone.
    pub(crate) fn retain(&mut self, lives: impl Fn(&Arc<str>, &Arc<str>) -> bool) {
        self.0.retain(|key, _| lives(&key.workload, &key.release));
    }

    /// Appends all families in the text format.
    pub(crate) fn append(&self, text: &mut String) {
        let sent = self.0.iter().flat_map(|(key, counted)| {
            outcomes().map(|outcome| {
                let values = [&*key.workload, &*key.release, outcome.label()];
                (values, counted.series.outcomes[outcome.index()].to_string())
            })
        });
        family(text, &names::SHADOW_REQUESTS, sent);
        let dropped = self.0.iter().flat_map(|(key, counted)| {
            ShadowDrop::ALL.into_iter().map(|why| {
                let values = [&*key.workload, &*key.release, why.label()];
                (values, counted.series.dropped[why.index()].to_string())
            })
        });
        family(text, &names::SHADOW_DROPPED, dropped);
        let spent = self.0.iter().map(|(key, counted)| {
            ([&*key.workload, &*key.release], dollars(counted.series.cost_nanos))
        });
        family(text, &names::SHADOW_COST, spent);
        if self.0.is_empty() {
            return;
        }
        head(text, &names::SHADOW_DURATION);
        for (key, counted) in &self.0 {
            let labels = format!("workload={:?},release={:?}", &*key.workload, &*key.release);
            counted.duration.append(text, names::SHADOW_DURATION.name, &labels);
        }
        text.push('\n');
    }
}
