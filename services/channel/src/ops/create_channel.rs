use std::collections::BTreeSet;

use parlance_core::{Error, Micros, Num, Reason, Result, id};
use parlance_proto::channel::{CreateChannelRequest, CreateChannelResponse};
use parlance_rpc::Context;
use parlance_sql::Write;
use uuid::Uuid;

use super::workspace::{announced_to, require_inside, require_lasting};
use super::{is_open, refusal, require_users};
use crate::convert;
use crate::domain::{ChannelType, Overrides, Role, cid, limits};
use crate::facts::Facts;
use crate::state::{State, workspace_not_found};
use crate::store::channels::RepeatKeys;
use crate::store::{blocks, channel, channels, members, workspace_members, workspaces};

/// Tries at finding free keys; beyond the numbered ones chance makes a second clash unlikely.
const MAX_ATTEMPTS: u32 = 12;

/// A channel as asked for, checked.
struct Draft<'a> {
    app: Uuid,
    creator: Num,
    channel_type: &'a ChannelType,
    /// Without the creator.
    others: BTreeSet<Num>,
    id: Option<String>,
    keys: RepeatKeys,
    name: String,
    description: String,
    image: String,
    overrides: Overrides,
    custom: String,
    workspace: Option<Num>,
}

/// Creates a channel with the caller as owner, or answers with the one that a repeat means. Unique keys
/// decide who is first, so a hundred callers at once make one direct channel.
pub async fn create_channel(
    state: &State,
    context: &Context,
    request: CreateChannelRequest,
) -> Result<CreateChannelResponse> {
    let creator = context.caller.require_user()?;
    let types = state.types(context.caller.app).await?;
    let channel_type = types.named(&request.r#type)?;
    let draft = check(context.caller.app, creator, channel_type, request)?;

    if let Some(first) = channels::find_repeat(state.store.read(), draft.app, &draft.keys).await? {
        return repeated(state, &draft, first).await;
    }
    require_users(state, context, &draft.others).await?;

    let now = state.now();
    let write = state.store.begin().await?;
    require_workspace(&write, &draft, now).await?;
    require_no_block(&write, &draft).await?;
    let mut attempt = 0;
    let channel = loop {
        let channel = row(&draft, state.nums.next(now), attempt, now)?;
        if channels::insert(&write, channel.clone()).await? {
            break channel;
        }
        if let Some(first) = channels::find_repeat(write.connection(), draft.app, &draft.keys).await? {
            write.rollback().await?;
            return repeated(state, &draft, first).await;
        }
        if let Some(id) = &draft.id
            && channels::find_by_id(write.connection(), draft.app, &channel_type.name, id).await?.is_some()
        {
            return Err(Error::new(Reason::AlreadyExists, "a channel with this id exists"));
        }
        // The readable key or the num was taken.
        attempt += 1;
        if attempt == MAX_ATTEMPTS {
            return Err(Error::unavailable("no free key was found for the channel"));
        }
    };
    let creator_role = if channel_type.direct { Role::Member } else { Role::Owner };
    let own = members::fresh(draft.app, channel.num, creator, creator_role, 0, now);
    let founders = draft
        .others
        .iter()
        .map(|user| members::fresh(draft.app, channel.num, *user, Role::Member, 0, now))
        .chain([own.clone()])
        .collect();
    members::add(&write, founders).await?;
    let mut facts = Facts::new(context, now);
    let founders = draft.others.iter().copied().chain([creator]).collect();
    let announced = announced_to(&write, &channel).await?;
    facts.channel_created(&channel, channel_type, founders, announced);
    let log_position = state.commit(write, facts.into_events()).await?;

    let channel = convert::channel_with(&channel, channel_type, creator, Some(&own), now);
    Ok(CreateChannelResponse { channel: Some(channel), created: true, log_position })
}

fn check(
    app: Uuid,
    creator: Num,
    channel_type: &ChannelType,
    request: CreateChannelRequest,
) -> Result<Draft<'_>> {
    limits::name(&request.name)?;
    limits::description(&request.description)?;
    limits::image(&request.image)?;
    limits::key("id", &request.id)?;
    limits::key("idempotency_key", &request.idempotency_key)?;
    let custom = limits::custom(&request.custom)?;
    let others = request.member_nums.into_iter().filter(|num| *num != creator).collect();
    let others = limits::users(others)?;
    let distinct_key = match (channel_type.direct, others.first()) {
        (false, _) => None,
        (true, Some(other)) if others.len() == 1 => Some(convert::pair_key(creator, *other)),
        (true, _) => {
            return Err(Error::new(
                Reason::DirectNeedsOneOther,
                "a direct channel needs exactly one other member",
            ));
        }
    };
    Ok(Draft {
        app,
        creator,
        channel_type,
        others,
        id: Some(request.id).filter(|id| !id.is_empty()),
        keys: RepeatKeys {
            creator,
            idempotency_key: Some(request.idempotency_key).filter(|key| !key.is_empty()),
            distinct_key,
        },
        name: request.name,
        description: request.description,
        image: request.image,
        overrides: convert::overrides(request.config),
        custom,
        workspace: Some(request.workspace_num).filter(|num| *num != 0),
    })
}

