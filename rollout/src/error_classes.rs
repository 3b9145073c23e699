//! Failures by class: the outcome, the status, the name of the error and the fingerprint of its words.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most classes that are counted on their own; the rest is [`ErrorClasses::OTHER`].
const MOST: usize = 64;
/// Longest name of a class, in bytes.
const LONGEST: usize = 120;

/// How often each class of failures came. Names come from backends: their number and length are bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorClasses(BTreeMap<Arc<str>, u64>);

impl ErrorClasses {
    /// The class of all that found no place.
    pub const OTHER: &'static str = "other";

    /// Counts a failure.
    pub fn count(&mut self, class: &str, times: u64) {
        let class = &class[..class.floor_char_boundary(LONGEST)];
        if let Some(known) = self.0.get_mut(class) {
            *known = known.saturating_add(times);
            return;
        }
        let class = if self.0.len() < MOST { class } else { Self::OTHER };
        *self.0.entry(class.into()).or_default() += times;
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(class, times)| self.count(class, times));
    }

    /// How often a class came.
    #[must_use]
    pub fn of(&self, class: &str) -> u64 {
        self.0.get(class).copied().unwrap_or(0)
    }

    /// Class and count, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(class, times)| (&**class, *times))
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorClasses, MOST};

    #[test]
    fn classes_add_up_and_are_bounded() {
        let mut all = ErrorClasses::default();
        for number in 0..2 * MOST {
            let mut one = ErrorClasses::default();
            one.count(&format!("class {number:03}"), 2);
            all.merge(&one);
        }
        all.count("class 001", 1);
        assert_eq!((all.of("class 001"), all.of("nothing")), (3, 0));
        assert_eq!(all.iter().count(), MOST + 1);
        assert_eq!(all.of(ErrorClasses::OTHER), 2 * MOST as u64);
        let long = "ü".repeat(200);
        all.count(&long, 1);
        let text = serde_json::to_string(&all).expect("JSON");
        assert_eq!(serde_json::from_str::<ErrorClasses>(&text).expect("the same"), all);
    }
}
