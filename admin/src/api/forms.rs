//! Forms of texts and numbers that occur in many places of the document: names, reasons, headers. By
//! rule, so that none is forgotten.

use serde_json::{Map, Value, json};

/// A name: of a workload, a release, a cohort, a group.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";
/// A reason: no control characters but tabs and line ends.
const REASON: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";
/// The same, with something in it.
const SOME_REASON: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";
/// A share: `0%` to `100%` in steps of `0.001%`.
const SHARE: &str = r"^\s*(100(\.0{1,3})?|0?[0-9]{1,2}(\.[0-9]{1,3})?)\s*%\s*$";
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
            // A closed set.
            Some("hook") => {}
            Some("kind") => parameter["schema"]["enum"] = json!(["tenant", "user"]),
            _ => parameter["schema"]["minLength"] = json!(1),
        }
    }
}

/// Adds the forms of the schemas of requests: those with a reason, those that need one when they
/// override something, and members that need or exclude each other.
pub(super) fn of_schemas(schemas: &mut Value) {
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        // Only what is asked is limited; an answer says what is stored.
        if schema["additionalProperties"] != json!(false) {
            continue;
        }
        of_reasons(schema);
        match name.as_str() {
            "ActOnTask" => schema["properties"]["text"]["pattern"] = json!(SOME_REASON),
            // It would hide behind a path of the API.
            "AddRelease" => schema["properties"]["name"]["not"] = json!({ "const": "diff" }),
            "ChangeFlag" => of_flag_changes(schema),
            "StartRollout" => of_starts(schema),
            _ => {}
        }
    }
}

fn of_reasons(schema: &mut Value) {
    let is_required = |schema: &Value, name: &str| {
        schema["required"].as_array().is_some_and(|all| all.contains(&json!(name)))
    };
    if schema["properties"]["reason"].is_object() {
        let form = if is_required(schema, "reason") { SOME_REASON } else { REASON };
        schema["properties"]["reason"]["pattern"] = json!(form);
    }
    for name in ["override", "force"] {
        if schema["properties"][name].is_object() {
            schema["if"] = has(&[(name, json!({ "const": true }))]);
            // Whom somebody opts in needs a reason too.
            if schema["properties"]["opt_in"].is_object() {
                let some = has(&[("opt_in", json!({ "minItems": 1 }))]);
                schema["if"] = json!({ "anyOf": [schema["if"], some] });
            }
            schema["then"] = has(&[("reason", some_reason())]);
        }
    }
}

fn some_reason() -> Value {
    json!({ "type": "string", "pattern": SOME_REASON })
}

/// Members that are there, in these forms.
fn has(members: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let forms: Map<String, Value> =
        members.iter().map(|(name, form)| ((*name).to_owned(), form.clone())).collect();
    json!({ "properties": forms, "required": names })
}

/// Members that are left out, or null.
fn lacks(names: &[&str]) -> Value {
    let forms: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({ "type": "null" }))).collect();
    json!({ "properties": forms })
}

fn both(one: &Value, other: &Value) -> Value {
    json!({ "allOf": [one, other] })
}

/// Either a tenant or a user.
fn subject() -> Value {
    let text = json!({ "type": "string" });
    let one = |is: &str, is_not: &str| both(&has(&[(is, text.clone())]), &lacks(&[is_not]));
    json!({ "anyOf": [one("tenant", "user"), one("user", "tenant")] })
}

/// The members that each command on a flag needs.
fn of_flag_changes(schema: &mut Value) {
    let text = json!({ "type": "string" });
    let share = has(&[("share", json!({ "type": "string", "pattern": SHARE }))]);
    let is = |action: &str| has(&[("action", json!({ "const": action }))]);
    let dry_run = has(&[("dry_run", json!({ "const": true }))]);
    let which = json!({ "properties": { "remove": { "enum": [null, "set", "percent"] } } });
    let everybody = both(&lacks(&["tenant", "user"]), &which);
    let put = has(&[(
        "overriding",
        json!({ "type": "object", "properties": { "rules": {
        "items": { "allOf": [
            { "if": { "properties": { "rule": { "enum": ["allow", "deny"] } } }, "then": subject() },
            { "if": { "properties": { "rule": { "const": "percent" } } }, "then": share },
        ] }
    } } }),
    )]);
    let rows = [
        ("off", json!({ "anyOf": [dry_run, has(&[("reason", some_reason())])] })),
        ("set", has(&[("variant", text)])),
        ("allow", subject()),
        ("deny", subject()),
        ("percent", share),
        ("rm", json!({ "anyOf": [subject(), everybody] })),
        ("put", put),
    ];
    let chain = rows.into_iter().rev().fold(
        json!(true),
        |rest, (action, needs)| json!({ "if": is(action), "then": needs, "else": rest }),
    );
    for (key, part) in chain.as_object().into_iter().flatten() {
        schema[key] = part.clone();
    }
}

/// A rollout is one of a release, of a variant of a flag, or of the stable release with itself.
fn of_starts(schema: &mut Value) {
    let aa = has(&[("aa", json!({ "const": true }))]);
    let name = json!({ "type": "string", "pattern": NAME });
    let release = both(&has(&[("to", name)]), &lacks(&["flag"]));
    let text = json!({ "type": "string" });
    let variant = has(&[("to", text.clone()), ("flag", text)]);
    let start = json!({ "if": aa, "then": lacks(&["to", "flag"]),
        "else": { "anyOf": [release, variant] } });
    // The first condition is that of an override, which holds beside this one.
    let overriding = json!({ "if": schema["if"], "then": schema["then"] });
    schema["if"] = json!(true);
    schema["then"] = both(&overriding, &start);
}
