//! Separate processes that find each other: which roles, how many of each, and what each is told.

use std::path::Path;

use super::backing::Backing;
use super::node::Node;
use super::options::Options;

const SECRET: &str = "integration-tests-service-secret";
const MASTER_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Roles by rank: each is started when those that it calls answer.
pub(super) const ROLES: [&str; 5] = ["auth", "channel", "presence", "message", "gateway"];

/// The processes of an installation, by rank, not started yet.
pub(super) fn nodes(options: &Options, backing: &Backing, folder: &Path) -> Vec<Node> {
    let mut nodes: Vec<Node> = ROLES
        .iter()
        .flat_map(|role| (0..options.replicas(role)).map(|index| Node::of_role(role, index, folder)))
        .collect();
    let addresses: Vec<(String, String)> = ROLES[..4]
        .iter()
        .map(|role| {
            let urls: Vec<String> = nodes
                .iter()
                .filter(|node| node.role == *role)
                .map(|node| format!("http://{}", node.addresses.grpc))
                .collect();
            (format!("PARLANCE__SERVICES__{}__ADDRESSES", role.to_uppercase()), urls.join(","))
        })
        .collect();
    for node in &mut nodes {
        node.set("PARLANCE__REDIS__URL", backing.redis_url());
        node.set("PARLANCE__REDIS__PREFIX", backing.redis_prefix());
        node.set("PARLANCE__GRPC__SECRET", SECRET);
        for (name, value) in &addresses {
            node.set(name, value.as_str());
        }
        if node.role != "gateway" && node.role != "presence" {
            node.set("PARLANCE__DATABASE__URL", backing.database_url());
            // Many installations share one server.
            node.set("PARLANCE__DATABASE__MAX_CONNECTIONS", "6");
            node.set("PARLANCE__DATABASE__MIGRATE", "false");
        }
        if node.role == "auth" {
            node.set("PARLANCE__AUTH__MASTER_KEY", MASTER_KEY);
        }
    }
    nodes
}
