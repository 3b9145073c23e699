//! The keys that all scorers have, and those that all checks have.

use super::form::{Flag, Form, Number, Text, not_a};
use super::keys::{Context, KeyShape, Spot, keys};
use serde_json::{Value, json};

keys! {
    /// Keys of every scorer, besides `type`.
    pub(super) struct Common {
        /// Name that its scores are filed under. Names of a workload's scorers are distinct.
        name: Name = required, "polite";
        /// Whether its verdict counts: a sample passes if all scorers with `gate: true` pass it.
        gate: Flag = default("false"), "true";
        /// Pins the scorer for the length of a rollout. Without it, the version is a digest of the
        /// definition.
        version: Text = optional, r#""2""#;
    }
}

keys! {
    /// Keys of every check, besides `type`.
    pub(super) struct Checked {
        /// Turns the verdict around, as `not-` before the type does.
        not: Flag = default("false"), "true";
        /// How much it counts in an `assert-set` with a `threshold`.
        weight: Number<1_000_000> = default("1"), "2";
    }
}

/// The grammar of names.
pub(super) struct Name(pub(super) String);

impl Form for Name {
    fn name() -> String {
        "name".into()
    }

    fn shape() -> KeyShape {
        let form = "^[0-9A-Za-z][0-9A-Za-z._-]{0,62}$";
        KeyShape::Schema(json!({ "type": "string", "pattern": form }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let text = Text::read(value, spot, cx)?.0;
        if text.parse::<stagegate_rollout::WorkloadName>().is_ok() {
            return Some(Self(text));
        }
        let hint =
            "write 1 to 63 letters, digits, `.`, `_` or `-`, beginning with a letter or digit";
        not_a(value, &Spot { path: spot.path.clone(), hint: hint.into() }, cx)
    }
}
