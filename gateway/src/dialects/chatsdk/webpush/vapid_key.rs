use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parlance_core::{Error, Reason};
use parlance_proto::notification::GetWebPushKeyRequest;

use super::super::error::Code;
use super::super::prelude::*;
use super::super::schema::PublicKey;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    #[schema(value_type = PublicKey)]
    public_key: String,
}

/// `GET /api/webpush/vapid-key`: the key that browsers subscribe with; 503 where the app has not set up
/// Web Push.
#[utoipa::path(
    get,
    path = "/api/webpush/vapid-key",
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, user: User) -> Answer<Reply> {
    let request = user.context.request(GetWebPushKeyRequest {});
    match edge.notification().get_web_push_key(request).await {
        Ok(answer) => {
            let public_key = URL_SAFE_NO_PAD.encode(answer.into_inner().public_key);
            Ok(Json(Reply { public_key }))
        }
        Err(status) => match Error::from(status) {
            error if error.reason == Reason::ProviderNotFound => {
                Err(Failure::new(Code::ServiceUnavailable, "web push is not set up"))
            }
            error => Err(error.into()),
        },
    }
}
