use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use http::uri::Authority;
use parlance_proto::channel::CreateInvitesRequest;

use super::super::convert::Time;
use super::super::prelude::*;
use super::super::request::{count_between, given};
use super::super::schema::{InviteToken, InvitedEmail, Url, WorkspaceRole};
use super::WorkspacePath;

/// Longest word that goes with invites, in characters.
const MAX_MESSAGE: usize = 500;

/// One of two requests, told apart by `emails`: `maxUses` is for a link, `message` for addresses.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    /// `member` if absent.
    #[schema(value_type = Option<WorkspaceRole>)]
    role: Option<String>,
    /// How many a link lets in; any number if absent or null.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    max_uses: Option<Option<i64>>,
    /// 7 if absent.
    #[schema(minimum = 1, maximum = 30)]
    expires_in_days: Option<i64>,
    #[schema(value_type = Option<Vec<InvitedEmail>>, min_items = 1, max_items = 50)]
    emails: Option<Vec<String>>,
    #[schema(max_length = 500)]
    message: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Reply {
    Link(Link),
    Emails(Emails),
}

/// A link for whoever has it.
#[derive(Serialize, ToSchema)]
#[schema(as = InviteLink)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    #[schema(value_type = InviteToken)]
    token: String,
    #[schema(value_type = Url)]
    invite_url: String,
    expires_at: Time,
}

/// One invite for each address.
#[derive(Serialize, ToSchema)]
#[schema(as = Invites)]
pub struct Emails {
    success: bool,
    invites: Vec<Addressed>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Invite)]
#[serde(rename_all = "camelCase")]
pub struct Addressed {
    #[schema(value_type = InvitedEmail)]
    email: String,
    #[schema(value_type = Url)]
    invite_url: String,
}

/// `POST /api/workspaces/{wid}/invite`: makes a link for whoever has it, or, if the body names `emails`,
/// one for each address; owner or admin, and only owners make owners. No mail is sent: who asked hands the links on.
#[utoipa::path(
    post,
    path = "/api/workspaces/{wid}/invite",
    request_body = Body,
    responses((status = 200, body = Reply), (status = 403))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    WorkspacePath(workspace_num): WorkspacePath,
    AppUrl(app_url): AppUrl,
    Input(body): Input<Body>,
) -> Answer<Reply> {
    let by_email = body.emails.is_some();
    let emails = body.emails.unwrap_or_default();
    let max_uses = body.max_uses.flatten().filter(|_| !by_email);
    if by_email {
        count_between("emails", emails.len(), 1, 50)?;
    }
    if body.message.is_some_and(|message| message.chars().nth(MAX_MESSAGE).is_some()) {
        return Err(Failure::invalid("message", format_args!("must have at most {MAX_MESSAGE} characters")));
    }
    let request = CreateInvitesRequest {
        workspace_num,
        role: body.role.unwrap_or_default(),
        max_uses: between("maxUses", max_uses, 1000)?,
        expires_in_days: between("expiresInDays", body.expires_in_days, 30)?,
        emails,
    };
    let made = edge.channel().create_invites(user.context.request(request)).await?.into_inner();
    let url = |token: &str| format!("{app_url}/invite/{token}");
    if by_email {
        let addressed = |invite: parlance_proto::channel::create_invites_response::Invite| Addressed {
            invite_url: url(&invite.token),
            email: invite.email,
        };
        let invites = made.invites.into_iter().map(addressed).collect();
        return Ok(Json(Reply::Emails(Emails { success: true, invites })));
    }
    let lacking = || parlance_core::Error::internal("a reply lacks its invite");
    let token = made.invites.into_iter().next().ok_or_else(lacking)?.token;
    let expires_at = convert::time(&made.expires_at).ok_or_else(lacking)?;
    Ok(Json(Reply::Link(Link { invite_url: url(&token), token, expires_at })))
}

/// A number from 1 to `most`; 0 if none is given.
fn between(path: &str, number: Option<i64>, most: i64) -> Result<u32, Failure> {
    match number {
        None => Ok(0),
        Some(number) if (1..=most).contains(&number) => Ok(number as u32),
        Some(_) => Err(Failure::invalid(path, format_args!("must be between 1 and {most}"))),
    }
}

/// Where invites are opened: as set, else as the gateway is reached from outside, else as this request
/// reached it.
pub struct AppUrl(String);

impl FromRequestParts<Edge> for AppUrl {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        let settings = edge.settings();
        let set = [&settings.chatsdk.app_url, &settings.gateway.public_url];
        if let Some(url) = set.into_iter().find(|url| !url.is_empty()) {
            return Ok(Self(url.trim_end_matches('/').to_owned()));
        }
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.and_then(|host| host.parse::<Authority>().ok()).map(|host| host.to_string());
        Ok(Self(format!("http://{}", host.unwrap_or_else(|| settings.gateway.listen.clone()))))
    }
}
