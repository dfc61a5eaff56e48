//! `GET /api/v1/openapi.json`: the API, described for programs, from the table of operations.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::operations::{OPERATIONS, Operation};
use crate::web::state::WebState;

/// The document.
pub(in crate::web) async fn document(State(state): State<WebState>) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, described(&state.config.public_url).to_string()).into_response()
}

/// The whole API in OpenAPI 3.1.
fn described(address: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths
            .entry(operation.path)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.to_lowercase(), one(operation));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Deskwarden",
            "version": "1",
            "summary": "What the dashboard shows, as JSON",
            "description": "Times are Unix milliseconds, UTC. A token is made on the page of API tokens and sent as \
                `Authorization: Bearer ...`. A token that is limited to departments reads only theirs. Lists give \
                `next`, which goes into `cursor`. Over the rate the answer is 429 with `Retry-After`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": address}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
            },
            "schemas": {
                "Failure": {
                    "type": "object", "required": ["error"],
                    "properties": {
                        "error": {"type": "string", "description": "Which failure, for programs"},
                        "message": {"type": "string", "description": "What and where, for people"},
                    },
                },
            },
        },
    })
}

fn one(operation: &Operation) -> Value {
    let failure = |what: &str| {
        json!({
            "description": what,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}},
        })
    };
    let inside = operation
        .path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let beside = (operation.parameters)().into_iter().map(
        |(name, what)| json!({"name": name, "in": "query", "description": what, "schema": {"type": "string"}}),
    );
    let parameters: Vec<Value> = inside.chain(beside).collect();
    let (status, gives) = operation.gives;
    let mut responses = Map::new();
    responses.insert(
        status.to_string(),
        json!({
            "description": operation.summary,
            "content": {"application/json": {"schema": gives()}},
        }),
    );
    for (status, what) in [
        ("400", "The request cannot be understood"),
        ("401", "No token, or one that does not hold"),
        ("403", "The token lacks the scope"),
        ("404", "There is no such thing, or it is not seen"),
        ("429", "Too many requests"),
    ] {
        responses.insert(status.to_owned(), failure(what));
    }
    if operation.method == "POST" {
        responses.insert(
            "409".to_owned(),
            failure("It does not allow that, or somebody else was faster"),
        );
    }
    let mut described = json!({
        "operationId": name(operation),
        "summary": operation.summary,
        "description": format!("Scope: `{}`", operation.scope.name()),
        "parameters": parameters,
        "responses": responses,
    });
    if let (Some(takes), Some(map)) = (operation.takes, described.as_object_mut()) {
        map.insert(
            "requestBody".to_owned(),
            json!({"required": true, "content": {"application/json": {"schema": takes()}}}),
        );
    }
    described
}

/// A name that programs make functions of: `get_findings_id`.
fn name(operation: &Operation) -> String {
    let path = operation
        .path
        .trim_start_matches("/api/v1/")
        .replace(['{', '}'], "")
        .replace('/', "_");
    format!("{}_{path}", operation.method.to_lowercase())
}
