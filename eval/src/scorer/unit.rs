//! What a scorer judges: a turn, or a conversation as a whole.

use super::context::{Context, Spot};
use super::form::{Form, not_a};
use super::keys::Fields;
use super::shape::KeyShape;
use serde_json::{Value, json};

/// What a scorer judges at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScoredUnit {
    /// One answer.
    Turn,
    /// All turns of a conversation, once it is over.
    Conversation {
        /// Milliseconds without a turn after which it is over.
        idle_ms: u64,
        /// The tool whose call ends it at once.
        ends: Option<String>,
    },
}

impl ScoredUnit {
    /// True if conversations are judged as a whole.
    #[must_use]
    pub const fn is_conversation(&self) -> bool {
        matches!(self, Self::Conversation { .. })
    }
}

/// Time without a turn after which a conversation is over, in milliseconds.
const IDLE_MS: u64 = 300_000;

/// `turn` or `conversation`.
pub(super) struct Unit {
    is_conversation: bool,
}

impl Form for Unit {
    fn name() -> String {
        "`turn` or `conversation`".into()
    }

    fn shape() -> KeyShape {
        KeyShape::Schema(json!({ "type": "string", "enum": ["turn", "conversation"] }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        match value.as_str() {
            Some("turn") => Some(Self { is_conversation: false }),
            Some("conversation") => Some(Self { is_conversation: true }),
            _ => not_a(value, spot, cx),
        }
    }
}

/// The unit that the keys of a scorer name.
pub(super) fn unit(
    unit: &Unit,
    idle_ms: Option<u64>,
    ends: Option<String>,
    fields: &Fields<'_>,
    cx: &mut Context<'_>,
) -> ScoredUnit {
    if unit.is_conversation {
        return ScoredUnit::Conversation { idle_ms: idle_ms.unwrap_or(IDLE_MS), ends };
    }
    for key in ["idle", "ends"] {
        if fields.get(key).is_some() {
            let message = "says when a conversation is over, and each turn is judged by itself";
            fields.problem(key, message, "leave it out, or write `unit: conversation`", cx);
        }
    }
    ScoredUnit::Turn
}
