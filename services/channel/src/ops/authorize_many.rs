use std::collections::{BTreeSet, HashMap};

use parlance_core::{Num, Result};
use parlance_proto::channel::authorize_many_response::Answer;
use parlance_proto::channel::{AuthorizeManyRequest, AuthorizeManyResponse};
use parlance_rpc::Context;

use crate::convert;
use crate::domain::{decide, limits};
use crate::state::State;
use crate::store::{blocks, channel, channels, member, members, workspace_members};

/// Many questions in few statements: the channels, then the memberships, then, where there are such, who
/// belongs to their workspaces and who has blocked whom.
pub async fn authorize_many(
    state: &State,
    context: &Context,
    request: AuthorizeManyRequest,
) -> Result<AuthorizeManyResponse> {
    context.caller.require_service()?;
    limits::batch("questions", request.questions.len(), limits::MAX_BATCH)?;
    let app = context.caller.app;
    let types = state.types(app).await?;
    let asked: BTreeSet<Num> = request.questions.iter().map(|question| question.channel_num).collect();
    let asked: Vec<Num> = asked.into_iter().collect();
    let found: HashMap<Num, channel::Model> = channels::find_many(&state.store, app, &asked)
        .await?
        .into_iter()
        .map(|channel| (channel.num, channel))
        .collect();
    let pairs: BTreeSet<(Num, Num)> = request
        .questions
        .iter()
        .filter(|question| found.contains_key(&question.channel_num))
        .map(|question| (question.channel_num, question.user_num))
        .collect();
    let pairs: Vec<(Num, Num)> = pairs.into_iter().collect();
    let memberships: HashMap<(Num, Num), member::Model> = members::of_pairs(&state.store, app, &pairs)
        .await?
        .into_iter()
        .map(|member| ((member.channel_num, member.user_num), member))
        .collect();

    let in_workspace = |channel: &channel::Model, user: Num| {
        channel.workspace_num.filter(|_| channel.open_in_workspace).map(|workspace| (workspace, user))
    };
    let strangers = pairs.iter().filter(|pair| !memberships.contains_key(pair));
    let asked = strangers.filter_map(|&(num, user)| in_workspace(found.get(&num)?, user)).collect();
    let insiders = workspace_members::of_pairs(state.store.read(), app, &asked).await?;
    let direct: Vec<(Num, Num)> = found.values().filter_map(convert::pair_of).collect();
    let blocked = blocks::among(state.store.read(), app, &direct).await?;

    let mut answers = Vec::with_capacity(request.questions.len());
    for question in request.questions {
        let action = convert::action(question.action)?;
        let Some(channel) = found.get(&question.channel_num) else {
            answers.push(Answer::default());
            continue;
        };
        let own = memberships.get(&(question.channel_num, question.user_num));
        let inside = in_workspace(channel, question.user_num).is_some_and(|pair| insiders.contains(&pair));
        let blocked = convert::pair_of(channel).is_some_and(|pair| blocked.contains(&pair));
        let open = channel.discoverable || inside;
        let decision = decide(convert::situation(channel, types.of(channel)?, own, open, blocked)?, action);
        let (allowed, reason) = convert::decision(decision);
        answers.push(Answer {
            found: true,
            allowed,
            reason,
            member: own.is_some(),
            policy_version: channel.policy_version,
        });
    }
    Ok(AuthorizeManyResponse { answers })
}
