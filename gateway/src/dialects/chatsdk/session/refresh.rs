use parlance_core::{Error, Reason};
use parlance_proto::auth::RefreshTokensRequest;

use super::super::auth::Refresher;
use super::super::error::Code;
use super::super::prelude::*;
use super::{Internal, SHORT_TTL_S};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    refresh_token: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    token: String,
    refresh_token: String,
    expires_in: u32,
    #[serde(rename = "_internal")]
    internal: Internal,
    ws_token: String,
}

/// `POST /api/auth/refresh`, `POST /tokens/refresh`: exchanges a refresh token (in the body, or as
/// the bearer token) for new tokens.
#[utoipa::path(
    post,
    path = "/api/auth/refresh",
    security((), ("refreshToken" = [])),
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    refresher: Refresher,
    Input(body): Input<Body>,
) -> Answer<Reply> {
    let refresh_token = body
        .refresh_token
        .filter(|token| !token.is_empty())
        .or(refresher.bearer)
        .ok_or_else(|| Failure::new(Code::MissingRefreshToken, "a refresh token is needed"))?;
    let request = RefreshTokensRequest { refresh_token, ttl_s: SHORT_TTL_S };
    let reply = edge.auth().refresh_tokens(refresher.context.request(request)).await;
    let tokens = reply.map_err(|status| refusal(status.into()))?.into_inner();
    Ok(Json(Reply {
        token: tokens.access_token,
        refresh_token: tokens.refresh_token,
        expires_in: tokens.expires_in_s,
        internal: Internal { ws_token: tokens.connection_token.clone() },
        ws_token: tokens.connection_token,
    }))
}

/// This endpoint has codes of its own for refused tokens.
fn refusal(error: Error) -> Failure {
    let reason = error.reason;
    let failure = Failure::from(error);
    match reason {
        Reason::TokenExpired => failure.with_code(Code::RefreshTokenExpired),
        _ if failure.code == Code::InvalidToken => failure.with_code(Code::InvalidRefreshToken),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_refresh_tokens_have_codes_of_their_own() {
        let code = |reason| refusal(Error::new(reason, "")).code;
        assert_eq!(code(Reason::TokenExpired), Code::RefreshTokenExpired);
        assert_eq!(code(Reason::TokenInvalid), Code::InvalidRefreshToken);
        assert_eq!(code(Reason::TokenRevoked), Code::InvalidRefreshToken);
        assert_eq!(code(Reason::Unavailable), Code::ServiceUnavailable);
    }
}
