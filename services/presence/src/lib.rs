#![doc = include_str!("../README.md")]

mod announce;
mod config;
mod consumers;
mod convert;
pub mod domain;
mod ops;
mod permission;
mod presence;
mod rpc;
pub mod store;
mod sweep;

pub use config::Settings;
pub use presence::{Dependencies, Presence};
pub use rpc::Rpc;

use parlance_proto::presence::presence_service_server::PresenceServiceServer;

/// Starts the service: its background work runs on the dependencies' `tasks` and ends with `stop`.
pub async fn start(dependencies: Dependencies) -> anyhow::Result<PresenceServiceServer<Rpc>> {
    let tasks = dependencies.tasks.clone();
    let stop = dependencies.stop.clone();
    let presence = Presence::assemble(dependencies).await?;
    tasks.spawn(sweep::run(presence.clone(), stop));
    Ok(presence.server())
}
