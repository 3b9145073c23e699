//! Several checks as one: the type, its keys, and the list of checks in it.

use super::declared::{Make, Type};
use crate::scorer::form::{Form, Number, not_a};
use crate::scorer::keys::{Context, KeyShape, Keys, Spot, keys};
use serde_json::Value;

/// Sets may hold sets this deep.
const DEEPEST: usize = 8;

keys! {
    pub(crate) struct SetKeys {
        /// The checks. Each has the keys of its type, `not` and `weight`, and no name.
        assert: Items = required, r#"[{"type": "is-json"}, {"type": "not-contains", "value": "sorry"}]"#;
        /// The weighted mean of the checks that is a pass. Without it, all of them must pass.
        threshold: Number<1> = optional, "0.5";
    }
}

pub(super) const TYPES: &[Type] = &[Type {
    name: "assert-set",
    doc: "Passes when all of the checks pass, or when their weighted mean reaches `threshold`.",
    own: SetKeys::keys,
    make: Make::Set,
}];

/// The definitions of a set's checks, which are not read yet.
pub(crate) struct Items {
    pub(crate) list: Vec<Value>,
    /// JSON pointer to the list.
    pub(crate) path: String,
}

impl Form for Items {
    fn name() -> String {
        "list of checks".into()
    }

    fn shape() -> KeyShape {
        KeyShape::Checks
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let Value::Array(list) = value else { return not_a(value, spot, cx) };
        if list.is_empty() || cx.depth >= DEEPEST {
            spot.problem(format!("is empty, or nested more than {DEEPEST} deep"), cx);
            return None;
        }
        Some(Self { list: list.clone(), path: spot.path.clone() })
    }
}
