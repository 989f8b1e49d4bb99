//! The servers that separate processes share: a database of their own on PostgreSQL, and a Redis.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::process::binary;

const POSTGRES_URL: &str = "PARLANCE_TEST_POSTGRES_URL";
const REDIS_URL: &str = "PARLANCE_TEST_REDIS_URL";

/// What an installation keeps its data in. The database goes when it is dropped.
#[derive(Debug)]
pub struct Backing {
    server_url: String,
    database: String,
    redis_url: String,
}

impl Backing {
    /// On the servers that the test command has started.
    pub(super) fn of_environment() -> Self {
        let from = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| {
                panic!("{name} is not set: separate processes need PostgreSQL and Redis; scripts/test starts both")
            })
        };
        Self::on(from(POSTGRES_URL), from(REDIS_URL))
    }

    /// A database of its own on a server, its tables ready.
    pub(super) fn on(server_url: String, redis_url: String) -> Self {
        let database = format!("it_{}", uuid::Uuid::new_v4().simple());
        let template = template(&server_url);
        sql(&server_url, &format!("CREATE DATABASE {database} TEMPLATE {template}"));
        Self { server_url, database, redis_url }
    }

    /// URL of the installation's own database.
    pub fn database_url(&self) -> String {
        of_database(&self.server_url, &self.database)
    }

    pub fn redis_url(&self) -> &str {
        &self.redis_url
    }

    /// What keeps installations on one Redis apart.
    pub fn redis_prefix(&self) -> &str {
        &self.database
    }
}

impl Drop for Backing {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database);
        let _ = psql(&self.server_url, &drop).output();
    }
}

/// A database with all tables, made once per test program and server.
fn template(server_url: &str) -> String {
    static MADE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let template = format!("it_template_{}", std::process::id());
    // Held while it is made, so that others wait for it.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if made.contains(server_url) {
        return template;
    }
    sql(server_url, &format!("DROP DATABASE IF EXISTS {template}"));
    sql(server_url, &format!("CREATE DATABASE {template}"));
    let output = Command::new(binary())
        .arg("migrate")
        .env("PARLANCE__DATABASE__URL", of_database(server_url, &template))
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "migrate: {}", String::from_utf8_lossy(&output.stderr));
    made.insert(server_url.to_owned());
    template
}

fn of_database(server_url: &str, database: &str) -> String {
    let (server, _) = server_url.rsplit_once('/').expect("a URL ends with a database");
    format!("{server}/{database}")
}

fn psql(url: &str, statement: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement]).stdin(Stdio::null());
    command
}

fn sql(url: &str, statement: &str) {
    let output = psql(url, statement).output().expect("psql is installed");
    assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
}
