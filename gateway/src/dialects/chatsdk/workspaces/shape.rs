//! How workspaces and their members are shown: camelCase and the snake_case aliases side by side.

use parlance_core::{id, json};
use parlance_proto::channel;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::convert::{People, Time, time, time_or_made};
use super::super::schema::{Id, Url, UserId, WorkspaceConfig, WorkspaceRole, WorkspaceType};

/// A workspace, as one of its members sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    #[schema(value_type = Id)]
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    #[schema(value_type = WorkspaceType)]
    pub kind: String,
    pub member_count: i32,
    pub channel_count: i32,
    #[schema(value_type = Option<Url>)]
    pub image: Option<String>,
    #[schema(value_type = WorkspaceConfig)]
    pub config: Map<String, Value>,
    #[schema(value_type = UserId)]
    pub created_by: String,
    /// When it is over; null if never.
    pub expires_at: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
    #[serde(flatten)]
    #[schema(value_type = Own)]
    pub own: Option<Own>,
    #[serde(flatten)]
    pub aliases: Aliases,
}

/// What is the reader's own; not in events for several.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = OwnWorkspace)]
pub struct Own {
    #[schema(value_type = WorkspaceRole)]
    role: String,
    /// Whether the reader has belonged to it longest.
    #[serde(rename = "isDefault")]
    is_default: bool,
    #[serde(rename = "is_default")]
    is_default_alias: bool,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = WorkspaceAliases)]
pub struct Aliases {
    member_count: i32,
    channel_count: i32,
    #[schema(value_type = Option<Url>)]
    image_url: Option<String>,
    created_at: Time,
    updated_at: Time,
    expires_at: Option<Time>,
    #[schema(value_type = UserId)]
    created_by: String,
}

/// A workspace; with the role of the member whose membership it comes with.
pub fn workspace(workspace: &channel::Workspace, people: &People) -> Workspace {
    let created_at = time_or_made(&workspace.created_at, workspace.num);
    let updated_at = time(&workspace.updated_at).unwrap_or(created_at);
    let expires_at = time(&workspace.expires_at);
    let created_by = people.id(workspace.creator_num);
    let image = Some(workspace.image.clone()).filter(|image| !image.is_empty());
    Workspace {
        id: id::text_of(workspace.num),
        name: workspace.name.clone(),
        kind: workspace.r#type.clone(),
        member_count: workspace.member_count,
        channel_count: workspace.channel_count,
        image: image.clone(),
        // The service keeps only what parses; should it not, nothing is shown.
        config: json::parse_custom(&workspace.config).unwrap_or_default(),
        created_by: created_by.clone(),
        expires_at,
        created_at,
        updated_at,
        own: workspace.membership.as_ref().map(|member| Own {
            role: member.role.clone(),
            is_default: workspace.is_default,
            is_default_alias: workspace.is_default,
        }),
        aliases: Aliases {
            member_count: workspace.member_count,
            channel_count: workspace.channel_count,
            image_url: image,
            created_at,
            updated_at,
            expires_at,
            created_by,
        },
    }
}

/// `{id, name, type, image}`: what one has got into.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = WorkspaceCard)]
pub struct Card {
    #[schema(value_type = Id)]
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    #[schema(value_type = WorkspaceType)]
    pub kind: String,
    #[schema(value_type = Option<Url>)]
    pub image: Option<String>,
}

pub fn card(workspace: &channel::Workspace) -> Card {
    Card {
        id: id::text_of(workspace.num),
        name: workspace.name.clone(),
        kind: workspace.r#type.clone(),
        image: Some(workspace.image.clone()).filter(|image| !image.is_empty()),
    }
}

/// A member, in the shape of a channel's members.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = WorkspaceMember)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    #[schema(value_type = UserId)]
    pub id: String,
    #[schema(value_type = UserId)]
    pub user_id: String,
    pub name: String,
    #[schema(value_type = Option<Url>)]
    pub image: Option<String>,
    #[schema(value_type = WorkspaceRole)]
    pub role: String,
    pub joined_at: Option<Time>,
}

pub fn member(member: &channel::WorkspaceMember, people: &People) -> Member {
    let card = people.card(member.user_num);
    Member {
        id: card.id.clone(),
        user_id: card.id,
        name: card.name,
        image: card.image,
        role: member.role.clone(),
        joined_at: time(&member.joined_at),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workspace_has_the_documented_fields_in_both_spellings() {
        let given = channel::Workspace {
            num: 7 << 22,
            name: "Ops".into(),
            r#type: "team".into(),
            config: r#"{"a":1}"#.into(),
            member_count: 3,
            channel_count: 2,
            membership: Some(channel::WorkspaceMember { role: "owner".into(), ..Default::default() }),
            is_default: true,
            ..Default::default()
        };
        let shown = json!(workspace(&given, &People::default()));
        for (field, value) in [
            ("id", json!(id::text_of(7 << 22))),
            ("name", json!("Ops")),
            ("type", json!("team")),
            ("memberCount", json!(3)),
            ("member_count", json!(3)),
            ("channelCount", json!(2)),
            ("channel_count", json!(2)),
            ("role", json!("owner")),
            ("isDefault", json!(true)),
            ("is_default", json!(true)),
            ("image", json!(null)),
            ("image_url", json!(null)),
            ("config", json!({"a": 1})),
            ("expiresAt", json!(null)),
            ("expires_at", json!(null)),
            ("createdBy", json!("deleted-user")),
            ("created_by", json!("deleted-user")),
        ] {
            assert_eq!(shown.get(field), Some(&value), "{field}");
        }
        let for_all = json!(workspace(&channel::Workspace { membership: None, ..given }, &People::default()));
        assert!(for_all.get("role").is_none() && for_all.get("isDefault").is_none());
    }
}
