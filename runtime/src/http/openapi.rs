//! The OpenAPI 3.1 document: what all routes share. What one route does stands at its handler.

use super::problem::Document;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Ref, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr, Required};
use utoipa::{Modify, OpenApi as _};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Loreforge",
        description = "Accounts and characters. The world itself is played over the WebSocket at `/v1/world/ws`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "auth", description = "Accounts and tokens"),
        (name = "characters", description = "Characters of the caller's account"),
        (name = "content", description = "What a character can be"),
        (name = "operation", description = "State of the server"),
    ),
    components(schemas(Document<'static>)),
    modifiers(&Bearer)
)]
struct Frame;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token of register, login, guest or refresh."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The document without routes.
pub(super) fn frame() -> OpenApi {
    Frame::openapi()
}

/// Adds to every route the problems that any such route can answer with, and the idempotency key.
pub(super) fn finish(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        let PathItem { get, post, delete, .. } = item;
        for (operation, mutates) in [(get, false), (post, true), (delete, true)] {
            let Some(operation) = operation else { continue };
            finish_operation(operation, mutates);
        }
    }
    document
}

fn finish_operation(operation: &mut Operation, mutates: bool) {
    let secured = operation.security.is_some();
    let too_many = match secured {
        true => "Too many requests of this account, or from this address.",
        false => "Too many requests from this address.",
    };
    let mut shared: Vec<(&str, &str)> = vec![
        ("408", "`timeout`: the request took more than 30 s."),
        ("429", too_many),
        ("500", "A defect of the server."),
    ];
    if secured {
        shared.push(("401", "No access token, or one that is not good (any more)."));
        shared.push(("403", "`banned`."));
        shared.push(("503", "The store cannot be reached; nothing was changed."));
    }
    if operation.request_body.is_some() {
        shared.push(("400", "`malformed_json`, or `bad_request`: the body cannot be read."));
        shared.push(("413", "The body is larger than 64 KiB."));
        shared.push(("415", "The body is not declared as JSON."));
        shared.push(("422", "A field is missing, unknown, or not acceptable; `detail` names it."));
    }
    if secured && mutates {
        shared.push(("400", "`invalid_idempotency_key`."));
        shared.push(("409", "`idempotency_running`: the first request with this key."));
        shared.push(("422", "The Idempotency-Key was used for another request."));
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "1 to 128 visible ASCII characters. The same request with the same key is answered again \
                 for 24 hours (`Idempotency-Replayed: true`), not carried out again.",
            ))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String).max_length(Some(128))))
            .build();
        operation.parameters.get_or_insert_default().push(RefOr::T(key));
    }
    for (status, description) in shared {
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(ResponseBuilder::new().description(description).build()));
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if !status.starts_with(['4', '5']) {
            continue;
        }
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        response.content.entry("application/problem+json".to_owned()).or_insert(RefOr::T(problem));
        let header = match status.as_str() {
            "401" => ("WWW-Authenticate", Type::String),
            "429" | "503" => ("Retry-After", Type::Integer),
            _ => continue,
        };
        let (name, kind) = header;
        let schema = ObjectBuilder::new().schema_type(kind).build();
        let header = HeaderBuilder::new().schema(Some(schema)).build();
        response.headers.insert(name.to_owned(), RefOr::T(header));
    }
}
