//! The keys that all scorers have, and those that all checks have.

use super::form::{Flag, Form, Number, Span, Text, not_a};
use super::keys::{Context, KeyShape, Spot, keys};
use super::unit::Unit;
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
        /// What is judged: each sampled `turn`, or each sampled `conversation` as a whole once it is over. The
        /// verdict of a conversation is one unit of the gates. Scorers with `gate: true` all judge the same.
        unit: Unit = default("turn"), "conversation";
        /// Time without a turn after which a conversation is over, by default `5m`. Where several scorers say it,
        /// the longest counts. Only with `unit: conversation`.
        idle: Span<3_600_000> = optional, "10m";
        /// Name of a tool: an answer that calls it ends the conversation at once. Only with `unit: conversation`.
        ends: Text = optional, "end_call";
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
