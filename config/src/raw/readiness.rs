//! The checklist of a policy.

use crate::read::{At, Map, OrOff, raw, words};
use crate::scalar::{CheckId, EnvironmentName, Line, Owner, Wait};
use stagegate_readiness::Demand;
use stagegate_rollout::Weight;

raw! {
    /// The checklist before a rollout: thirty built-in checks, `A1` to `F30`, and those of the team.
    pub(crate) struct RawReadiness {
        /// The effect of open checks on `stagegate rollout start`.
        demand: Demand = default("advisory"),
        /// Least share of cases that the offline run of a release must pass (`A1`).
        accuracy: Weight = default("90%"),
        /// Least share of production requests that must be near a case of the frozen set (`A2`).
        coverage: Weight = default("80%"),
        /// Largest expected calibration error of the offline run (`A5`).
        calibration: Weight = default("10%"),
        /// Largest weight of the first step (`E21`).
        first_step: Weight = default("5%"),
        /// The passport that a release needs from another environment. None, by default.
        passport: RawPassport = optional,
        /// Length of an hour of the runbook that begins at 100%, or `off`. A shorter one is for trying it out.
        runbook_hour: OrOff<Wait> = default("1h"),
        /// Another owner or expiry of a check, by its id.
        checks: Map<CheckId, RawCheckTerms> = default("{}"),
        /// Checks that the team drops, by id, each with the reason. Reports list them.
        drop: Map<CheckId, Line> = default("{}"),
        /// Checks of the team's own. People meet them.
        add: Vec<At<RawOwnCheck>> = default("[]"),
    }
}

raw! {
    /// The passport that a release needs from another environment.
    pub(crate) struct RawPassport {
        /// The environment, one of `environment.trusted`.
        from: EnvironmentName = required,
        /// Its greatest age.
        max_age: Wait = default("7d"),
        /// Checks that must have been met or waived there.
        checks: Vec<At<CheckId>> = default("[A1, A4, B8]"),
    }
}

raw! {
    /// Another owner or expiry of a check.
    pub(crate) struct RawCheckTerms {
        /// The owner, who is named in refusals.
        owner: Owner = optional,
        /// How long a signature or an attachment is good, up to 366d.
        expires: Wait = optional,
    }
}

raw! {
    /// A check of the team's own.
    pub(crate) struct RawOwnCheck {
        /// Its id, like `LEGAL`: a letter, then up to 15 letters, digits or `-`. Not one of the thirty.
        id: CheckId = required,
        /// The condition that must hold.
        question: Line = required,
        /// The owner, who is named in refusals.
        owner: Owner = required,
        /// How people meet it.
        kind: OwnKind = default("signed"),
        /// How long the signature or the attachment is good, up to 366d.
        expires: Wait = default("30d"),
    }
}

/// How people meet a check of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnKind {
    Signed,
    Attached,
}

words! {
    /// How people meet a check of their own.
    OwnKind, |kind| match kind {
        OwnKind::Signed => "signed",
        OwnKind::Attached => "attached",
    }, {
        /// A signature is enough.
        Signed,
        /// A file or a link must be attached.
        Attached,
    }
}

words! {
    /// The effect of open checks on the start of a rollout.
    Demand, |demand| demand.label(), {
        /// A start is refused. A check is waived by name, with a reason and an end.
        Required,
        /// A start goes on; the message about it says how many checks are open.
        Advisory,
        /// Nothing is checked.
        Off,
    }
}
