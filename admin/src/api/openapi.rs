//! The OpenAPI 3.1 document: what the route table cannot say itself.
//!
//! Paths, bodies and schemas come from the handlers. What holds for whole groups of routes (who may
//! call, which errors there are, which headers a change takes) is added here once, by rule, so that
//! it cannot be forgotten on one of them.

use super::error::Kind;
use super::forms;
use super::routes::Access;
use serde_json::{Map, Value, json};
use stagegate_api::Problem;
use std::collections::BTreeMap;
use utoipa::OpenApi;

/// The document before any route: title, tags and the schema of errors.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stagegate admin API",
        description = "Moves workloads between their stable and candidate releases, and explains the routing of each request. Errors are RFC 9457 problems. Every change is recorded before it takes effect.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "read", description = "Configuration and state in force. Role: viewer."),
        (name = "change", description = "Moving traffic. Role: operator."),
        (name = "records", description = "Decisions and audit. Role: viewer."),
        (name = "eval", description = "Sampled responses and their scores. Role: viewer; operator to score."),
        (name = "hooks", description = "Questions of other deployment tools. Role: viewer; operator at the end."),
        (name = "system", description = "Probes, metrics, reload.")
    ),
    components(schemas(Problem))
)]
struct Frame;

pub(super) fn document() -> utoipa::openapi::OpenApi {
    Frame::openapi()
}

/// Who may call each route, by path and method.
pub(super) type Roles = BTreeMap<(String, String), Access>;

/// Adds the routes of a document that need `access`.
pub(super) fn note_roles(roles: &mut Roles, access: Access, document: &utoipa::openapi::OpenApi) {
    let document = json!(document);
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in item.as_object().into_iter().flatten().map(|(method, _)| method) {
            roles.insert((path.clone(), method.clone()), access);
        }
    }
}

/// Adds what holds for groups of routes.
pub(super) fn finish(document: &utoipa::openapi::OpenApi, roles: &Roles) -> Value {
    let mut document = json!(document);
    document["components"]["securitySchemes"] = json!({
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of `admin.tokens`. Without any configured token none is needed, and only requests to a loopback name are answered."
        }
    });
    document["components"]["responses"] = responses();
    document["components"]["parameters"] = change_headers();
    forms::of_schemas(&mut document["components"]["schemas"]);
    if let Some(paths) = document["paths"].as_object_mut() {
        add_own_pages(paths);
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                let access = roles.get(&(path.clone(), method.clone()));
                complete(path, method, access.copied().unwrap_or(Access::Open), operation);
            }
        }
    }
    document
}

/// The name of a kind's response among the components.
fn component(kind: Kind) -> String {
    let words = kind.parts().0.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

fn responses() -> Value {
    let response = |kind: Kind| {
        let (slug, title, _) = kind.parts();
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let body = json!({
            "description": format!("{title} (`/problems/{slug}`)."),
            "content": { "application/problem+json": { "schema": schema } }
        });
        (component(kind), body)
    };
    Value::Object(Kind::ALL.into_iter().map(response).collect())
}

fn change_headers() -> Value {
    json!({
        "IfMatch": {
            "name": "If-Match", "in": "header", "required": false,
            "schema": { "type": "string", "pattern": forms::EPOCHS, "examples": ["\"7\""] },
            "description": "The `ETag` the caller saw. If the workload changed since, nothing is done and the answer is 412 with the workload as it is."
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header", "required": false,
            "schema": { "type": "string", "pattern": forms::KEY },
            "description": "Repeating a request with the same key within 24 hours gives the first answer again, marked `idempotent-replayed: true`, and does nothing."
        }
    })
}

/// The pages about the API itself, which no handler describes.
fn add_own_pages(paths: &mut Map<String, Value>) {
    for (path, id, media_type, what) in [
        ("/openapi.json", "openapi", "application/json", "This document."),
        ("/docs", "docs", "text/html", "A page to browse this document."),
    ] {
        let operation = json!({
            "tags": ["system"],
            "operationId": id,
            "summary": what,
            "responses": { "200": { "description": what, "content": { media_type: {} } } }
        });
        paths.insert(path.to_owned(), json!({ "get": operation }));
    }
}

/// Adds security, common errors and headers to one operation.
fn complete(path: &str, method: &str, access: Access, operation: &mut Value) {
    let mut kinds = vec![Kind::Internal, Kind::Timeout];
    operation["x-role"] = json!(access.label());
    forms::of_path(operation);
    if path == "/readyz" {
        kinds.push(Kind::NotReady);
    }
    if path.ends_with("/gates/replay") {
        kinds.push(Kind::InvalidConfig);
    }
    if access == Access::Open {
        operation["security"] = json!([]);
    } else {
        operation["security"] = json!([{ "token": [] }]);
        kinds.extend([Kind::Unauthenticated, Kind::Forbidden]);
    }
    if path.starts_with("/v1/") && path != "/v1/whoami" && path != "/v1/status" {
        kinds.extend([Kind::BadRequest, Kind::NotFound, Kind::Unavailable]);
    }
    if operation.get("requestBody").is_some() {
        kinds.extend([Kind::TooLarge, Kind::NotJson]);
    }
    if path == "/v1/reload" {
        kinds.extend([Kind::InvalidConfig, Kind::Refused]);
    }
    let is_change =
        operation["tags"].as_array().is_some_and(|tags| tags.contains(&json!("change")));
    if is_change {
        kinds.extend([Kind::Refused, Kind::Stale, Kind::KeyReused]);
        let headers = ["IfMatch", "IdempotencyKey"]
            .map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }));
        if let Some(parameters) = operation["parameters"].as_array_mut() {
            parameters.extend(headers);
        }
        operation["responses"]["200"]["headers"] = json!({
            "etag": { "description": "The workload's epoch.", "schema": { "type": "string" } },
            "idempotent-replayed": {
                "description": "`true` when the answer is that of an earlier request.",
                "schema": { "type": "string" }
            }
        });
    }
    debug_assert!(matches!(method, "get" | "put" | "post" | "delete"));
    for kind in kinds {
        let status = kind.parts().2.as_str().to_owned();
        let reference = format!("#/components/responses/{}", component(kind));
        operation["responses"][status] = json!({ "$ref": reference });
    }
}
