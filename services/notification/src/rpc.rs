//! The calls, one delegating line each.

use std::sync::Arc;

use parlance_proto::notification::notification_service_server::NotificationService;
use parlance_proto::notification::*;
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
        repeatable { $($change:ident: $change_request:ident -> $change_response:ident;)* }
        once { $($name:ident: $request:ident -> $response:ident;)* }
    ) => {
        #[tonic::async_trait]
        impl NotificationService for Rpc {
            $(
                async fn $change(
                    &self,
                    request: Request<$change_request>,
                ) -> Result<Response<$change_response>, Status> {
                    let context = Context::of(&request)?;
                    let request = request.into_inner();
                    let answer = retrying(|| ops::$change(&self.0, &context, request.clone())).await?;
                    Ok(Response::new(answer))
                }
            )*
            $(
                async fn $name(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                    let context = Context::of(&request)?;
                    Ok(Response::new(ops::$name(&self.0, &context, request.into_inner()).await?))
                }
            )*
        }
    };
}

// Repeatable are changes in one transaction of their own, where the database may ask for another try.
calls! {
    repeatable {
        register_device: RegisterDeviceRequest -> RegisterDeviceResponse;
        remove_device: RemoveDeviceRequest -> RemoveDeviceResponse;
        update_preferences: UpdatePreferencesRequest -> UpdatePreferencesResponse;
        set_provider: SetProviderRequest -> SetProviderResponse;
        remove_provider: RemoveProviderRequest -> RemoveProviderResponse;
    }
    once {
        list_devices: ListDevicesRequest -> ListDevicesResponse;
        get_preferences: GetPreferencesRequest -> GetPreferencesResponse;
        get_web_push_key: GetWebPushKeyRequest -> GetWebPushKeyResponse;
        send_test: SendTestRequest -> SendTestResponse;
        list_providers: ListProvidersRequest -> ListProvidersResponse;
        list_dead_letters: ListDeadLettersRequest -> ListDeadLettersResponse;
        replay_dead_letters: ReplayDeadLettersRequest -> ReplayDeadLettersResponse;
        discard_dead_letters: DiscardDeadLettersRequest -> DiscardDeadLettersResponse;
        get_queue: GetQueueRequest -> GetQueueResponse;
    }
}
