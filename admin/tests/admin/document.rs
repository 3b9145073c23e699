//! The OpenAPI document says what the router does.

use crate::world::World;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn document(world: &World) -> Value {
    world.get("/openapi.json").await.ok()
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((path.clone(), method.to_uppercase(), operation.clone()));
        }
    }
    operations
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(target) if key == "$ref" => {
                        found.insert(target.clone());
                    }
                    other => references(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let document = document(&World::open().await).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 30, "{found:?}");
    for target in found {
        let pointer = target.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
    }
}

#[tokio::test]
async fn every_documented_route_is_served_and_no_other_method() {
    let world = World::open().await;
    let document = document(&world).await;
    let operations = operations(&document);
    let paths: BTreeSet<&String> = operations.iter().map(|(path, _, _)| path).collect();
    assert_eq!((paths.len(), operations.len()), (81, 94), "{paths:#?}");
    for path in paths {
        let concrete: String = path.replace("{workload}", "agent").replace(['{', '}'], "");
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            let documented = operations.iter().any(|it| it.0 == *path && it.1 == method);
            let call = world.call(method.parse::<Method>().unwrap(), &concrete);
            let reply = call.send().await;
            let served = reply.status != 405 && !reply.text.contains("there is nothing at");
            assert_eq!(served, documented, "{method} {path}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn every_operation_is_complete() {
    let document = document(&World::open().await).await;
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let name = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{name}");
        assert!(operation["summary"].as_str().is_some_and(|it| !it.is_empty()), "{name}");
        assert!(operation["responses"]["200"].is_object(), "{name}");
        let is_guarded = operation["security"] == json!([{ "token": [] }]);
        let role = operation["x-role"].as_str().unwrap();
        assert_eq!(is_guarded, role != "none", "{name}");
        assert_eq!(is_guarded, operation["responses"]["401"].is_object(), "{name}");
        assert_eq!(
            is_guarded,
            path.starts_with("/v1/") || path.starts_with("/ofrep/") || path == "/metrics",
            "{name}"
        );
        assert!(operation.get("parameters").is_none_or(Value::is_array), "{name}");
        let in_path = path.matches('{').count();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let described = parameters.iter().filter(|it| it["in"] == "path").count();
        assert_eq!(in_path, described, "{name}");
        if operation["tags"] == json!(["change"]) {
            for status in ["400", "404", "409", "412", "413", "415", "422", "503"] {
                assert!(operation["responses"][status].is_object(), "{name}: {status}");
            }
            assert!(operation.to_string().contains("#/components/parameters/IfMatch"), "{name}");
        }
    }
}

#[tokio::test]
async fn the_page_to_browse_it_needs_nothing_from_elsewhere() {
    let world = World::open().await;
    let page = world.get("/docs").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    for elsewhere in ["http://", "https://", "src=", "@import", "<link"] {
        assert!(!page.text.contains(elsewhere), "{elsewhere}");
    }
    assert!(page.text.contains("/openapi.json"));
}

/// Fields that mean one of a closed set of words wherever they occur.
const SETS: [&str; 19] = [
    "arm",
    "axis",
    "command",
    "doubt",
    "health",
    "key_kind",
    "on_rollback",
    "outcome",
    "part",
    "phase",
    "result",
    "role",
    "rps_from",
    "rule",
    "severity",
    "state",
    "sticky",
    "turn",
    "verdict",
];

/// Fields that do so in these schemas.
const SETS_OF: [(&str, &str); 8] = [
    ("AxisReport", "axis"),
    ("ChannelStatus", "type"),
    ("Decision", "key"),
    ("Decision", "reason"),
    ("Explanation", "target"),
    ("JudgeDoubt", "reason"),
    ("SampleSummary", "reason"),
    ("ShadowDropped", "reason"),
];

/// Every field of every schema.
fn fields(schemas: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (name, schema) in schemas.as_object().unwrap() {
        let parts = schema["allOf"].as_array().cloned().unwrap_or_default();
        for part in std::iter::once(schema.clone()).chain(parts) {
            for (field, property) in part["properties"].as_object().into_iter().flatten() {
                found.push((name.clone(), field.clone(), property.clone()));
            }
        }
    }
    found
}

/// Returns true if a property's schema is an enum, or may be one.
fn is_enum(schemas: &Value, property: &Value) -> bool {
    if let Some(reference) = property["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return schemas[name]["enum"].is_array();
    }
    ["oneOf", "allOf", "anyOf"]
        .iter()
        .flat_map(|all| property[all].as_array().into_iter().flatten())
        .any(|one| is_enum(schemas, one))
}

#[tokio::test]
async fn fields_of_closed_sets_list_their_words() {
    let world = World::open().await;
    let document = world.get("/openapi.json").await.ok();
    let schemas = &document["components"]["schemas"];
    let mut seen = BTreeSet::new();
    for (schema, field, property) in fields(schemas) {
        let known = SETS_OF.contains(&(&*schema, &*field));
        if known || SETS.contains(&&*field) {
            assert!(is_enum(schemas, &property), "{schema}.{field}: {property}");
            seen.insert(field);
        }
    }
    for field in SETS {
        assert!(seen.contains(field), "no schema has the field `{field}`");
    }
    let words = |name: &str| schemas[name]["enum"].clone();
    assert_eq!(words("Arm"), json!(["stable", "candidate"]));
    assert_eq!(words("Verdict"), json!(["pass", "fail", "inconclusive", "error"]));
    for query in ["/v1/decisions", "/v1/samples"] {
        let parameters = &document["paths"][query]["get"]["parameters"];
        let arm = parameters.as_array().unwrap().iter().find(|it| it["name"] == "arm").unwrap();
        assert!(is_enum(schemas, &arm["schema"]), "{arm}");
    }
}

/// The document says when the start of a rollout is none, and the API refuses just those.
#[tokio::test]
async fn the_document_and_the_starts_agree() {
    let world = World::open().await;
    let document = document(&world).await;
    let mut schema = document["components"]["schemas"]["StartRollout"].clone();
    schema["components"] = document["components"].clone();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for (body, fits) in [
        (json!({}), false),
        (json!({ "to": null }), false),
        (json!({ "aa": true, "to": "v2" }), false),
        (json!({ "aa": true, "flag": "f" }), false),
        (json!({ "flag": "f" }), false),
        (json!({ "to": "v 2" }), false),
        (json!({ "to": "v 2", "flag": "f" }), true),
        (json!({ "to": "v2", "override": true }), false),
        (json!({ "to": "v2", "override": true, "reason": "\r" }), false),
        (json!({ "to": "v2", "override": true, "reason": "r" }), true),
        (json!({ "to": "v2", "flag": null, "aa": false }), true),
        (json!({ "aa": true, "to": null }), true),
    ] {
        assert_eq!(schema.is_valid(&body), fits, "the document on {body}");
        let status = world.post("/v1/workloads/agent/rollouts", body.clone()).await.status;
        assert_eq!(status != 400, fits, "{body} is answered {status}");
    }
}
