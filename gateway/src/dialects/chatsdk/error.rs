//! Refusals in ChatSDK's words: `{"error":{"message","code"}}` with its closed set of codes.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use parlance_core::{Error, Reason};
use serde::Serialize;
use utoipa::ToSchema;

use crate::middleware::request_id;

/// What a handler answers.
pub type Answer<T> = Result<Json<T>, Failure>;

/// Every error code of the dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ErrorCode)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    Unauthorized,
    InvalidToken,
    Forbidden,
    NotFound,
    ValidationError,
    InternalError,
    RateLimited,
    PayloadTooLarge,
    MethodNotAllowed,
    ServiceUnavailable,
    /// Only on `POST /api/auth/connect`.
    MissingApiKey,
    /// Only on `POST /api/auth/connect`.
    InvalidApiKey,
    /// Only on refresh.
    MissingRefreshToken,
    /// Only on refresh.
    RefreshTokenExpired,
    /// Only on refresh.
    InvalidRefreshToken,
}

impl Code {
    /// The HTTP status that goes with the code.
    pub const fn status(self) -> StatusCode {
        match self {
            Code::Unauthorized
            | Code::InvalidToken
            | Code::MissingApiKey
            | Code::InvalidApiKey
            | Code::MissingRefreshToken
            | Code::RefreshTokenExpired
            | Code::InvalidRefreshToken => StatusCode::UNAUTHORIZED,
            Code::Forbidden => StatusCode::FORBIDDEN,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::ValidationError => StatusCode::BAD_REQUEST,
            Code::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Code::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The code for each of our reasons: the one place where they meet.
pub const fn code_of(reason: Reason) -> Code {
    match reason {
        Reason::InvalidArgument
        | Reason::MessageEmpty
        | Reason::MessageTooLong
        | Reason::TooManyAttachments
        | Reason::TooManyReactions
        | Reason::TooManyPins
        | Reason::TooManyMembers
        | Reason::CustomTooLarge
        | Reason::CursorUnknown
        | Reason::ChannelTypeUnknown
        | Reason::DirectNeedsOneOther
        | Reason::LastOwner
        | Reason::AlreadyExists
        | Reason::WorkspaceNameTaken
        | Reason::NotEmpty
        | Reason::InviteExpired
        | Reason::InviteUsedUp
        | Reason::PositionLost => Code::ValidationError,
        Reason::CredentialsMissing | Reason::ApiKeyInvalid => Code::Unauthorized,
        Reason::TokenInvalid | Reason::TokenExpired | Reason::TokenRevoked => Code::InvalidToken,
        // Between services only; nothing that the client could mend.
        Reason::SecretUnknown => Code::ServiceUnavailable,
        Reason::NotAllowed
        | Reason::UserRequired
        | Reason::NotAMember
        | Reason::RoleTooLow
        | Reason::NotTheAuthor
        | Reason::DeleteWindowPassed
        | Reason::ChannelFrozen
        | Reason::FeatureDisabled
        | Reason::DirectIsFixed
        | Reason::UserBlocked
        | Reason::NotInWorkspace
        | Reason::WorkspaceExpired
        | Reason::InviteForAnother => Code::Forbidden,
        Reason::AppNotFound
        | Reason::UserNotFound
        | Reason::ChannelNotFound
        | Reason::MemberNotFound
        | Reason::MessageNotFound
        | Reason::ParentNotFound
        | Reason::ProviderNotFound
        | Reason::WorkspaceNotFound
        | Reason::InviteNotFound => Code::NotFound,
        Reason::RateLimited => Code::RateLimited,
        Reason::Overloaded
        | Reason::Unavailable
        | Reason::Contended
        | Reason::StorageFull
        | Reason::DeadlinePassed => Code::ServiceUnavailable,
        Reason::Internal => Code::InternalError,
    }
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Detail {
    /// Where: `name`, `users[2].id`; empty for the whole body.
    pub path: String,
    pub message: String,
}

/// A refusal, ready to be answered.
#[derive(Debug, Clone)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    pub details: Vec<Detail>,
    pub retry_after: Option<Duration>,
}

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), retry_after: None }
    }

    /// 404: there is no such thing (for this caller).
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("{what} not found"))
    }

    /// 400: `path` is wrong; the message reads "`path` …".
    pub fn invalid(path: &str, what: impl std::fmt::Display) -> Self {
        let message = format!("{path} {what}");
        Self {
            details: vec![Detail { path: path.to_owned(), message: message.clone() }],
            ..Self::new(Code::ValidationError, message)
        }
    }

    /// The same refusal under another code, for endpoints with codes of their own.
    pub fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// The same refusal with the fields at fault as this endpoint calls them: `(ours, its)`.
    pub fn with_fields(mut self, names: &[(&str, &str)]) -> Self {
        for detail in &mut self.details {
            let Some((ours, its)) = names.iter().find(|(ours, _)| *ours == detail.path) else { continue };
            for message in [&mut self.message, &mut detail.message] {
                if let Some(what) = message.strip_prefix(ours).filter(|what| what.starts_with(' ')) {
                    *message = format!("{its}{what}");
                }
            }
            detail.path = (*its).to_owned();
        }
        self
    }

    /// Whole seconds after which a repeat may succeed, at least one.
    fn retry_after_s(&self) -> Option<u64> {
        let usual = matches!(self.code, Code::RateLimited | Code::ServiceUnavailable);
        self.retry_after
            .map(|after| after.as_millis().div_ceil(1000).clamp(1, 3600) as u64)
            .or(usual.then_some(1))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = code_of(error.reason);
        let details = match (&error.field, code) {
            (Some(field), Code::ValidationError) => {
                vec![Detail { path: field.clone(), message: error.message.clone() }]
            }
            _ => Vec::new(),
        };
        // What broke was logged where it broke; a status without a reason of ours is not for clients.
        let message = match code {
            Code::InternalError => "internal error".to_owned(),
            _ => error.message,
        };
        let failure = Self { code, message, details, retry_after: error.retry_after };
        match &error.field {
            Some(field) => failure.with_fields(&[(field, &camel_case(field))]),
            None => failure,
        }
    }
}

