//! What the calls about workspaces have in common.

use std::collections::{BTreeMap, BTreeSet};

use parlance_core::{Micros, Num, Reason, Result};
use parlance_proto::channel::Workspace;
use parlance_rpc::Context;
use parlance_sql::Write;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::refusal;
use crate::convert;
use crate::domain::WorkspaceRole;
use crate::facts::Facts;
use crate::state::workspace_not_found;
use crate::store::{channel, workspace, workspace_member, workspace_members, workspaces};

/// Members who are told of a change of their workspace.
pub const TOLD: u64 = 1000;
/// Members who are told that one of them came or went.
const TOLD_OF_ONE: u64 = 100;

/// A workspace locked for a change, with the role of whoever asks.
pub struct OpenedWorkspace {
    pub row: workspace::Model,
    pub role: WorkspaceRole,
}

/// Locks a live workspace. WORKSPACE_NOT_FOUND if there is none in the app or the caller is no member.
pub async fn open(write: &Write, context: &Context, num: Num) -> Result<OpenedWorkspace> {
    let (app, user) = (context.caller.app, context.caller.require_user()?);
    let row = workspaces::lock(write, app, num).await?.ok_or_else(workspace_not_found)?;
    let caller = workspace_members::find(write.connection(), app, num, user).await?;
    let caller = caller.ok_or_else(workspace_not_found)?;
    Ok(OpenedWorkspace { row, role: convert::workspace_role_of(&caller)? })
}

impl OpenedWorkspace {
    /// ROLE_TOO_LOW unless the caller is owner or admin.
    pub fn require_manager(&self) -> Result<()> {
        if self.role.manages() { Ok(()) } else { Err(refusal(Reason::RoleTooLow)) }
    }

    /// ROLE_TOO_LOW unless the caller may make somebody this.
    pub fn require_may_assign(&self, role: WorkspaceRole) -> Result<()> {
        if self.role.may_assign(role) { Ok(()) } else { Err(refusal(Reason::RoleTooLow)) }
    }
}

/// WORKSPACE_EXPIRED if it is over.
pub fn require_lasting(row: &workspace::Model, now: Micros) -> Result<()> {
    match row.expires_at {
        Some(at) if at <= now.0 => Err(refusal(Reason::WorkspaceExpired)),
        _ => Ok(()),
    }
}

/// Keeps the workspace of a channel, if it has one, from losing members until the end of the transaction. Comes
/// before the channel's own lock.
pub async fn hold_of(write: &Write, app: Uuid, workspace: Option<Num>) -> Result<()> {
    if let Some(num) = workspace {
        workspaces::hold(write, app, num).await?;
    }
    Ok(())
}

/// NOT_IN_WORKSPACE unless all of these are members of a workspace that is held.
pub async fn require_inside(write: &Write, app: Uuid, workspace: Num, users: &[Num]) -> Result<()> {
    let users: BTreeSet<Num> = users.iter().copied().collect();
    let inside = workspace_members::present(write.connection(), app, workspace, &users).await?;
    if inside.len() == users.len() { Ok(()) } else { Err(refusal(Reason::NotInWorkspace)) }
}

/// Who hears of a channel that is open to its workspace; nobody for others.
pub async fn announced_to(write: &Write, channel: &channel::Model) -> Result<Vec<Num>> {
    match channel.workspace_num.filter(|_| channel.open_in_workspace) {
        Some(workspace) => workspace_members::first_nums(write, channel.app, workspace, TOLD).await,
        None => Ok(Vec::new()),
    }
}

/// Who hears that one of the members came or went: he himself and the first of the others.
pub async fn told_of(write: &Write, row: &workspace::Model, user: Num) -> Result<Vec<Num>> {
    let mut told = workspace_members::first_nums(write, row.app, row.num, TOLD_OF_ONE).await?;
    if !told.contains(&user) {
        told.push(user);
    }
    Ok(told)
}

/// Makes people members of a locked workspace of which they are none yet.
pub async fn enter(
    write: &Write,
    row: &workspace::Model,
    users: impl IntoIterator<Item = Num>,
    role: WorkspaceRole,
    facts: &mut Facts<'_>,
    now: Micros,
) -> Result<()> {
    let joined: Vec<workspace_member::Model> =
        users.into_iter().map(|user| workspace_members::fresh(row.app, row.num, user, role, now)).collect();
    let before = count(write.connection(), row).await?;
    workspace_members::add(write, joined.clone()).await?;
    for (count, member) in (before + 1..).zip(&joined) {
        let told = told_of(write, row, member.user_num).await?;
        facts.workspace_member_joined(row, member, count, told);
    }
    Ok(())
}

pub async fn count<C: ConnectionTrait>(connection: &C, row: &workspace::Model) -> Result<i32> {
    let count = workspace_members::count(connection, row.app, row.num).await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// Workspaces as somebody sees them, in the same order: counted, and with his membership. Without a
/// viewer, as nobody in particular does.
pub async fn shown<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    rows: &[workspace::Model],
    viewer: Option<Num>,
) -> Result<Vec<Workspace>> {
    let nums: Vec<Num> = rows.iter().map(|row| row.num).collect();
    let counts = workspaces::counts(connection, app, &nums).await?;
    let mut own = BTreeMap::new();
    let mut default = None;
    if let Some(user) = viewer {
        let found = workspace_members::of_user(connection, app, user, &nums).await?;
        own.extend(found.into_iter().map(|member| (member.workspace_num, member)));
        let first = workspace_members::page_of_user(connection, app, user, 1, 0).await?;
        default = first.first().map(|member| member.workspace_num);
    }
    let number = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    Ok(rows
        .iter()
        .map(|row| {
            let (members, channels) = counts.get(&row.num).copied().unwrap_or_default();
            Workspace {
                membership: own.get(&row.num).map(convert::workspace_member),
                is_default: default == Some(row.num),
                ..convert::workspace(row, number(members), number(channels), viewer)
            }
        })
        .collect())
}

/// One workspace as somebody sees it.
pub async fn one_shown<C: ConnectionTrait>(
    connection: &C,
    row: &workspace::Model,
    viewer: Option<Num>,
) -> Result<Workspace> {
    let mut shown = shown(connection, row.app, std::slice::from_ref(row), viewer).await?;
    shown.pop().ok_or_else(workspace_not_found)
}
