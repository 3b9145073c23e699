//! The OpenAPI document: what this server does of OFREP 0.3.

use serde_json::{Value, json};

/// The document.
pub(crate) fn document() -> Value {
    let context = json!({
        "type": "object", "required": ["context"],
        "properties": { "context": {
            "type": "object", "additionalProperties": true,
            "properties": {
                "targetingKey": { "type": "string", "description": "The key by which percentages choose." },
                "request_id": { "type": "string", "description": "The request that the program works on, whose record then has the evaluation." },
                "traceparent": { "type": "string", "description": "The trace of that request (W3C Trace Context)." }
            }
        } }
    });
    let body =
        json!({ "required": true, "content": { "application/json": { "schema": context } } });
    let of = |name: &str, text: &str| {
        json!({
            "description": text,
            "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } }
        })
    };
    // Headers that name the request for which a program asks.
    let [id, trace, baggage] = ["x-request-id", "traceparent", "baggage"].map(|name| {
        json!({ "name": name, "in": "header", "schema": { "type": "string" },
            "description": "Names the request that the program works on, whose record then has the evaluation." })
    });
    let plain = |text: &str| json!({ "description": text });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Stagegate feature flags (OFREP)", "version": "0.3.0",
            "description": "Evaluates feature flags by the OpenFeature Remote Evaluation Protocol 0.3.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "security": [{ "bearer": [] }, { "apiKey": [] }],
        "paths": {
            "/ofrep/v1/evaluate/flags/{key}": { "post": {
                "operationId": "evaluateFlag", "summary": "Evaluate one flag",
                "parameters": [{ "name": "key", "in": "path", "required": true, "schema": { "type": "string" } }, id, trace, baggage],
                "requestBody": body,
                "responses": {
                    "200": of("Evaluation", "The evaluation."),
                    "400": of("Failure", "The context cannot be read or exceeds a limit, or the rule failed."),
                    "401": of("Refusal", "The key is missing or unknown."),
                    "403": of("Refusal", "Pages of this origin may not ask."),
                    "404": of("Failure", "There is no such flag."),
                    "429": of("Refusal", "The client asks too often. `Retry-After` says how many seconds to wait.")
                }
            } },
            "/ofrep/v1/evaluate/flags": { "post": {
                "operationId": "evaluateFlagsBulk", "summary": "Evaluate all flags",
                "parameters": [
                    { "name": "If-None-Match", "in": "header", "schema": { "type": "string" } },
                    { "name": "flagConfigEtag", "in": "query", "schema": { "type": "string" },
                      "description": "The tag of the event that caused the request." },
                    id, trace, baggage
                ],
                "requestBody": body,
                "responses": {
                    "200": of("Evaluations", "All evaluations. `ETag` covers the definitions, the context and the result."),
                    "304": plain("Nothing differs from the answer with the given tag."),
                    "400": of("Failure", "The context cannot be read or exceeds a limit."),
                    "401": of("Refusal", "The key is missing or unknown."),
                    "403": of("Refusal", "Pages of this origin may not ask."),
                    "429": of("Refusal", "The client asks too often.")
                }
            } },
            "/ofrep/v1/events": { "get": {
                "operationId": "events", "summary": "An event for each change of the flags",
                "parameters": [{ "name": "ticket", "in": "query", "schema": { "type": "string" },
                    "description": "From `eventStreams`, instead of a key." }],
                "responses": {
                    "200": { "description": "Server-sent events whose data are `{\"type\": \"refetchEvaluation\", \"etag\": …}`.",
                        "content": { "text/event-stream": { "schema": { "type": "string" } } } },
                    "401": of("Refusal", "The ticket or the key is missing, unknown or expired."),
                    "503": of("Refusal", "Too many streams are open.")
                }
            } }
        },
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "apiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key" }
            },
            "schemas": schemas()
        }
    })
}

fn schemas() -> Value {
    let metadata = json!({ "type": "object", "additionalProperties": { "type": ["boolean", "string", "number"] } });
    json!({
        "Evaluation": { "type": "object", "required": ["key", "reason"], "properties": {
            "key": { "type": "string" },
            "value": { "type": ["boolean", "string", "number", "object"],
                "description": "Absent if the caller is to use its own default." },
            "variant": { "type": "string", "description": "Empty if the caller is to use its own default." },
            "reason": { "type": "string", "enum": ["STATIC", "DEFAULT", "TARGETING_MATCH", "DISABLED"] },
            "metadata": metadata
        } },
        "Failure": { "type": "object", "required": ["errorCode"], "properties": {
            "key": { "type": "string" },
            "errorCode": { "type": "string", "enum": ["PARSE_ERROR", "INVALID_CONTEXT", "GENERAL", "FLAG_NOT_FOUND"] },
            "errorDetails": { "type": "string" },
            "metadata": metadata
        } },
        "Refusal": { "type": "object", "properties": { "errorDetails": { "type": "string" } } },
        "Evaluations": { "type": "object", "required": ["flags"], "properties": {
            "flags": { "type": "array", "items": { "oneOf": [
                { "$ref": "#/components/schemas/Evaluation" }, { "$ref": "#/components/schemas/Failure" }
            ] } },
            "eventStreams": { "type": "array", "items": { "type": "object", "properties": {
                "type": { "type": "string" },
                "endpoint": { "type": "object", "properties": { "requestUri": { "type": "string" } } },
                "inactivityDelaySec": { "type": "integer" }
            } } },
            "metadata": metadata
        } }
    })
}
