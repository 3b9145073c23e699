//! Checks that the parts of a policy make sense together.

use super::gate::LONGEST_VIOLATION_MS;
use super::{Amount, Gate, Measure, Policy, PolicyError, PolicyKey, Span, Step, Then};
use crate::Weight;
use std::collections::BTreeSet;

impl Policy {
    /// Checks that the parts make sense together.
    ///
    /// # Errors
    /// Every problem found, not only the first.
    pub fn check(self) -> Result<Self, Vec<PolicyError>> {
        let mut errors = Vec::new();
        self.check_steps(&mut errors);
        self.check_gates(&mut errors);
        for (key, alpha) in
            [("rollback_alpha", self.rollback_alpha), ("promote_alpha", self.promote_alpha)]
        {
            if !(Amount::ZERO < alpha && alpha <= Amount::thousandths(500)) {
                let problem = format!("{alpha} is not a chance above 0 and at most 0.5");
                errors.push(PolicyError { at: PolicyKey::Policy(key), problem });
            }
        }
        let shares = [
            ("holdback", self.holdback, "1%"),
            ("holdback_in_doubt", self.holdback_in_doubt, "10%"),
        ];
        for (key, share, usual) in shares {
            if share > Weight::percent(20) {
                let problem = format!("{share} is more than 20%: write `{usual}`, or `off`");
                errors.push(PolicyError { at: PolicyKey::Policy(key), problem });
            }
        }
        let before_last = self.steps.len().checked_sub(2).and_then(|place| self.steps.get(place));
        if before_last.is_some_and(|step| step.weight >= Weight::FULL.without(self.holdback)) {
            let problem = "leaves the last step no more than the one before has: write a smaller one, or `off`";
            let problem = problem.to_owned();
            errors.push(PolicyError { at: PolicyKey::Policy("holdback"), problem });
        }
        if self.no_data_alert_ms == 0 {
            errors.push(PolicyError {
                at: PolicyKey::Policy("on_no_data.alert_after"),
                problem: "0s would alert at every pause in traffic: write `10m`".to_owned(),
            });
        }
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }

    fn check_steps(&self, errors: &mut Vec<PolicyError>) {
        let Some(last) = self.steps.len().checked_sub(1) else {
            errors.push(PolicyError {
                at: PolicyKey::Policy("steps"),
                problem: "there is none: the least is `[{ weight: 100%, watch: 72h }]`".to_owned(),
            });
            return;
        };
        let mut before = Weight::ZERO;
        for (place, step) in self.steps.iter().enumerate() {
            let mut wrong = |key, problem: String| {
                errors.push(PolicyError { at: PolicyKey::Step { place, key }, problem });
            };
            if step.weight <= before {
                wrong(
                    "weight",
                    format!("{} is not above {before}: every step opens further", step.weight),
                );
            }
            before = before.max(step.weight);
            if place == last {
                check_last(step, &mut wrong);
            } else {
                check_step(step, &mut wrong);
            }
            if !(1..=LONGEST_VIOLATION_MS).contains(&step.violated_for_ms) {
                let given = Span(step.violated_for_ms);
                wrong("violated_for", format!("{given} is not above 0 and at most 24h"));
            }
        }
    }

    fn check_gates(&self, errors: &mut Vec<PolicyError>) {
        if !self.gates.iter().any(|gate| gate.then == Then::Rollback) {
            errors.push(PolicyError {
                at: PolicyKey::Policy("gates"),
                problem: "none rolls back: a rollout needs at least one gate with `then: rollback`"
                    .to_owned(),
            });
        }
        let mut ids = BTreeSet::new();
        for (place, gate) in self.gates.iter().enumerate() {
            gate.check(place, errors);
            if let Some(problem) = self.asks_too_seldom(gate) {
                errors.push(PolicyError { at: PolicyKey::Gate { place, key: "every" }, problem });
            }
            if self.steps.len() == 1 && gate.limit.is_against_stable() {
                errors.push(PolicyError {
                    at: PolicyKey::Gate { place, key: gate.limit.key() },
                    problem: "at 100% from the start there is no stable arm to compare with: add a step, or write `max` or `min`".to_owned(),
                });
            }
            let id = gate.id();
            if !ids.insert(id.clone()) {
                errors.push(PolicyError {
                    at: PolicyKey::Gate { place, key: "measure" },
                    problem: format!("another gate is `{id}` already: leave one of them out"),
                });
            }
        }
    }
}

impl Policy {
    /// One value of somebody else must not decide: a violation takes two questions at least.
    fn asks_too_seldom(&self, gate: &Gate) -> Option<String> {
        let Measure::External(value) = &gate.measure else { return None };
        let shortest = (0..self.steps.len()).map(|step| self.violated_for_ms(gate, step)).min()?;
        (2 * value.every_ms > shortest).then(|| {
            format!(
                "{} is more than half of the {} for which the gate must be violated: ask more often, or write a longer `for`",
                Span(value.every_ms),
                Span(shortest)
            )
        })
    }
}

fn check_last(step: &Step, wrong: &mut impl FnMut(&'static str, String)) {
    if step.weight != Weight::FULL {
        wrong(
            "weight",
            format!(
                "the last step is {}, not 100%: add `{{ weight: 100%, watch: 72h }}`",
                step.weight
            ),
        );
    }
    if step.watch_ms == 0 {
        wrong(
            "watch",
            "is missing: the last step is watched before it is final, as in `72h`".to_owned(),
        );
    }
    if step.hold_ms > 0 {
        wrong("hold", "the last step is never promoted: write `watch` instead".to_owned());
    }
}

fn check_step(step: &Step, wrong: &mut impl FnMut(&'static str, String)) {
    if step.watch_ms > 0 {
        wrong("watch", "only the last step watches: write `hold` instead".to_owned());
    }
    if step.hold_ms == 0 && step.requests == 0 {
        wrong("hold", "is missing, and `requests` too: a step needs one of them".to_owned());
    }
}
