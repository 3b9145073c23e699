//! The number of an audit entry, filled in where the change was made before the number was known.

use serde_json::Value;

/// Member of a JSON object that is filled with the number of the audit entry where it is null: in
/// the entry's details, in the kept answer and in the body of a drill.
const NUMBER: &str = "audit_seq";

/// Fills the number of the audit entry in.
pub(super) fn fill(value: &mut Value, seq: u64) {
    if let Some(slot) = value.get_mut(NUMBER).filter(|slot| slot.is_null()) {
        *slot = seq.into();
    }
}

/// The JSON text with the number of the audit entry filled in.
pub(super) fn filled(text: &str, seq: u64) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) if value.get(NUMBER).is_some_and(Value::is_null) => {
            fill(&mut value, seq);
            value.to_string()
        }
        _ => text.to_owned(),
    }
}
