//! The rules under test: our e-process, and two rules that people use instead.

use crate::scenario::{Counting, NORMAL, Reference, Scenario, Units, conversations};
use crate::stream::Event;
use stagegate_sequential::{
    Alpha, Claim, CoinTest, DesignEffect, InvalidParameter, ShareTest, Tally,
};

/// From how many responses on the naive rules look at all.
const FROM: f64 = 250.0;

/// The rules, in the order of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// Ours.
    EProcess,
    /// Ours, if it did not bet on later beginnings.
    WithoutRestarts,
    /// "More than one percentage point worse", checked at every response from 250 on.
    Threshold,
    /// A z-test at 5% (two-sided), repeated every 50 responses from 250 on.
    ZTest,
}

impl RuleKind {
    /// Those that watch a scenario; the restarts matter only to changes that come late.
    #[must_use]
    pub fn watching(scenario: &Scenario) -> &'static [Self] {
        if scenario.from > 0 {
            &[Self::EProcess, Self::WithoutRestarts, Self::Threshold, Self::ZTest]
        } else {
            &[Self::EProcess, Self::Threshold, Self::ZTest]
        }
    }

    /// Its name in tables and files.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::EProcess => "e-process",
            Self::WithoutRestarts => "without restarts",
            Self::Threshold => "threshold 1 pp",
            Self::ZTest => "z-test every 50",
        }
    }

    /// The false alarms it promises, if it promises any.
    #[must_use]
    pub const fn alpha(self) -> Option<f64> {
        match self {
            Self::EProcess | Self::WithoutRestarts => Some(Alpha::ROLLBACK.get()),
            Self::Threshold => None,
            Self::ZTest => Some(0.05),
        }
    }
}

/// A rule at work in one run.
pub enum Rule {
    /// An e-process.
    Evidence {
        /// The test.
        test: Box<Test>,
        /// The way of counting.
        counting: Counting,
        /// If responses are correlated.
        units: Units,
        /// True if it also bets on later changes.
        restarts: bool,
    },
    /// A naive rule: total counts and a decision by them.
    Totals {
        /// Compared with what.
        reference: Reference,
        /// Candidate failures and responses, stable's failures and responses.
        counts: [f64; 4],
        /// True for the z-test.
        z_test: bool,
    },
}

/// The e-process of a reference.
pub enum Test {
    /// Against the limit.
    Share(ShareTest),
    /// Against stable.
    Coin(CoinTest),
}

impl Rule {
    /// The rule at the start of a run.
    ///
    /// # Errors
    /// Never with the scenarios' constants.
    pub fn begin(kind: RuleKind, scenario: &Scenario) -> Result<Self, InvalidParameter> {
        Ok(match kind {
            RuleKind::EProcess | RuleKind::WithoutRestarts => Self::Evidence {
                test: Box::new(match scenario.reference {
                    Reference::Limit => Test::Share(ShareTest::new(NORMAL, Claim::Above)?),
                    Reference::Stable => Test::Coin(CoinTest::new(1.0, Claim::Above)?),
                }),
                counting: scenario.counting,
                units: scenario.units,
                restarts: kind == RuleKind::EProcess,
            },
            RuleKind::Threshold | RuleKind::ZTest => Self::Totals {
                reference: scenario.reference,
                counts: [0.0; 4],
                z_test: kind == RuleKind::ZTest,
            },
        })
    }

    /// Counts one candidate response; whether the rule now rolls back.
    ///
    /// # Errors
    /// Never with events of a stream.
    pub fn see(&mut self, event: &Event) -> Result<bool, InvalidParameter> {
        match self {
            Self::Evidence { test, counting, units, restarts } => {
                test.see(event, *counting, *units)?;
                if event.ends_block && *restarts {
                    test.begin_block();
                }
                Ok(test.rejects())
            }
            Self::Totals { reference, counts, z_test } => {
                let stable = event.stable;
                let new = [
                    f64::from(u8::from(event.failed)),
                    1.0,
                    (stable[0].0 + stable[1].0) as f64,
                    (stable[0].1 + stable[1].1) as f64,
                ];
                for (count, new) in counts.iter_mut().zip(new) {
                    *count += new;
                }
                Ok(by_totals(*reference, *counts, *z_test))
            }
        }
    }
}

impl Test {
    fn see(
        &mut self,
        event: &Event,
        counting: Counting,
        units: Units,
    ) -> Result<(), InvalidParameter> {
        let by_conversation = units == Units::Conversations && counting == Counting::Careful;
        let effect = if units == Units::Conversations && counting == Counting::Deflated {
            conversations::design_effect()?
        } else {
            DesignEffect::NONE
        };
        let mine = Tally::of(u64::from(event.failed), 1)?.deflated(effect);
        match self {
            Self::Share(test) if by_conversation => {
                test.update_graded(event.conversation.map(|failed| (failed, 1)))?;
            }
            Self::Share(test) => test.update(mine),
            Self::Coin(test) if by_conversation => {
                let (failures, total) = event.stable_first_turns;
                let mine = if event.first_turn { mine } else { Tally::default() };
                test.update(mine, Tally::of(failures, total)?);
            }
            Self::Coin(test) => {
                for (slice, (failures, total)) in event.stable.into_iter().enumerate() {
                    let theirs = Tally::of(failures, total)?.deflated(effect);
                    let mine = if slice == event.slice { mine } else { Tally::default() };
                    let slice = if counting == Counting::Careless { 0 } else { slice };
                    test.update_slice(slice, mine, theirs);
                }
            }
        }
        Ok(())
    }

    fn begin_block(&mut self) {
        match self {
            Self::Share(test) => test.begin_block(),
            Self::Coin(test) => test.begin_block(),
        }
    }

    fn rejects(&self) -> bool {
        match self {
            Self::Share(test) => test.rejects(Alpha::ROLLBACK),
            Self::Coin(test) => test.rejects(Alpha::ROLLBACK),
        }
    }
}

fn by_totals(reference: Reference, counts: [f64; 4], z_test: bool) -> bool {
    let [failures, total, stable_failures, stable_total] = counts;
    if total < FROM || (reference == Reference::Stable && stable_total < FROM) {
        return false;
    }
    let mine = failures / total;
    let (theirs, variance) = match reference {
        Reference::Limit => (NORMAL, NORMAL * (1.0 - NORMAL) / total),
        Reference::Stable => {
            let pooled = (failures + stable_failures) / (total + stable_total);
            let variance = pooled * (1.0 - pooled) * (1.0 / total + 1.0 / stable_total);
            (stable_failures / stable_total, variance)
        }
    };
    if z_test {
        total % 50.0 == 0.0 && mine - theirs > 1.959_964 * variance.sqrt()
    } else {
        mine - theirs > 0.01
    }
}
