//! Joins whole messages and channels to events that name them only by num.

use std::collections::{HashMap, HashSet};

use parlance_core::{Num, Result};
use parlance_proto::channel::{Channel, GetChannelsRequest};
use parlance_proto::event::{Event, event::Payload};
use parlance_proto::message::Message;
use parlance_rpc::Context;
use uuid::Uuid;

use crate::service::Service;
use crate::store::messages;

/// Completes events of one app. A message that is gone leaves its event without a body.
pub async fn join(service: &Service, app: Uuid, events: &mut [Event]) -> Result<()> {
    let (mut message_nums, mut channel_nums) = (HashSet::new(), HashSet::new());
    for event in events.iter() {
        match &event.payload {
            Some(Payload::MessageCreated(p)) if p.message.is_none() => message_nums.insert(p.message_num),
            Some(Payload::MessageUpdated(p)) if p.message.is_none() => message_nums.insert(p.message_num),
            Some(Payload::ThreadReplied(p)) if p.message.is_none() => message_nums.insert(p.message_num),
            Some(Payload::ChannelCreated(p)) if p.channel.is_none() => channel_nums.insert(p.channel_num),
            Some(Payload::ChannelUpdated(p)) if p.channel.is_none() => channel_nums.insert(p.channel_num),
            _ => false,
        };
    }
    let messages = load_messages(service, app, message_nums).await?;
    let channels = load_channels(service, app, channel_nums).await?;
    for event in events.iter_mut() {
        match &mut event.payload {
            Some(Payload::MessageCreated(p)) if p.message.is_none() => {
                p.message = messages.get(&p.message_num).cloned();
            }
            Some(Payload::MessageUpdated(p)) if p.message.is_none() => {
                p.message = messages.get(&p.message_num).cloned();
            }
            Some(Payload::ThreadReplied(p)) if p.message.is_none() => {
                p.message = messages.get(&p.message_num).cloned();
            }
            Some(Payload::ChannelCreated(p)) if p.channel.is_none() => {
                p.channel = channels.get(&p.channel_num).cloned();
            }
            Some(Payload::ChannelUpdated(p)) if p.channel.is_none() => {
                p.channel = channels.get(&p.channel_num).cloned();
            }
            _ => {}
        }
    }
    Ok(())
}

async fn load_messages(service: &Service, app: Uuid, nums: HashSet<Num>) -> Result<HashMap<Num, Message>> {
    let rows = messages::by_nums(service.store.read(), app, nums.into_iter().collect()).await?;
    let found = messages::complete(service.store.read(), rows, None).await?;
    Ok(found.into_iter().map(|message| (message.num, message)).collect())
}

async fn load_channels(service: &Service, app: Uuid, nums: HashSet<Num>) -> Result<HashMap<Num, Channel>> {
    if nums.is_empty() {
        return Ok(HashMap::new());
    }
    let context = Context::new(parlance_core::Caller::service(app));
    let request =
        context.request(GetChannelsRequest { nums: nums.into_iter().collect(), include_deleted: true });
    let found = service.channel.clone().get_channels(request).await?.into_inner();
    Ok(found.channels.into_iter().map(|channel| (channel.num, channel)).collect())
}
