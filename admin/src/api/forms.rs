//! Forms of texts and numbers that occur in many places of the document: names, reasons, headers. By
//! rule, so that none is forgotten.

use serde_json::{Value, json};

/// A name: of a workload, a release, a cohort, a group.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";
/// A reason: no control characters but tabs and line ends.
const REASON: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";
/// The same, with something in it.
const SOME_REASON: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";
/// One or several epochs, with or without quotes, or `*`.
pub(super) const EPOCHS: &str =
    r#"^(\*|("[0-9]{1,18}"|[0-9]{1,18})(, ?("[0-9]{1,18}"|[0-9]{1,18}))*)$"#;
/// An idempotency key.
pub(super) const KEY: &str = "^[!-~]{1,128}$";

/// Adds the forms of an operation's path parameters.
pub(super) fn of_path(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if parameter["in"] != "path" {
            continue;
        }
        match parameter["name"].as_str() {
            Some("workload" | "release" | "cohort" | "group" | "channel") => {
                parameter["schema"]["pattern"] = json!(NAME);
            }
            Some("kind") => parameter["schema"]["enum"] = json!(["tenant", "user"]),
            _ => parameter["schema"]["minLength"] = json!(1),
        }
    }
}

/// Adds the forms of the schemas of requests: those with a reason, and those that need one when they
/// override something.
pub(super) fn of_schemas(schemas: &mut Value) {
    for schema in schemas.as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        // Only what is asked is limited; an answer says what is stored.
        if schema["additionalProperties"] != json!(false) {
            continue;
        }
        let is_required = |schema: &Value, name: &str| {
            schema["required"].as_array().is_some_and(|all| all.contains(&json!(name)))
        };
        if schema["properties"]["reason"].is_object() {
            let form = if is_required(schema, "reason") { SOME_REASON } else { REASON };
            schema["properties"]["reason"]["pattern"] = json!(form);
        }
        for name in ["override", "force"] {
            if schema["properties"][name].is_object() {
                schema["if"] =
                    json!({ "properties": { name: { "const": true } }, "required": [name] });
                // Whom somebody opts in needs a reason too.
                let opts_in = schema["properties"]["opt_in"].is_object();
                if opts_in {
                    let some = json!({ "properties": { "opt_in": { "minItems": 1 } },
                        "required": ["opt_in"] });
                    schema["if"] = json!({ "anyOf": [schema["if"], some] });
                }
                let reason = json!({ "type": "string", "pattern": SOME_REASON });
                schema["then"] =
                    json!({ "properties": { "reason": reason }, "required": ["reason"] });
            }
        }
    }
}
