//! One run: one stream, watched by all rules at once.

use crate::rng::Rng;
use crate::rules::{Rule, RuleKind};
use crate::scenario::{HORIZON, Scenario};
use crate::stream::Stream;
use stagegate_sequential::InvalidParameter;

/// The result of one rule in one run.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The counted candidate response at which it rolled back, from 1 on.
    pub rolled_back_at: Option<u64>,
    /// Failed candidate responses served from the change until then, or until the step's end.
    pub bad_served: u64,
}

/// Runs the scenario once; one outcome per rule, in the order of [`RuleKind::watching`].
///
/// # Errors
/// Never with the scenarios' constants.
pub fn run(scenario: &Scenario, rng: Rng) -> Result<Vec<Outcome>, InvalidParameter> {
    let mut rules = Vec::new();
    for kind in RuleKind::watching(scenario) {
        rules.push((Rule::begin(*kind, scenario)?, None));
    }
    let mut bad_served = 0;
    for (counted, event) in (1..=HORIZON).zip(Stream::new(scenario, rng).events()) {
        bad_served = event.failures_served;
        let mut all_done = true;
        for (rule, outcome) in rules.iter_mut().filter(|(_, outcome)| outcome.is_none()) {
            if rule.see(&event)? {
                *outcome = Some(Outcome { rolled_back_at: Some(counted), bad_served });
            } else {
                all_done = false;
            }
        }
        if all_done {
            break;
        }
    }
    let none = Outcome { rolled_back_at: None, bad_served };
    Ok(rules.into_iter().map(|(_, outcome)| outcome.unwrap_or(none)).collect())
}
