//! What members hear of their workspaces, each in his `user:` channel.

use bytes::Bytes;
use parlance_core::{Num, id};
use parlance_proto::channel;
use parlance_proto::event::event::Payload as Fact;
use serde::Serialize;

use super::super::convert::{Card, People};
use super::super::events::text;
use super::shape::{self, Workspace};

#[derive(Serialize)]
struct WorkspacePayload {
    workspace: Workspace,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IdPayload {
    workspace_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MemberPayload {
    workspace_id: String,
    user_id: String,
    user: Card,
    member_count: i32,
}

/// Nums of everybody whom the publication of a fact about a workspace names.
pub fn named(fact: &Fact) -> Vec<Num> {
    let creator =
        |workspace: &Option<channel::Workspace>| workspace.iter().map(|one| one.creator_num).collect();
    match fact {
        Fact::WorkspaceCreated(fact) => creator(&fact.workspace),
        Fact::WorkspaceUpdated(fact) => creator(&fact.workspace),
        Fact::WorkspaceMemberJoined(fact) => vec![fact.user_num],
        Fact::WorkspaceMemberLeft(fact) => vec![fact.user_num],
        _ => Vec::new(),
    }
}

/// The publication of a fact about a workspace. Who made it owns it and hears so; of a change, only what is
/// the same for all is told.
pub fn publication(fact: &Fact, people: &People, viewer: Option<Num>) -> Option<Bytes> {
    Some(match fact {
        Fact::WorkspaceCreated(fact) => {
            let mut workspace = fact.workspace.clone()?;
            // The fact shows it as its creator sees it.
            if viewer != Some(workspace.creator_num) {
                workspace.membership = None;
            }
            text("workspace.created", WorkspacePayload { workspace: shape::workspace(&workspace, people) })
        }
        Fact::WorkspaceUpdated(fact) => {
            let workspace = shape::workspace(fact.workspace.as_ref()?, people);
            text("workspace.updated", WorkspacePayload { workspace })
        }
        Fact::WorkspaceDeleted(fact) => {
            text("workspace.deleted", IdPayload { workspace_id: id::text_of(fact.workspace_num) })
        }
        Fact::WorkspaceMemberJoined(fact) => text(
            "workspace.member_joined",
            MemberPayload::of(fact.workspace_num, people.card(fact.user_num), fact.member_count),
        ),
        Fact::WorkspaceMemberLeft(fact) => text(
            "workspace.member_left",
            MemberPayload::of(fact.workspace_num, people.card(fact.user_num), fact.member_count),
        ),
        _ => return None,
    })
}

impl MemberPayload {
    fn of(workspace: Num, user: Card, member_count: i32) -> Self {
        Self { workspace_id: id::text_of(workspace), user_id: user.id.clone(), user, member_count }
    }
}
