//! Pages of other origins: which may call, and what browsers are told.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Type, Authorization, X-API-Key, X-Request-ID, traceparent, Idempotency-Key",
);
const EXPOSED: HeaderValue = HeaderValue::from_static("Retry-After, X-Request-ID, traceparent");
/// Seconds for which a browser may keep a preflight's answer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins of `gateway.allowed_origins`.
#[derive(Debug, Clone)]
pub(crate) struct Origins(Arc<[String]>);

impl Origins {
    pub(crate) fn new(allowed: &[String]) -> Self {
        Self(allowed.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect())
    }

    fn any(&self) -> bool {
        self.0.iter().any(|allowed| allowed == "*")
    }

    fn named(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }

    /// Origins that are named are echoed with credentials; `*` admits the others without.
    fn apply(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin else { return };
        if origin.to_str().is_ok_and(|origin| self.named(origin)) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        } else if self.any() {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            return;
        }
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// Answers every OPTIONS with 204, and tells browsers what the page may do and see.
pub(crate) async fn cors(origins: Origins, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = if request.method() == Method::OPTIONS {
        let mut preflight = StatusCode::NO_CONTENT.into_response();
        let headers = preflight.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        preflight
    } else {
        next.run(request).await
    };
    origins.apply(origin.as_ref(), response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(allowed: &[&str], origin: &'static str) -> HeaderMap {
        let origins = Origins::new(&allowed.iter().map(|&o| o.to_owned()).collect::<Vec<_>>());
        let mut headers = HeaderMap::new();
        origins.apply(Some(&HeaderValue::from_static(origin)), &mut headers);
        headers
    }

    #[test]
    fn a_named_origin_is_echoed_with_credentials() {
        let headers = told(&["https://app.example.com/", "*"], "https://app.example.com");
        assert_eq!(headers["access-control-allow-origin"], "https://app.example.com");
        assert_eq!(headers["access-control-allow-credentials"], "true");
        assert_eq!(headers["access-control-expose-headers"], EXPOSED);
    }

    #[test]
    fn a_star_admits_others_without_credentials() {
        let headers = told(&["*"], "https://elsewhere.example");
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }

    #[test]
    fn an_unlisted_origin_is_told_nothing() {
        let headers = told(&["https://app.example.com"], "https://elsewhere.example");
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}
