//! The OpenAPI description: what each operation says of itself (`#[utoipa::path]`), completed with what all
//! of them share, so that a handler names only what is its own.
//!
//! | stands in every operation | from |
//! |---|---|
//! | summary and description | the handler's doc comment, without verb and path |
//! | path parameters | [`path_parameter`], by their names |
//! | credentials | K where `security` says so, else U (`auth.rs`) |
//! | refusals | [`usual_refusals`]: by credentials, path and body; others are named by the handler |

use std::collections::BTreeSet;

use utoipa::openapi::content::Content;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayItems, ComponentsBuilder, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    InfoBuilder, KnownFormat, License, OpenApi, OpenApiBuilder, Ref, RefOr, Required, SchemaFormat,
    ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::error::Envelope;
use super::schema::{Emoji, Id, InviteToken, MAY_BE_ABSENT, PushToken, UserId, kind_named};
use super::table::Table;

/// Names of the security schemes, as `security` names them.
const KEY: &str = "apiKey";
const TOKEN: &str = "accessToken";
const REFRESH: &str = "refreshToken";

const JSON: &str = "application/json";
const SHAPES: &str = "#/components/schemas/";
const RESPONSES: &str = "#/components/responses/";

/// What each refusal is called and means, by its status.
const REFUSALS: &[(&str, &str, &str)] = &[
    (
        "400",
        "Invalid",
        "`VALIDATION_ERROR`: body, query, header or a rule on input is broken; `details` say where.",
    ),
    (
        "401",
        "Unauthorized",
        "`UNAUTHORIZED`: the API key or all credentials are missing or wrong. `INVALID_TOKEN`: the bearer token is malformed, expired, revoked or foreign.",
    ),
    ("403", "Forbidden", "`FORBIDDEN`: signed in, but not allowed."),
    ("404", "NotFound", "`NOT_FOUND`: there is no such thing, or it belongs to another app."),
    ("413", "TooLarge", "`PAYLOAD_TOO_LARGE`: the request body is larger than the server takes."),
    ("429", "RateLimited", "`RATE_LIMITED`: too many calls; come back after `Retry-After` seconds."),
    (
        "503",
        "Unavailable",
        "`SERVICE_UNAVAILABLE`: a part of the server is away or too busy; come back after `Retry-After` seconds.",
    ),
];

// --------------------------------------------------------------------------------- one operation

/// Adds to an operation what it shares with the others.
pub(super) fn complete(path: &str, operation: &mut Operation) {
    tell(operation);
    let mut parameters: Vec<RefOr<Parameter>> = names_in(path).map(path_parameter).map(RefOr::T).collect();
    parameters.append(operation.parameters.get_or_insert_default());
    for parameter in &mut parameters {
        if let RefOr::T(Parameter { schema: Some(schema), .. }) = parameter {
            walk(schema, &mut in_place);
            never_null(schema);
        }
    }
    let has_input = operation.request_body.is_some()
        || parameters.iter().any(|one| matches!(one, RefOr::T(one) if one.parameter_in != ParameterIn::Path));
    operation.parameters = (!parameters.is_empty()).then_some(parameters);

    let security = operation.security.get_or_insert_with(|| vec![user_security()]);
    let by_key = *security == [key_security()];
    let statuses = usual_refusals(path, by_key, operation.request_body.is_some(), has_input);
    let responses = &mut operation.responses.responses;
    for status in statuses {
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(Response::new("")));
    }
    for (status, response) in responses {
        let RefOr::T(answer) = response else { continue };
        match REFUSALS.iter().find(|(known, ..)| known == status) {
            Some((_, name, _)) if answer.description.is_empty() => {
                *response = RefOr::Ref(Ref::new(format!("{RESPONSES}{name}")));
            }
            Some((status, ..)) => *response = RefOr::T(refusal(status, &answer.description)),
            None if answer.description.is_empty() => {
                answer.description = if status == "201" { "Made." } else { "Done." }.to_owned();
            }
            None => {}
        }
    }
}

/// The statuses with which operations refuse, besides those that they name themselves.
fn usual_refusals(path: &str, by_key: bool, has_body: bool, has_input: bool) -> Vec<&'static str> {
    let mut statuses = vec!["401", "429", "503"];
    if has_input {
        statuses.push("400");
    }
    if has_body {
        statuses.push("413");
    }
    if path.contains('{') {
        statuses.push("404");
    }
    // A public key; somebody who is not in the channel.
    if by_key || path.contains("/channels/{id}") {
        statuses.push("403");
    }
    statuses
}

/// Turns a doc comment (verb and path, a colon, what the call does) into summary and description.
fn tell(operation: &mut Operation) {
    let lines = [operation.summary.take(), operation.description.take()].into_iter().flatten();
    let text = lines.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.split_once("`: ").map_or(text.as_str(), |(_, said)| said);
    let mut letters = text.chars();
    let text: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let end = text.find(['.', ';', ':']).unwrap_or(text.len());
    operation.summary = Some(text[..end].to_owned());
    operation.description = (end + 1 < text.len()).then_some(text);
}

fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// A parameter that stands in paths.
fn path_parameter(name: &str) -> Parameter {
    let (schema, about) = match name {
        "id" => (Id::schema(), "Id of a channel."),
        "mid" => (Id::schema(), "Id of a message; also the `clientMsgId` of one, if that is a UUID."),
        "userId" => (UserId::schema(), "Id of a user; for members also `me`."),
        "emoji" => (Emoji::schema(), "The emoji, percent-encoded."),
        "wid" => (Id::schema(), "Id of a workspace."),
        "deviceId" => (PushToken::schema(), "Id of a device, its `deviceId`, or its push token."),
        "token" => (InviteToken::schema(), "The token of an invite."),
        _ => (String::schema(), ""),
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description((!about.is_empty()).then_some(about))
        .schema(Some(schema))
        .build()
}

fn key_security() -> SecurityRequirement {
    SecurityRequirement::new::<_, [&str; 0], _>(KEY, [])
}

fn user_security() -> SecurityRequirement {
    key_security().add::<_, [&str; 0], _>(TOKEN, [])
}

fn refusal(status: &str, description: &str) -> Response {
    let envelope = Ref::new(format!("{SHAPES}{}", Envelope::name()));
    let mut response =
        ResponseBuilder::new().description(description).content(JSON, Content::new(Some(envelope)));
    if matches!(status, "429" | "503") {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let header = HeaderBuilder::new()
            .description(Some("Seconds until a repeat may succeed."))
            .schema(Some(seconds));
        response = response.header("Retry-After", header.build());
    }
    response.build()
}

// ---------------------------------------------------------------------------------------- shapes

/// `Body` and `Reply` are private to their handler: they are called after its operation.
pub(super) fn own_name(id: &str, name: &str) -> String {
    match name {
        "Body" | "Reply" => format!("{id}.{name}"),
        _ => name.to_owned(),
    }
}

/// Corrects an operation's references to its own shapes, and puts kinds of values in their places.
pub(super) fn name_own_shapes(id: &str, operation: &mut Operation) {
    let body = operation.request_body.iter_mut().filter_map(|body| match body {
        RefOr::T(body) => Some(body.content.values_mut()),
        RefOr::Ref(_) => None,
    });
    let responses = operation.responses.responses.values_mut().filter_map(|response| match response {
        RefOr::T(response) => Some(response.content.values_mut()),
        RefOr::Ref(_) => None,
    });
    for content in body.flatten().chain(responses.flatten()) {
        if let RefOr::T(Content { schema: Some(schema), .. }) = content {
            name_own_shapes_in(id, schema);
        }
    }
}

/// The same in a shape.
pub(super) fn name_own_shapes_in(id: &str, schema: &mut RefOr<Schema>) {
    walk(schema, &mut |part| {
        if let RefOr::Ref(reference) = part
            && let Some(name) = reference.ref_location.strip_prefix(SHAPES)
        {
            reference.ref_location = format!("{SHAPES}{}", own_name(id, name));
        }
        in_place(part);
    });
}

/// Calls `visit` with every part of a shape, inner ones first, and with the shape itself.
fn walk(schema: &mut RefOr<Schema>, visit: &mut impl FnMut(&mut RefOr<Schema>)) {
    if let RefOr::T(schema) = schema {
        match schema {
            Schema::Object(object) => {
                object.properties.values_mut().for_each(|part| walk(part, visit));
                if let Some(AdditionalProperties::RefOr(part)) = object.additional_properties.as_deref_mut() {
                    walk(part, visit);
                }
            }
            Schema::Array(array) => {
                if let ArrayItems::RefOrSchema(part) = &mut array.items {
                    walk(part, visit);
                }
            }
            Schema::OneOf(parts) => parts.items.iter_mut().for_each(|part| walk(part, visit)),
            Schema::AllOf(parts) => parts.items.iter_mut().for_each(|part| walk(part, visit)),
            Schema::AnyOf(parts) => parts.items.iter_mut().for_each(|part| walk(part, visit)),
            _ => {}
        }
    }
    visit(schema);
}

/// A reference to a kind of values becomes the kind, and a kind or null becomes one that may be null.
fn in_place(part: &mut RefOr<Schema>) {
    match part {
        RefOr::Ref(reference) => {
            let known = reference.ref_location.strip_prefix(SHAPES).and_then(kind_named);
            if let Some(RefOr::T(Schema::Object(mut object))) = known {
                if !reference.description.is_empty() {
                    object.description = Some(std::mem::take(&mut reference.description));
                }
                *part = RefOr::T(Schema::Object(object));
            }
        }
        RefOr::T(Schema::OneOf(either)) => {
            if !matches!(either.items.as_slice(), [one, other] if is_null(one) != is_null(other)) {
                return;
            }
            let Some(RefOr::T(Schema::Object(one))) = either.items.iter_mut().find(|one| !is_null(one))
            else {
                return;
            };
            let SchemaType::Type(kind @ (Type::String | Type::Object)) = &one.schema_type else { return };
            one.schema_type = SchemaType::from_iter([kind.clone(), Type::Null]);
            if let Some(values) = &mut one.enum_values {
                values.push(serde_json::Value::Null);
            }
            if either.description.is_some() {
                one.description = either.description.take();
            }
            *part = RefOr::T(Schema::Object(one.clone()));
        }
        RefOr::T(_) => {}
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null))
}

