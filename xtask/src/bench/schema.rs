//! What the configuration of a built Stagegate can say: an older binary is measured too, with
//! the cases it knows nothing of left out.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::output;

/// Keys that cases depend on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Knows {
    /// `listeners[].tls`
    pub(super) tls: bool,
    /// `workloads.<name>.cost`: usage and price are read from every answer.
    pub(super) signals: bool,
}

impl Knows {
    /// Asks the binary for its schema.
    pub(super) fn ask(binary: &Path) -> Result<Self> {
        let schema = output(Command::new(binary).arg("schema"))?;
        let schema: Value = serde_json::from_str(&schema)
            .with_context(|| format!("{} schema printed no JSON", binary.display()))?;
        Ok(Self::read(&schema))
    }

    fn read(schema: &Value) -> Self {
        let has = |place: &str, key: &str| {
            schema.pointer(place).is_some_and(|properties| properties.get(key).is_some())
        };
        let listener = "/properties/listeners/items/properties";
        let workload = "/properties/workloads/additionalProperties/properties";
        Self { tls: has(listener, "tls"), signals: has(workload, "cost") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_found_where_they_belong() {
        let schema = json!({ "properties": {
            "listeners": { "items": { "properties": { "tls": {} } } },
            "workloads": { "additionalProperties": { "properties": { "match": {} } } },
        }});
        assert_eq!(Knows::read(&schema), Knows { tls: true, signals: false });
        assert_eq!(Knows::read(&json!({})), Knows::default());
    }
}