/// A field of the services as this dialect writes fields: `expires_at` is `expiresAt`.
fn camel_case(field: &str) -> String {
    let mut words = field.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &initial.into_iter().chain(letters).collect::<String>()
    })
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Error::from(status).into()
    }
}

/// A refusal.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusal)]
pub(super) struct Envelope<'a> {
    error: Inner<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
#[serde(rename_all = "camelCase")]
struct Inner<'a> {
    /// For people.
    message: &'a str,
    code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// What is wrong with the request.
    #[serde(skip_serializing_if = "<[Detail]>::is_empty")]
    details: &'a [Detail],
    /// Seconds, as in `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after: Option<u64>,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let retry_after = self.retry_after_s();
        let envelope = Envelope {
            error: Inner {
                message: &self.message,
                code: self.code,
                request_id: request_id::current(),
                details: &self.details,
                retry_after,
            },
        };
        let mut response = (self.code.status(), Json(envelope)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Any path that is not served.
pub async fn unknown_route() -> Failure {
    Failure::not_found("route")
}

/// A path that is served, with another method.
pub async fn method_not_allowed() -> Failure {
    Failure::new(Code::MethodNotAllowed, "this path does not answer this method")
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use parlance_core::Code as Kind;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn every_reason_keeps_the_class_of_its_grpc_status() {
        for &reason in Reason::ALL {
            let status = code_of(reason).status().as_u16();
            let expected: &[u16] = match reason.code() {
                Kind::InvalidArgument | Kind::AlreadyExists | Kind::FailedPrecondition | Kind::OutOfRange => {
                    &[400]
                }
                Kind::Unauthenticated if reason == Reason::SecretUnknown => &[503],
                Kind::Unauthenticated => &[401],
                Kind::PermissionDenied => &[403],
                Kind::NotFound => &[404],
                Kind::ResourceExhausted => &[429],
                Kind::Unavailable | Kind::DeadlineExceeded => &[503],
                Kind::Internal => &[500],
            };
            assert!(expected.contains(&status), "{reason}: {status}");
        }
    }

    async fn body(failure: Failure) -> (StatusCode, Option<String>, Value) {
        let response = failure.into_response();
        let retry = response.headers().get("retry-after").map(|v| v.to_str().unwrap().to_owned());
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, retry, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_bad_field_is_named_in_the_details() {
        let (status, retry, body) = body(Error::invalid("name", "is too long").into()).await;
        assert_eq!((status.as_u16(), retry), (400, None));
        let expected = json!({"error": {"message": "name is too long", "code": "VALIDATION_ERROR",
            "details": [{"path": "name", "message": "name is too long"}]}});
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn a_limit_says_when_to_come_back_in_whole_seconds_rounded_up() {
        let error =
            Error::new(Reason::RateLimited, "slow down").with_retry_after(Duration::from_millis(1200));
        let (status, retry, body) = body(error.into()).await;
        assert_eq!((status.as_u16(), retry.as_deref()), (429, Some("2")));
        assert_eq!(body["error"]["code"], "RATE_LIMITED");
        assert_eq!(body["error"]["retryAfter"], 2);
    }

    #[tokio::test]
    async fn an_internal_error_tells_nothing_of_its_cause() {
        let (status, _, body) = body(tonic::Status::internal("secret path").into()).await;
        assert_eq!(status.as_u16(), 500);
        assert_eq!(body, json!({"error": {"message": "internal error", "code": "INTERNAL_ERROR"}}));
    }
}