fn may_be_null(schema: &RefOr<Schema>) -> bool {
    let among = |kind: &SchemaType| matches!(kind, SchemaType::Array(kinds) if kinds.contains(&Type::Null));
    match schema {
        RefOr::T(Schema::Object(object)) => is_null(schema) || among(&object.schema_type),
        RefOr::T(Schema::Array(array)) => among(&array.schema_type),
        RefOr::T(Schema::OneOf(either)) => either.items.iter().any(is_null),
        _ => false,
    }
}

/// A parameter is there or not, it is never null. Numbers of any size are brought into their range.
fn never_null(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::Object(object)) = schema {
        if object.format == Some(SchemaFormat::KnownFormat(KnownFormat::Int64)) {
            object.format = None;
        }
        if let SchemaType::Array(kinds) = &object.schema_type
            && let Some(kind) = kinds.iter().find(|kind| **kind != Type::Null)
        {
            object.schema_type = SchemaType::Type(kind.clone());
        }
        if let Some(values) = &mut object.enum_values {
            values.retain(|value| !value.is_null());
        }
    }
}

/// In answers what may be null is always there, unless it is marked (see `schema.rs`).
fn always_there(part: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = part else { return };
    for (name, field) in &mut object.properties {
        let optional = match field {
            RefOr::T(Schema::Object(field)) => {
                field.extensions.as_mut().is_some_and(|all| all.remove(MAY_BE_ABSENT).is_some())
            }
            _ => false,
        };
        if may_be_null(field) && !optional && !object.required.contains(name) {
            object.required.push(name.clone());
        }
    }
}

// ------------------------------------------------------------------------------------- the whole

/// The description of a table of routes. `with_key` says whether user calls need an API key.
pub(super) fn document(table: &Table, with_key: bool) -> OpenApi {
    let mut schemas = table.schemas.clone();
    let mut refusal_shapes = vec![(Envelope::name().into_owned(), Envelope::schema())];
    Envelope::schemas(&mut refusal_shapes);
    schemas.extend(refusal_shapes);

    let mut paths = table.paths.clone();
    let mut answered = vec![Envelope::name().into_owned()];
    for operation in paths.paths.values_mut().flat_map(operations) {
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            let shapes = body.content.values_mut().filter_map(|content| match content {
                RefOr::T(Content { schema: Some(schema), .. }) => Some(references(schema)),
                _ => None,
            });
            // An absent body reads as `{}`.
            let needed = shapes.flatten().any(|name| has_required(schemas.get(&name)));
            body.required = Some(if needed { Required::True } else { Required::False });
        }
        if !with_key && operation.security.as_deref() == Some(&[user_security()]) {
            let token = SecurityRequirement::new::<_, [&str; 0], _>(TOKEN, []);
            operation.security = Some(vec![token, user_security()]);
        }
        for response in operation.responses.responses.values_mut() {
            let RefOr::T(response) = response else { continue };
            for content in response.content.values_mut() {
                if let RefOr::T(Content { schema: Some(schema), .. }) = content {
                    answered.extend(references(schema));
                }
            }
        }
    }
    let mut seen = BTreeSet::new();
    while let Some(name) = answered.pop() {
        if let Some(schema) = schemas.get_mut(&name)
            && seen.insert(name)
        {
            walk(schema, &mut always_there);
            answered.extend(references(schema));
        }
    }

    let responses = REFUSALS.iter().map(|(status, name, about)| (*name, refusal(status, about)));
    let components = ComponentsBuilder::new().schemas_from_iter(schemas).responses_from_iter(responses);
    let key = "The app's API key. A secret one opens everything, a public one only names the app.";
    let key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("X-API-Key", key)));
    let bearer = |about: &str| {
        let http = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        SecurityScheme::Http(http.description(Some(about)).build())
    };
    let components = components
        .security_scheme(KEY, key)
        .security_scheme(TOKEN, bearer("A user's access token, from `POST /tokens`."))
        .security_scheme(REFRESH, bearer("A refresh token; it may stand in the body instead."));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Parlance")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(include_str!("describe.md").trim()))
                .license(Some(License::new("Apache-2.0")))
                .build(),
        )
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .tags(Some(table.tags.clone()))
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

/// All operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

fn has_required(schema: Option<&RefOr<Schema>>) -> bool {
    matches!(schema, Some(RefOr::T(Schema::Object(object))) if !object.required.is_empty())
}

fn references(schema: &mut RefOr<Schema>) -> Vec<String> {
    let mut names = Vec::new();
    walk(schema, &mut |part| {
        if let RefOr::Ref(reference) = part {
            names.extend(reference.ref_location.strip_prefix(SHAPES).map(str::to_owned));
        }
    });
    names
}
