//! Names of the metadata that calls carry.

/// A client's API key.
pub const API_KEY: &str = "x-api-key";
/// A client's user token: `Bearer <token>`.
pub const AUTHORIZATION: &str = "authorization";
/// Public id of the user that the holder of an API key acts for.
pub const ACT_AS: &str = "parlance-user-id";

/// App of a call between services.
pub const APP: &str = "parlance-app";
/// Actor of a call between services: `service`, `app`, `public`, or `user:<num>`.
pub const ACTOR: &str = "parlance-actor";
/// Proof that the caller is one of our services.
pub const SERVICE_SECRET: &str = "parlance-service-secret";

/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";
/// Time left for the call, in the form of the gRPC specification.
pub const TIMEOUT: &str = "grpc-timeout";
/// Num of the channel that a call is about: its calls go to the same replica while there is one.
pub const ROUTE: &str = "parlance-route";
/// The call carries a key by which a second one finds the first: it may be repeated when no answer comes.
pub const KEYED: &str = "parlance-keyed";
/// On an answer: the call was refused before anything was done, so another replica may be asked.
pub const UNPROCESSED: &str = "parlance-unprocessed";
