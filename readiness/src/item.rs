//! The checks of one policy: the thirty, without those that a team drops, and with its own.

use crate::{Category, Check, Kind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The effect of open checks on the start of a rollout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// A start is refused.
    Required,
    /// A start goes on, and the message about it says how many are open.
    #[default]
    Advisory,
    /// Nothing is checked.
    Off,
}

impl Demand {
    /// The word used in the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Advisory => "advisory",
            Self::Off => "off",
        }
    }
}

/// Another owner or another expiry of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The owner.
    pub owner: Option<String>,
    /// How long a signature or an attachment is good, in milliseconds.
    pub good_for_ms: Option<u64>,
}

/// A check of the team's own. People meet it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its id: not one of the thirty.
    pub id: String,
    /// The condition that must hold.
    pub question: String,
    /// The owner.
    pub owner: String,
    /// True if evidence must be attached; else a signature is enough.
    pub attached: bool,
    /// How long the signature or the attachment is good, in milliseconds.
    pub good_for_ms: u64,
}

/// A check that the team drops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Its id.
    pub id: String,
    /// The reason.
    pub reason: String,
}

/// The id of the check for a passport, where the policy demands one.
pub const PASSPORT: &str = "PASSPORT";

/// What a policy demands of a passport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassportDemand {
    /// The environment that must have issued it.
    pub from: String,
    /// The greatest age, in milliseconds.
    pub max_age_ms: u64,
    /// Checks that must have been met or waived there.
    pub checks: Vec<String>,
}

/// The `readiness` section of a policy, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The effect of open checks.
    pub demand: Demand,
    /// Least share of cases that the offline run must pass, from 0 to 1.
    pub accuracy: f64,
    /// Least share of production requests near a case of the frozen set, from 0 to 1.
    pub coverage: f64,
    /// Largest expected calibration error, from 0 to 1.
    pub calibration: f64,
    /// Largest weight of the first step, from 0 to 1.
    pub first_step: f64,
    /// What is demanded of a passport from another environment; none if none is.
    pub passport: Option<PassportDemand>,
    /// Length of an hour of the runbook, in milliseconds; none if the runbook is off.
    pub runbook_hour_ms: Option<u64>,
    /// Changes of owners and expiries, by id.
    pub terms: BTreeMap<String, Terms>,
    /// Dropped checks.
    pub dropped: Vec<Dropped>,
    /// Checks of the team's own.
    pub own: Vec<Own>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            demand: Demand::default(),
            accuracy: 0.9,
            coverage: 0.8,
            calibration: 0.1,
            first_step: 0.05,
            passport: None,
            runbook_hour_ms: Some(3_600_000),
            terms: BTreeMap::new(),
            dropped: Vec::new(),
            own: Vec::new(),
        }
    }
}

/// One line of a checklist before it is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Which of the thirty it is; none for a check of the team's own.
    pub check: Option<Check>,
    /// The part of the deployment that it is about.
    pub category: Category,
    /// The way in which it is met.
    pub kind: Kind,
    /// The condition that must hold.
    pub question: String,
    /// The owner.
    pub owner: String,
    /// How long a signature or an attachment is good, in milliseconds.
    pub good_for_ms: u64,
}

impl Settings {
    /// The checks that count: the thirty without the dropped ones, then the team's own.
    #[must_use]
    pub fn items(&self) -> Vec<Item> {
        let kept = Check::ALL.iter().filter(|it| self.dropped.iter().all(|no| no.id != it.id()));
        let built_in = kept.map(|check| Item {
            id: check.id().to_owned(),
            check: Some(*check),
            category: check.category(),
            kind: check.kind(),
            question: check.question().to_owned(),
            owner: check.owner().to_owned(),
            good_for_ms: check.good_for_ms(),
        });
        let own = self.own.iter().map(|own| Item {
            id: own.id.clone(),
            check: None,
            category: Category::Own,
            kind: if own.attached { Kind::Attached } else { Kind::Signed },
            question: own.question.clone(),
            owner: own.owner.clone(),
            good_for_ms: own.good_for_ms,
        });
        let passport = self.passport.as_ref().map(|demand| Item {
            id: PASSPORT.to_owned(),
            check: None,
            category: Category::Release,
            kind: Kind::Proved,
            question: format!("A passport of this release from {} is admitted.", demand.from),
            owner: "release".to_owned(),
            good_for_ms: demand.max_age_ms,
        });
        built_in.chain(passport).chain(own).map(|item| self.with_terms(item)).collect()
    }

    fn with_terms(&self, mut item: Item) -> Item {
        if let Some(terms) = self.terms.get(&item.id) {
            if let Some(owner) = &terms.owner {
                item.owner.clone_from(owner);
            }
            item.good_for_ms = terms.good_for_ms.unwrap_or(item.good_for_ms);
        }
        item
    }

    /// The check with this id that counts.
    #[must_use]
    pub fn item(&self, id: &str) -> Option<Item> {
        self.items().into_iter().find(|item| item.id == id)
    }
}

/// True for an id that a team may give its own check: a letter, then up to 15 letters, digits or `-`, and
/// not one of the thirty.
#[must_use]
pub fn is_own_id(id: &str) -> bool {
    let form = id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.len() <= 16
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    form && id != PASSPORT && Check::from_id(&id.to_ascii_uppercase()).is_none()
}

#[cfg(test)]
mod tests {
    use super::{Dropped, Own, Settings, Terms, is_own_id};

    #[test]
    fn a_team_drops_adds_and_renames() {
        let settings = Settings {
            dropped: vec![Dropped { id: "F30".into(), reason: "we stay on call".into() }],
            own: vec![Own {
                id: "LEGAL".into(),
                question: "Legal agrees.".into(),
                owner: "legal".into(),
                attached: false,
                good_for_ms: 5,
            }],
            terms: [("A3".to_owned(), Terms { owner: Some("red".into()), good_for_ms: Some(7) })]
                .into(),
            ..Settings::default()
        };
        let items = settings.items();
        assert_eq!(items.len(), 30);
        assert!(settings.item("F30").is_none());
        assert_eq!(items.last().map(|it| it.id.as_str()), Some("LEGAL"));
        let a3 = settings.item("A3").expect("kept");
        assert_eq!((a3.owner.as_str(), a3.good_for_ms), ("red", 7));
    }

    #[test]
    fn the_ids_of_the_thirty_are_taken() {
        for taken in ["PASSPORT", "A1", "c11", "F30", "", "9A", "A B", "LONGER-THAN-SIXTEEN"] {
            assert!(!is_own_id(taken), "{taken}");
        }
        assert!(is_own_id("X1") && is_own_id("LEGAL") && is_own_id("A31"));
    }
}
