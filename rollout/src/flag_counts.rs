//! Counts of evaluations of flags.

use std::collections::BTreeMap;

/// Most combinations that are counted on their own; the rest is `other`.
const MOST: usize = 10_000;
/// The name of the rest.
const OTHER: &str = "other";

/// Evaluations by flag, variant and reason. Their number is bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagCounts {
    by_flag: BTreeMap<String, BTreeMap<String, BTreeMap<&'static str, u64>>>,
    combinations: usize,
}

impl FlagCounts {
    /// Adds evaluations. Allocates only for a combination that is new.
    pub fn add(&mut self, flag: &str, variant: &str, reason: &'static str, count: u64) {
        let known = self.by_flag.get_mut(flag).and_then(|variants| variants.get_mut(variant));
        if let Some(known) = known.and_then(|reasons| reasons.get_mut(reason)) {
            *known += count;
            return;
        }
        let full = self.combinations >= MOST;
        let (flag, variant) = if full { (OTHER, OTHER) } else { (flag, variant) };
        let variants = self.by_flag.entry(flag.to_owned()).or_default();
        let counted = variants.entry(variant.to_owned()).or_default().entry(reason).or_default();
        self.combinations += usize::from(*counted == 0);
        *counted += count;
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        for (flag, variant, reason, count) in other.iter() {
            self.add(flag, variant, reason, count);
        }
    }

    /// True if nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_flag.is_empty()
    }

    /// Flag, variant, reason and count.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &'static str, u64)> {
        self.by_flag.iter().flat_map(|(flag, variants)| {
            variants.iter().flat_map(move |(variant, reasons)| {
                let of = move |(reason, count): (&&'static str, &u64)| {
                    (flag.as_str(), variant.as_str(), *reason, *count)
                };
                reasons.iter().map(of)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{FlagCounts, MOST};

    #[test]
    fn the_number_of_combinations_is_bounded() {
        let mut counts = FlagCounts::default();
        for number in 0..MOST + 10 {
            counts.add(&format!("flag-{number}"), "on", "STATIC", 1);
        }
        counts.add("flag-1", "on", "STATIC", 2);
        let mut twice = counts.clone();
        twice.merge(&counts);
        for (counts, times) in [(&counts, 1), (&twice, 2)] {
            let all: Vec<_> = counts.iter().collect();
            assert!(all.contains(&("flag-1", "on", "STATIC", 3 * times)));
            assert!(all.contains(&("other", "other", "STATIC", 10 * times)));
            assert_eq!(all.len(), MOST + 1);
        }
    }
}
