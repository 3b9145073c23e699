//! The thirty checks: a closed set. Each has an id that never changes, a question, an owner and a way to
//! be met.

use serde::{Deserialize, Serialize};

/// The part of a deployment that a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// The quality before any traffic.
    Evaluation,
    /// The artifact, and the people who know of it.
    Release,
    /// The way back.
    Rollback,
    /// What is measured.
    Monitoring,
    /// The steps and who may promote.
    Policy,
    /// The time after the deployment.
    Afterwards,
    /// A check of the team's own.
    Own,
}

impl Category {
    /// The word used in the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Evaluation => "evaluation",
            Self::Release => "release",
            Self::Rollback => "rollback",
            Self::Monitoring => "monitoring",
            Self::Policy => "policy",
            Self::Afterwards => "afterwards",
            Self::Own => "own",
        }
    }
}

/// The way in which a check is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Stagegate finds out by itself. Nobody can sign it.
    Proved,
    /// A person says yes, by name.
    Signed,
    /// A person hands over evidence, which is checked where it has figures.
    Attached,
    /// Stagegate generates a text and a person signs that very text.
    ProvedAndSigned,
}

impl Kind {
    /// The word used in the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Signed => "signed",
            Self::Attached => "attached",
            Self::ProvedAndSigned => "proved_and_signed",
        }
    }
}

const DAY_MS: u64 = 86_400_000;

macro_rules! checks {
    ($($id:ident $category:ident $kind:ident $owner:literal $days:literal $question:literal)+) => {
        /// One of the thirty checks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $(#[doc = $question] $id,)+
        }

        impl Check {
            /// Every check, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$id),+];

            /// The id: `C11`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$id => stringify!($id),)+ }
            }

            /// The part of the deployment that it is about.
            #[must_use]
            pub const fn category(self) -> Category {
                match self { $(Self::$id => Category::$category,)+ }
            }

            /// The way in which it is met.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Self::$id => Kind::$kind,)+ }
            }

            /// The owner, unless the configuration names another one.
            #[must_use]
            pub const fn owner(self) -> &'static str {
                match self { $(Self::$id => $owner,)+ }
            }

            /// How long a signature or an attachment is good, in milliseconds, unless the configuration
            /// says otherwise. Proofs have no such time: they are found out again each time.
            #[must_use]
            pub const fn good_for_ms(self) -> u64 {
                match self { $(Self::$id => $days * DAY_MS,)+ }
            }

            /// The condition that must hold.
            #[must_use]
            pub const fn question(self) -> &'static str {
                match self { $(Self::$id => $question,)+ }
            }
        }
    };
}

checks! {
    A1 Evaluation Proved "quality" 0
        "Every axis has a written target, and the offline run of the release reaches the one for accuracy."
    A2 Evaluation Attached "quality" 30
        "The frozen set covers the requests of production."
    A3 Evaluation Attached "security" 30
        "A report of attacks on this release is attached."
    A4 Evaluation Proved "quality" 0
        "No case that passes with the stable release fails with this one."
    A5 Evaluation Proved "quality" 0
        "The confidence that the release states fits how often it is right."
    B6 Release Proved "release" 0
        "Model, prompt, tools, git tag and digest of the release are pinned."
    B7 Release Proved "security" 0
        "No secret stands in the configuration file."
    B8 Release Attached "release" 7
        "The release answered shadow or smoke traffic for an hour."
    B9 Release Attached "release" 90
        "The artifact has a git tag, and its digest is that of the built file."
    B10 Release Proved "oncall" 0
        "Every channel of this workload received a message."
    C11 Rollback Proved "oncall" 0
        "The kill switch was exercised."
    C12 Rollback Proved "oncall" 0
        "Every worker takes over a change of traffic."
    C13 Rollback Proved "oncall" 0
        "The release to go back to answers and can carry all traffic."
    C14 Rollback Proved "oncall" 0
        "Each of the four axes has a trigger that can be measured."
    C15 Rollback ProvedAndSigned "oncall" 30
        "The person on call read the rollback runbook of this deployment."
    D16 Monitoring Proved "quality" 0
        "Scorers judge sampled responses now."
    D17 Monitoring Proved "oncall" 0
        "Latency is watched for the whole request and for its stages."
    D18 Monitoring Proved "finance" 0
        "Spend is watched by the day and by the hour."
    D19 Monitoring Proved "oncall" 0
        "Transient, permanent and external failures are watched apart."
    D20 Monitoring Proved "oncall" 0
        "Messages link to the dashboard."
    E21 Policy Proved "release" 0
        "Traffic opens in at least three steps, and the first one is small."
    E22 Policy Proved "release" 0
        "Every step has a shortest time and a number of requests, and its gates can be measured."
    E23 Policy Proved "oncall" 0
        "Gates on quality, latency and errors roll back without a person."
    E24 Policy Proved "product" 0
        "It is decided which tenants stay on the stable release."
    E25 Policy Proved "release" 0
        "Only callers with a name can promote."
    F26 Afterwards Signed "oncall" 7
        "The tasks after the deployment are scheduled, and the people on call know them."
    F27 Afterwards Proved "oncall" 0
        "An incident was exercised: from the violation to the acknowledgement of a person."
    F28 Afterwards Signed "product" 14
        "The changes that users will see are written down, or there are none."
    F29 Afterwards Proved "finance" 0
        "The expected daily spend is known and within the budget."
    F30 Afterwards Signed "release" 14
        "The date of the hand-over to the people on call is set, within seven days."
}

impl Check {
    /// The check with this id.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|check| check.id() == id)
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, Kind};

    #[test]
    fn there_are_thirty_and_their_ids_do_not_change() {
        let ids: Vec<&str> = Check::ALL.iter().map(|it| it.id()).collect();
        assert_eq!(
            ids.join(" "),
            "A1 A2 A3 A4 A5 B6 B7 B8 B9 B10 C11 C12 C13 C14 C15 D16 D17 D18 D19 D20 \
             E21 E22 E23 E24 E25 F26 F27 F28 F29 F30"
        );
        assert_eq!(Check::from_id("C11"), Some(Check::C11));
        assert_eq!(Check::from_id("c11"), None);
    }

    #[test]
    fn what_a_person_says_expires() {
        for check in Check::ALL.iter().filter(|it| it.kind() != Kind::Proved) {
            assert!(check.good_for_ms() > 0, "{check:?}");
        }
    }
}
