use std::convert::Infallible;

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

use crate::observe::Observed;
use crate::serve::Trusted;

/// What a generated client sends through: a server in this process, or a network channel.
pub type Transport = BoxCloneSyncService<Request<Body>, Response<Body>, Status>;

/// Calls `server` (wrapped by [`crate::serve()`]) without a socket. The caller metadata is believed,
/// since it can only come from this process.
pub fn in_process<S>(server: S) -> Transport
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    BoxCloneSyncService::new(Observed(
        server
            .map_request(|mut request: Request<Body>| {
                request.extensions_mut().insert(Trusted);
                request
            })
            .map_err(|never: Infallible| match never {}),
    ))
}
