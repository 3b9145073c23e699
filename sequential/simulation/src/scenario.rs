//! Scenarios: the traffic of a simulated rollout.

use stagegate_sequential::DesignEffect;

/// The failure share of stable, and the fixed limit.
pub const NORMAL: f64 = 0.05;
/// Candidate responses until a step ends.
pub const HORIZON: u64 = 20_000;
/// Candidate responses in five minutes, if a step of [`HORIZON`] takes a day.
pub const BLOCK: u64 = HORIZON / 288;

/// The reference that the candidate is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reference {
    /// A limit on the failure share, [`NORMAL`].
    Limit,
    /// The stable arm beside it.
    Stable,
}

/// The course of load and failure rate over the day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Day {
    /// All the same.
    Flat,
    /// Twice over the step, load falls to a fifth and failures of both arms rise and fall by half.
    Waves,
}

/// The candidate's share of counted responses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Split {
    /// The same all the time.
    Fixed(f64),
    /// 1%, then 10% after 2,000 candidate responses, then 50% after 8,000.
    Ramp,
}

/// The correlation between responses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Units {
    /// None.
    Independent,
    /// Conversations of five turns on average, one in ten of which fails nine times as often as the others.
    Conversations,
}

/// The arrival of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scores {
    /// With the response.
    AtOnce,
    /// Late, failures much sooner than passes, and consumed behind a watermark: in the order of
    /// requests, a score waits for all earlier ones.
    LateInOrder,
    /// As late, but consumed as they come.
    LateAsTheyCome,
}

/// The kinds of task of each arm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mix {
    /// They do.
    Same,
    /// Hard tasks (17% failures against 2%) are 20% of stable's and 30% of the candidate's.
    Shifted,
}

/// The way in which the e-process counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Counting {
    /// As the product does: slices apart, a conversation one unit (against a limit by the share of
    /// its turns that failed, against stable by its first turn).
    Careful,
    /// Turns, divided by their design effect: better than nothing, but an approximation.
    Deflated,
    /// Every turn a unit, all slices one: what happens if one does not care.
    Careless,
}

/// The traffic of a rollout, and the way of counting.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name in tables and files.
    pub name: String,
    /// Compared with what.
    pub reference: Reference,
    /// The candidate's share.
    pub split: Split,
    /// The factor between the candidate's failure rate and stable's from [`Self::from`] on.
    pub ratio: f64,
    /// The candidate response with which the difference begins.
    pub from: u64,
    /// Load and failures over the day.
    pub day: Day,
    /// The correlated responses.
    pub units: Units,
    /// The arrival of scores.
    pub scores: Scores,
    /// Kinds of task.
    pub mix: Mix,
    /// The way in which the e-process counts.
    pub counting: Counting,
    /// True if the figures are promised; false if the scenario shows the effect of wrong counting.
    pub promised: bool,
    /// The promised median of counted candidate responses until a rollback.
    pub median_at_most: Option<u64>,
}

impl Scenario {
    /// Plain traffic: the candidate fails `ratio` times as often from the start.
    #[must_use]
    pub fn plain(reference: Reference, weight: f64, ratio: f64) -> Self {
        let what = match reference {
            Reference::Limit => "limit".to_owned(),
            Reference::Stable => format!("stable, w {}", percent(weight)),
        };
        let how =
            if ratio > 1.0 { format!("5% -> {}", percent(NORMAL * ratio)) } else { "good".into() };
        Self {
            name: format!("{what}: {how}"),
            reference,
            split: Split::Fixed(weight),
            ratio,
            from: 0,
            day: Day::Flat,
            units: Units::Independent,
            scores: Scores::AtOnce,
            mix: Mix::Same,
            counting: Counting::Careful,
            promised: true,
            median_at_most: None,
        }
    }

    fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Returns true if a rollback would be a mistake.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.ratio <= 1.0
    }

    /// The candidate's share among counted responses when it has `seen` responses.
    #[must_use]
    pub fn weight(&self, seen: u64) -> f64 {
        match self.split {
            Split::Fixed(weight) => weight,
            Split::Ramp if seen < 2000 => 0.01,
            Split::Ramp if seen < 8000 => 0.1,
            Split::Ramp => 0.5,
        }
    }

    /// All scenarios.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for ratio in [1.0, 1.2, 1.4, 2.0] {
            all.push(Self::plain(Reference::Limit, 0.1, ratio));
        }
        for weight in [0.01, 1.0 / 11.0, 0.1, 0.5] {
            for ratio in [1.0, 1.2, 1.4, 2.0] {
                all.push(Self::plain(Reference::Stable, weight, ratio));
            }
        }
        for scenario in &mut all {
            scenario.median_at_most = match (scenario.reference, scenario.split) {
                _ if scenario.ratio < 2.0 => None,
                (Reference::Limit, _) => Some(250),
                (Reference::Stable, Split::Fixed(weight)) if weight < 0.05 => None,
                (Reference::Stable, Split::Fixed(weight)) if weight < 0.2 => Some(300),
                (Reference::Stable, _) => Some(600),
            };
        }
        all.extend(Self::late());
        all.extend(Self::uneven());
        all.extend(Self::clustered());
        all.extend(Self::delayed());
        all.extend(Self::shifted());
        all
    }

    /// A change after a long good time: what the restarts are for.
    fn late() -> Vec<Self> {
        let late = |reference, weight, name: &str| Self {
            from: HORIZON / 2,
            ..Self::plain(reference, weight, 2.0).named(name)
        };
        vec![
            late(Reference::Limit, 0.1, "limit: 5% -> 10% after 10,000 good"),
            late(Reference::Stable, 0.1, "stable, w 10%: 5% -> 10% after 10,000 good"),
        ]
    }

    fn uneven() -> Vec<Self> {
        let of = |ratio, name: &str| Self::plain(Reference::Stable, 0.1, ratio).named(name);
        vec![
            Self { day: Day::Waves, ..of(1.0, "stable, w 10%, day and night: good") },
            Self { day: Day::Waves, ..of(2.0, "stable, w 10%, day and night: 5% -> 10%") },
            Self { split: Split::Ramp, ..of(1.0, "stable, w 1% -> 10% -> 50%: good") },
            Self { split: Split::Ramp, ..of(2.0, "stable, w 1% -> 10% -> 50%: 5% -> 10%") },
        ]
    }

    fn clustered() -> Vec<Self> {
        let of = |reference, ratio, name: &str| Self {
            units: Units::Conversations,
            ..Self::plain(reference, 0.5, ratio).named(name)
        };
        let count = |counting, scenario| Self { counting, promised: false, ..scenario };
        vec![
            of(Reference::Limit, 1.0, "limit, a conversation a unit: good"),
            of(Reference::Limit, 2.0, "limit, a conversation a unit: 5% -> 10%"),
            count(
                Counting::Deflated,
                of(Reference::Limit, 1.0, "limit, turns by design effect: good"),
            ),
            count(
                Counting::Deflated,
                of(Reference::Limit, 2.0, "limit, turns by design effect: 5% -> 10%"),
            ),
            count(Counting::Careless, of(Reference::Limit, 1.0, "limit, every turn a unit: good")),
            of(Reference::Stable, 1.0, "stable, w 50%, a conversation a unit: good"),
            of(Reference::Stable, 2.0, "stable, w 50%, a conversation a unit: 5% -> 10%"),
            count(
                Counting::Careless,
                of(Reference::Stable, 1.0, "stable, w 50%, every turn a unit: good"),
            ),
        ]
    }

    fn delayed() -> Vec<Self> {
        let of = |scores, ratio, name: &str| Self {
            scores,
            ..Self::plain(Reference::Limit, 0.1, ratio).named(name)
        };
        vec![
            of(Scores::LateInOrder, 1.0, "limit, late scores in order: good"),
            of(Scores::LateInOrder, 2.0, "limit, late scores in order: 5% -> 10%"),
            Self {
                promised: false,
                ..of(Scores::LateAsTheyCome, 1.0, "limit, late scores as they come: good")
            },
        ]
    }

    fn shifted() -> Vec<Self> {
        let of = |ratio, name: &str| Self {
            mix: Mix::Shifted,
            ..Self::plain(Reference::Stable, 0.1, ratio).named(name)
        };
        vec![
            of(1.0, "stable, w 10%, harder tasks, slices apart: good"),
            of(2.0, "stable, w 10%, harder tasks, slices apart: twice the failures"),
            Self {
                counting: Counting::Careless,
                promised: false,
                ..of(1.0, "stable, w 10%, harder tasks, all in one: good")
            },
        ]
    }
}

fn percent(share: f64) -> String {
    if (share * 100.0 - (share * 100.0).round()).abs() < 1e-9 {
        format!("{:.0}%", share * 100.0)
    } else {
        format!("1/{:.0}", 1.0 / share)
    }
}

/// Conversations: how many turns on average, what share of them is bad, and how much more often
/// than [`NORMAL`] turns of a bad one and of the others fail.
pub mod conversations {
    use super::{DesignEffect, NORMAL};
    use stagegate_sequential::InvalidParameter;

    /// Turns on average; at least one, geometric.
    pub const TURNS: f64 = 5.0;
    /// Share of bad conversations.
    pub const BAD: f64 = 0.1;
    /// The factor in a bad one.
    pub const FACTOR_BAD: f64 = 5.0;
    /// The factor in the others, so that the mean is [`NORMAL`].
    pub const FACTOR_OTHER: f64 = (1.0 - BAD * FACTOR_BAD) / (1.0 - BAD);

    /// Returns the design effect of these conversations.
    ///
    /// # Errors
    /// Never with these constants.
    pub fn design_effect() -> Result<DesignEffect, InvalidParameter> {
        let spread = BAD * (FACTOR_BAD - 1.0).powi(2) + (1.0 - BAD) * (FACTOR_OTHER - 1.0).powi(2);
        let icc = NORMAL * NORMAL * spread / (NORMAL * (1.0 - NORMAL));
        // The size of the conversation an average turn is in: E m^2 / E m of a geometric size.
        DesignEffect::of_clusters(2.0 * TURNS - 1.0, icc)
    }
}
