//! What the chart would start, as `helm/tests/cmd/render` writes it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::node::Node;

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Rendered(Vec<Role>);

#[derive(Debug, Deserialize)]
pub(super) struct Role {
    role: String,
    args: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    secret_env: BTreeMap<String, serde_json::Value>,
    config_path: String,
}

pub(super) fn read(folder: &Path) -> Rendered {
    let text = std::fs::read_to_string(folder.join("roles.json")).expect("the chart is rendered");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("roles.json: {error}"))
}

impl Rendered {
    pub(super) fn of(&self, role: &str) -> &Role {
        let found = self.0.iter().find(|one| one.role == role);
        found.unwrap_or_else(|| panic!("the chart has no {role}"))
    }
}

impl Role {
    /// The arguments behind the role's name; the configuration lies in the folder instead of the container.
    pub(super) fn arguments(&self, folder: &Path) -> Vec<String> {
        let (first, rest) = self.args.split_first().expect("the role is the first argument");
        assert_eq!(first, &self.role);
        let config = folder.join(&self.role).join("parlance.toml").display().to_string();
        rest.iter().map(|argument| argument.replace(&self.config_path, &config)).collect()
    }

    /// What the chart takes from a Secret is given by the test.
    pub(super) fn assert_secrets_are_given(&self, node: &Node) {
        for name in self.secret_env.keys() {
            assert!(node.is_told(name), "{}: the chart gives {name}, the test does not", self.role);
        }
    }
}
