use parlance_proto::message::{ListThreadRequest, list_thread_request::Cursor};

use super::super::prelude::*;
use super::super::request::{any_message_ref, message_ref, parse_time};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    parent: convert::Message,
    replies: Vec<convert::Message>,
    has_more: bool,
}

/// `GET /api/channels/{id}/messages/{mid}/thread?limit&before`: replies, oldest first. `before` is the id
/// of a reply, or the time after which to go on (so pages the one client that sends a time).
#[utoipa::path(
    get,
    path = "/api/channels/{id}/messages/{mid}/thread",
    params(
        ("limit" = Option<i64>, Query, description = "How many, 50 if absent; brought into 1 to 200."),
        (
            "before" = Option<String>, Query,
            description = "Id of a reply: older ones. A time: replies after it."
        )
    ),
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, user: User, path: MessagePath, query: Query) -> Answer<Reply> {
    let request = ListThreadRequest {
        channel_num: path.channel,
        parent: Some(path.message),
        limit: query.limit(50, 200)?,
        cursor: query.text("before").map(cursor),
    };
    let page =
        edge.message().list_thread(user.context.routed(request.channel_num, request)).await?.into_inner();
    let replies = compose::messages(&edge, &user, &page.replies).await?;
    let parent = compose::message(&edge, &user, page.parent).await?;
    Ok(Json(Reply { parent, replies, has_more: page.has_more }))
}

fn cursor(before: &str) -> Cursor {
    match (message_ref(before), parse_time(before)) {
        (None, Some(time)) => Cursor::CreatedAfter(time),
        // What is neither names no reply: the service refuses the cursor.
        (reference, _) => Cursor::Before(reference.unwrap_or_else(|| any_message_ref(before))),
    }
}
