use std::collections::HashMap;

use parlance_core::Num;
use parlance_proto::message::message_ref::Ref;
use parlance_proto::message::{
    GetMessagesRequest, ListThreadRequest, MessageRef, list_thread_request::Cursor,
};

use super::super::convert::Card;
use super::super::prelude::*;

const PAGE: u32 = 200;
/// Pages that are counted, newest first: of longer threads the older replies are left out.
const PAGES: usize = 5;

#[derive(Serialize)]
pub struct Reply {
    participants: Vec<Participant>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Participant {
    #[serde(flatten)]
    who: Card,
    reply_count: u32,
}

/// `GET /api/channels/{id}/messages/{mid}/thread/participants`: who has replied, most replies first.
/// Clients ask this for every message they show, so one without replies is answered from its counter.
pub async fn handle(State(edge): State<Edge>, user: User, path: MessagePath) -> Answer<Reply> {
    let request = GetMessagesRequest { messages: vec![path.message.clone()], channel_num: path.channel };
    let found = edge.message().get_messages(user.context.request(request)).await?.into_inner();
    let Some(parent) = found.messages.first() else {
        compose::readable_channel(&edge, &user, path.channel).await?;
        return Err(Failure::not_found("message"));
    };
    if parent.reply_count == 0 {
        return Ok(Json(Reply { participants: Vec::new() }));
    }
    let mut counts: Vec<(Num, u32)> = count(&edge, &user, path).await?.into_iter().collect();
    counts.sort_unstable_by_key(|&(num, replies)| (std::cmp::Reverse(replies), num));
    let people = compose::people(&edge, user.app, counts.iter().map(|&(num, _)| num)).await?;
    let participants = counts
        .into_iter()
        .map(|(num, reply_count)| Participant { who: people.card(num), reply_count })
        .collect();
    Ok(Json(Reply { participants }))
}

/// Live replies by author.
async fn count(edge: &Edge, user: &User, path: MessagePath) -> Result<HashMap<Num, u32>, Failure> {
    let mut counts = HashMap::new();
    let mut cursor = None;
    for _ in 0..PAGES {
        let request = ListThreadRequest {
            channel_num: path.channel,
            parent: Some(path.message.clone()),
            limit: PAGE,
            cursor: cursor.take(),
        };
        let page = edge.message().list_thread(user.context.request(request)).await?.into_inner();
        for reply in page.replies.iter().filter(|reply| reply.deleted_at.is_none()) {
            *counts.entry(reply.author_num).or_default() += 1;
        }
        match page.replies.first() {
            Some(oldest) if page.has_more => {
                cursor = Some(Cursor::Before(MessageRef { r#ref: Some(Ref::Num(oldest.num)) }));
            }
            _ => break,
        }
    }
    Ok(counts)
}
