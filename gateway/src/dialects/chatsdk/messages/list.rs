use parlance_proto::message::{ListMessagesRequest, list_messages_request::Cursor};

use super::super::convert::Time;
use super::super::prelude::*;
use super::super::request::any_message_ref;
use super::super::schema::Id;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    messages: Vec<convert::Message>,
    max_seq: u64,
    has_more: bool,
}

/// `GET /api/channels/{id}/messages?limit&before&after&since_seq&include_deleted&changed_since`: a page
/// of the main list, ascending; `since_seq` goes before `before`, that before `after`.
#[utoipa::path(
    get,
    path = "/api/channels/{id}/messages",
    params(
        ("limit" = Option<i64>, Query, description = "How many, 100 if absent; brought into 1 to 200."),
        (
            "since_seq" = Option<i64>, Query,
            description = "Messages after this number, tombstones included; 0 = not used."
        ),
        ("before" = Option<Id>, Query, description = "Messages before this one."),
        ("after" = Option<Id>, Query, description = "Messages after this one."),
        (
            "include_deleted" = Option<bool>, Query,
            description = "Whether deleted messages are listed too, as tombstones."
        ),
        (
            "changed_since" = Option<Time>, Query,
            description = "With `since_seq`: also older messages that have changed after this time."
        )
    ),
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
    query: Query,
) -> Answer<Reply> {
    let request = ListMessagesRequest {
        channel_num,
        limit: query.limit(100, 200)?,
        cursor: cursor(&query)?,
        include_deleted: query.flag("include_deleted")?,
        changed_since: query.time("changed_since")?,
    };
    let page =
        edge.message().list_messages(user.context.routed(request.channel_num, request)).await?.into_inner();
    let messages = compose::messages(&edge, &user, &page.messages).await?;
    Ok(Json(Reply { messages, max_seq: page.max_seq, has_more: page.has_more }))
}

fn cursor(query: &Query) -> Result<Option<Cursor>, Failure> {
    let since = query.seq("since_seq")?;
    Ok(if since > 0 {
        Some(Cursor::SinceSeq(since))
    } else if let Some(before) = query.text("before") {
        Some(Cursor::Before(any_message_ref(before)))
    } else {
        query.text("after").map(|after| Cursor::After(any_message_ref(after)))
    })
}
