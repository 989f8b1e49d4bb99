#![doc = include_str!("README.md")]

mod assets;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use parlance_core::Reason;

use crate::dialects::chatsdk::error::{Failure, unknown_route};
use crate::state::Edge;
use assets::{Asset, Assets};

/// What the page may load: what is served beside it. The README says why pictures of others are left out.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The page's routes; none without a key for it.
pub(crate) fn routes(edge: &Edge) -> Router<Edge> {
    let Some(key) = edge.page_key() else { return Router::new() };
    let assets = Arc::new(Assets::with_key(key));
    let front = assets.clone();
    Router::new()
        .route("/", get(move |headers: HeaderMap| async move { answer(front.index(), &headers) }))
        .route(
            "/page/{*path}",
            get(move |Path(path): Path<String>, headers: HeaderMap| async move {
                match assets.get(&path) {
                    Some(asset) => answer(asset, &headers),
                    None => unknown_route().await.into_response(),
                }
            }),
        )
        .route_layer(from_fn_with_state(edge.clone(), only_with_a_good_key))
}

/// There is no page where its key is nobody's: in a store without the development app.
async fn only_with_a_good_key(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    match edge.identity().api_key(edge.page_key().unwrap_or_default()).await {
        Ok(_) => next.run(request).await,
        Err(error) if error.reason == Reason::ApiKeyInvalid => unknown_route().await.into_response(),
        Err(error) => Failure::from(error).into_response(),
    }
}

/// The file, or 304 if the browser has it.
fn answer(asset: &Asset, asked: &HeaderMap) -> Response {
    let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut response = match known.flat_map(|tags| tags.split(',')).any(|tag| asset.is_tagged(tag.trim())) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => asset.body().into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind()));
    headers.insert(header::ETAG, asset.tag());
    // Kept, but asked about each time: another version of the program may answer on the same port.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
