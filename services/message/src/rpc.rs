//! The calls, one delegating line each.

use std::sync::Arc;

use parlance_proto::event::{ReadLogRequest, ReadLogResponse};
use parlance_proto::message::message_service_server::MessageService;
use parlance_proto::message::*;
use parlance_rpc::Context;
use parlance_sql::retrying;
use tonic::{Request, Response, Status};

use crate::ops;
use crate::service::Service;

/// The service behind its calls.
#[derive(Clone)]
pub struct Rpc(pub(crate) Arc<Service>);

macro_rules! calls {
    (
        repeatable { $($change:ident: $change_request:ident -> $change_response:ident = $changes:path;)* }
        once { $($name:ident: $request:ident -> $response:ident = $operation:path;)* }
    ) => {
        #[tonic::async_trait]
        impl MessageService for Rpc {
            $(
                async fn $change(
                    &self,
                    request: Request<$change_request>,
                ) -> Result<Response<$change_response>, Status> {
                    let context = Context::of(&request)?;
                    let request = request.into_inner();
                    let answer = retrying(|| $changes(&self.0, &context, request.clone())).await?;
                    Ok(Response::new(answer))
                }
            )*
            $(
                async fn $name(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                    let context = Context::of(&request)?;
                    Ok(Response::new($operation(&self.0, &context, request.into_inner()).await?))
                }
            )*

            type FollowStream = ops::Following;

            async fn follow(&self, request: Request<FollowRequest>) -> Result<Response<ops::Following>, Status> {
                let context = Context::of(&request)?;
                Ok(Response::new(ops::follow(&self.0, &context, request.into_inner()).await?))
            }
        }
    };
}

// Repeatable are changes in one transaction of their own, where the database may ask for another try.
calls! {
    repeatable {
        edit_message: EditMessageRequest -> EditMessageResponse = ops::edit;
        delete_message: DeleteMessageRequest -> DeleteMessageResponse = ops::delete;
        add_reaction: AddReactionRequest -> AddReactionResponse = ops::add_reaction;
        remove_reaction: RemoveReactionRequest -> RemoveReactionResponse = ops::remove_reaction;
        pin_message: PinMessageRequest -> PinMessageResponse = ops::pin;
        unpin_message: UnpinMessageRequest -> UnpinMessageResponse = ops::unpin;
        mark_read: MarkReadRequest -> MarkReadResponse = ops::mark_read;
    }
    once {
        send_message: SendMessageRequest -> SendMessageResponse = ops::send;
        get_messages: GetMessagesRequest -> GetMessagesResponse = ops::get;
        list_messages: ListMessagesRequest -> ListMessagesResponse = ops::list;
        list_thread: ListThreadRequest -> ListThreadResponse = ops::list_thread;
        list_thread_participants: ListThreadParticipantsRequest -> ListThreadParticipantsResponse
            = ops::list_thread_participants;
        list_pins: ListPinsRequest -> ListPinsResponse = ops::list_pins;
        query_readers: QueryReadersRequest -> QueryReadersResponse = ops::query_readers;
        list_read_positions: ListReadPositionsRequest -> ListReadPositionsResponse = ops::list_read_positions;
        get_unread: GetUnreadRequest -> GetUnreadResponse = ops::get_unread;
        summarize_channels: SummarizeChannelsRequest -> SummarizeChannelsResponse = ops::summarize;
        read_streams: ReadStreamsRequest -> ReadStreamsResponse = ops::read_streams;
        read_log: ReadLogRequest -> ReadLogResponse = ops::read_log;
        await_facts: AwaitFactsRequest -> AwaitFactsResponse = ops::await_facts;
    }
}
