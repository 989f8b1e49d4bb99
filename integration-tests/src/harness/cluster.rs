//! Separate processes that find each other: which roles, how many of each, and what each is told.

use std::path::Path;

use super::backing::Backing;
use super::node::Node;
use super::options::Options;
use super::rendered;

const SECRET: &str = "integration-tests-service-secret";
const MASTER_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Roles by rank: each is started when those that it calls answer.
pub(super) const ROLES: [&str; 7] =
    ["auth", "link-preview", "channel", "presence", "message", "notification", "gateway"];

/// The processes of an installation, by rank, not started yet.
pub(super) fn nodes(options: &Options, backing: &Backing, folder: &Path) -> Vec<Node> {
    let mut nodes: Vec<Node> = ROLES
        .iter()
        .flat_map(|role| {
            (0..options.replicas(role)).map(|index| {
                let own = options.namespace_of(role, index).map(namespace_address);
                let host = own.or(options.host.clone()).unwrap_or("127.0.0.1".to_owned());
                Node::of_role(role, index, &host, folder)
            })
        })
        .collect();
    let addresses: Vec<(String, String)> = ROLES[..6]
        .iter()
        .map(|role| {
            let urls: Vec<String> = nodes
                .iter()
                .filter(|node| node.role == *role)
                .map(|node| format!("http://{}", node.addresses.grpc))
                .collect();
            (
                format!("PARLANCE__SERVICES__{}__ADDRESSES", role.to_uppercase().replace('-', "_")),
                urls.join(","),
            )
        })
        .collect();
    let rendered = options.rendered.as_ref().map(|folder| rendered::read(folder));
    for node in &mut nodes {
        if let Some(role) = rendered.as_ref().map(|roles| roles.of(&node.role)) {
            role.arguments(options.rendered.as_ref().expect("rendered"))
                .into_iter()
                .for_each(|one| node.argue(one));
            role.env.iter().for_each(|(name, value)| node.set(name, value.as_str()));
        }
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
        if node.role == "auth" || node.role == "notification" {
            node.set("PARLANCE__AUTH__MASTER_KEY", MASTER_KEY);
        }
        if node.role == "auth" && options.host.is_some() {
            node.argue("--dev");
        }
        if let Some(role) = rendered.as_ref().map(|roles| roles.of(&node.role)) {
            role.assert_secrets_are_given(node);
        }
    }
    nodes
}

/// The address of a process in a namespace; its name ends with it (`it-10.77.3.2`).
fn namespace_address(name: &str) -> String {
    name.rsplit('-').next().expect("a name has an end").to_owned()
}