/// A channel of a workspace is made by one of its members, for others of them, while it lasts. Nobody leaves
/// it until the commit.
async fn require_workspace(write: &Write, draft: &Draft<'_>, now: Micros) -> Result<()> {
    let Some(num) = draft.workspace else { return Ok(()) };
    let workspace = workspaces::hold(write, draft.app, num).await?.ok_or_else(workspace_not_found)?;
    let own = workspace_members::find(write.connection(), draft.app, num, draft.creator).await?;
    own.ok_or_else(workspace_not_found)?;
    require_lasting(&workspace, now)?;
    let others: Vec<Num> = draft.others.iter().copied().collect();
    require_inside(write, draft.app, num, &others).await
}

/// USER_BLOCKED if it would be the direct channel of two of whom one has blocked the other.
async fn require_no_block(write: &Write, draft: &Draft<'_>) -> Result<()> {
    let (true, Some(&other)) = (draft.channel_type.direct, draft.others.first()) else { return Ok(()) };
    if blocks::between(write.connection(), draft.app, draft.creator, other).await? {
        return Err(refusal(Reason::UserBlocked));
    }
    Ok(())
}

fn row(draft: &Draft<'_>, num: Num, attempt: u32, now: Micros) -> Result<channel::Model> {
    let public_id = draft.id.clone().unwrap_or_else(|| id::text_of(num));
    let random = id::mix(num as u64) as u32;
    let type_name = &draft.channel_type.name;
    let config = draft.channel_type.config(draft.overrides);
    Ok(channel::Model {
        num,
        app: draft.app,
        type_name: type_name.clone(),
        id: draft.id.clone(),
        cid: cid::candidate(type_name, &draft.name, &public_id, attempt, random),
        distinct_key: draft.keys.distinct_key.clone(),
        idempotency_key: draft.keys.idempotency_key.clone(),
        name: draft.name.clone(),
        description: draft.description.clone(),
        image: draft.image.clone(),
        config: convert::overrides_text(draft.overrides)?,
        workspace_num: draft.workspace,
        team: None,
        creator_num: draft.creator,
        frozen: false,
        cooldown_s: 0,
        truncated_before_seq: 0,
        member_count: draft.others.len() as i32 + 1,
        last_seq: 0,
        last_message_at: 0,
        policy_version: 1,
        custom: draft.custom.clone(),
        discoverable: draft.workspace.is_none() && draft.channel_type.discoverable(config),
        open_in_workspace: draft.workspace.is_some() && draft.channel_type.open_in_workspace(config),
        created_at: now.0,
        updated_at: now.0,
        deleted_at: None,
    })
}

async fn repeated(state: &State, draft: &Draft<'_>, first: channel::Model) -> Result<CreateChannelResponse> {
    let types = state.types(draft.app).await?;
    let own = members::find(state.store.read(), draft.app, first.num, draft.creator).await?;
    // He made it, and may have been sent away since.
    if own.is_none() && !is_open(state.store.read(), &first, draft.creator).await? {
        return Err(refusal(Reason::NotAMember));
    }
    let channel = convert::channel_with(&first, types.of(&first)?, draft.creator, own.as_ref(), state.now());
    let log_position = state.top().await?;
    Ok(CreateChannelResponse { channel: Some(channel), created: false, log_position })
}
