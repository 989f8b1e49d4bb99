use parlance_proto::message::{GetMessagesRequest, ListThreadParticipantsRequest};

use super::super::convert::Card;
use super::super::prelude::*;

#[derive(Serialize, ToSchema)]
pub struct Reply {
    participants: Vec<Participant>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Participant {
    #[serde(flatten)]
    who: Card,
    reply_count: u32,
}

/// `GET /api/channels/{id}/messages/{mid}/thread/participants`: who has replied, in the order of their
/// first reply. Clients ask this for every message they show, so one without replies is answered from
/// its counter.
#[utoipa::path(
    get,
    path = "/api/channels/{id}/messages/{mid}/thread/participants",
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, user: User, path: MessagePath) -> Answer<Reply> {
    let request = GetMessagesRequest { messages: vec![path.message.clone()], channel_num: path.channel };
    let found =
        edge.message().get_messages(user.context.routed(request.channel_num, request)).await?.into_inner();
    let Some(parent) = found.messages.first() else {
        compose::readable_channel(&edge, &user, path.channel).await?;
        return Err(Failure::not_found("message"));
    };
    if parent.reply_count == 0 {
        return Ok(Json(Reply { participants: Vec::new() }));
    }
    let request = ListThreadParticipantsRequest { channel_num: path.channel, parent: Some(path.message) };
    let listed = edge
        .message()
        .list_thread_participants(user.context.routed(request.channel_num, request))
        .await?
        .into_inner();
    let people = compose::people(&edge, user.app, listed.participants.iter().map(|one| one.user_num)).await?;
    let participants = listed
        .participants
        .into_iter()
        .map(|one| Participant { who: people.card(one.user_num), reply_count: one.reply_count })
        .collect();
    Ok(Json(Reply { participants }))
}
