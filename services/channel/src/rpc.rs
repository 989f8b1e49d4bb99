//! The generated interface, one delegating line per call.

use std::sync::Arc;

use parlance_core::Result as CoreResult;
use parlance_proto::channel::channel_service_server::ChannelService;
use parlance_proto::channel::*;
use parlance_proto::event::{ReadLogRequest, ReadLogResponse};
use parlance_rpc::Context;
use parlance_sql::retrying;
use tonic::{Request, Response, Status};

use crate::ops;
use crate::state::State;

/// The service's calls.
#[derive(Debug, Clone)]
pub struct Rpc {
    state: Arc<State>,
}

impl Rpc {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }
}

type Reply<T> = Result<Response<T>, Status>;

fn reply<T>(result: CoreResult<T>) -> Reply<T> {
    result.map(Response::new).map_err(Status::from)
}

macro_rules! delegate {
    (
        repeatable { $($change:ident($change_request:ty) -> $change_response:ty;)* }
        once { $($call:ident($request:ty) -> $response:ty;)* }
    ) => {
        #[tonic::async_trait]
        impl ChannelService for Rpc {
            $(async fn $change(&self, request: Request<$change_request>) -> Reply<$change_response> {
                let context = Context::of(&request)?;
                let request = request.into_inner();
                reply(retrying(|| ops::$change::$change(&self.state, &context, request.clone())).await)
            })*
            $(async fn $call(&self, request: Request<$request>) -> Reply<$response> {
                reply(ops::$call::$call(&self.state, &Context::of(&request)?, request.into_inner()).await)
            })*
        }
    };
}

// Repeatable are changes where the database may ask for another try: in one transaction of their own, or such that
// a repeat does what the first try has left undone.
delegate! {
    repeatable {
        create_channel(CreateChannelRequest) -> CreateChannelResponse;
        update_channel(UpdateChannelRequest) -> UpdateChannelResponse;
        delete_channel(DeleteChannelRequest) -> DeleteChannelResponse;
        add_members(AddMembersRequest) -> AddMembersResponse;
        update_member(UpdateMemberRequest) -> UpdateMemberResponse;
        remove_member(RemoveMemberRequest) -> RemoveMemberResponse;
        update_member_settings(UpdateMemberSettingsRequest) -> UpdateMemberSettingsResponse;
        authorize(AuthorizeRequest) -> AuthorizeResponse;
        create_workspace(CreateWorkspaceRequest) -> CreateWorkspaceResponse;
        update_workspace(UpdateWorkspaceRequest) -> UpdateWorkspaceResponse;
        delete_workspace(DeleteWorkspaceRequest) -> DeleteWorkspaceResponse;
        add_workspace_members(AddWorkspaceMembersRequest) -> AddWorkspaceMembersResponse;
        update_workspace_member(UpdateWorkspaceMemberRequest) -> UpdateWorkspaceMemberResponse;
        remove_workspace_member(RemoveWorkspaceMemberRequest) -> RemoveWorkspaceMemberResponse;
        create_invites(CreateInvitesRequest) -> CreateInvitesResponse;
        accept_invite(AcceptInviteRequest) -> AcceptInviteResponse;
        block_user(BlockUserRequest) -> BlockUserResponse;
        unblock_user(UnblockUserRequest) -> UnblockUserResponse;
        touch(TouchRequest) -> TouchResponse;
    }
    once {
        get_channels(GetChannelsRequest) -> GetChannelsResponse;
        list_channels(ListChannelsRequest) -> ListChannelsResponse;
        list_members(ListMembersRequest) -> ListMembersResponse;
        list_members_of_channels(ListMembersOfChannelsRequest) -> ListMembersOfChannelsResponse;
        authorize_many(AuthorizeManyRequest) -> AuthorizeManyResponse;
        resolve_mentions(ResolveMentionsRequest) -> ResolveMentionsResponse;
        list_companions(ListCompanionsRequest) -> ListCompanionsResponse;
        list_workspaces(ListWorkspacesRequest) -> ListWorkspacesResponse;
        get_workspaces(GetWorkspacesRequest) -> GetWorkspacesResponse;
        list_workspace_members(ListWorkspaceMembersRequest) -> ListWorkspaceMembersResponse;
        list_blocked(ListBlockedRequest) -> ListBlockedResponse;
        find_blocks(FindBlocksRequest) -> FindBlocksResponse;
        read_log(ReadLogRequest) -> ReadLogResponse;
        await_facts(AwaitFactsRequest) -> AwaitFactsResponse;
    }
}
