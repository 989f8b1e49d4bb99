//! Every metric of Parlance: what it counts, which roles have it, and what it shows before anything happened.
//!
//! Dashboards, alerts and the table in the README are checked against this list, and so are the sources.

use metrics::{Label, Unit};

/// Names of the roles; `serve` has all of them.
pub const ROLES: &[&str] = &["auth", "channel", "presence", "message", "gateway"];

const ALL: &[&str] = ROLES;
const SERVERS: &[&str] = &["auth", "channel", "presence", "message"];
const CALLERS: &[&str] = &["channel", "presence", "message", "gateway"];
const STORES: &[&str] = &["auth", "channel", "message"];
const CONSUMERS: &[&str] = &["channel", "message"];
const GATEWAY: &[&str] = &["gateway"];
const MESSAGE: &[&str] = &["message"];
const PRESENCE: &[&str] = &["presence"];
const LINK_PREVIEW: &[&str] = &["link-preview"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    /// Roles that have it from their start on.
    pub roles: &'static [&'static str],
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// Label values that exist from the start, at zero; `$role` stands for the role. None = it is set by a
    /// measurement that every start makes.
    zeros: &'static [&'static [&'static str]],
}

const NO_LABELS: &[&[&str]] = &[&[]];

macro_rules! entries {
    ($($kind:ident $name:literal $roles:ident [$($label:literal),*] $zeros:expr, $help:literal;)*) => {
        /// The list.
        pub const CATALOG: &[Entry] = &[$(Entry {
            name: $name,
            kind: Kind::$kind,
            help: $help,
            roles: $roles,
            labels: &[$($label),*],
            zeros: $zeros,
        }),*];
    };
}

entries! {
    Counter "parlance_http_requests_total" GATEWAY ["dialect", "route", "method", "status"]
        &[&["chatsdk", "/health", "GET", "200"]],
        "HTTP requests answered.";
    Histogram "parlance_http_request_seconds" GATEWAY ["dialect", "route", "method", "status"]
        &[&["chatsdk", "/health", "GET", "2xx"]],
        "Time from a request to its answer, by class of status.";
    Gauge "parlance_http_in_flight" GATEWAY [] NO_LABELS,
        "HTTP requests being answered.";
    Counter "parlance_http_shed_total" GATEWAY [] NO_LABELS,
        "HTTP requests refused for want of room.";
    Counter "parlance_rate_limited_total" GATEWAY ["class"] &[&["tokens"], &["sends"], &["api"]],
        "Requests refused by a rate limit.";
    Counter "parlance_rate_limit_fallbacks_total" GATEWAY [] NO_LABELS,
        "Calls limited by this gateway alone because Redis did not answer.";
    Gauge "parlance_realtime_connections" GATEWAY [] NO_LABELS,
        "Open realtime connections, those without a valid token included.";
    Gauge "parlance_realtime_subscriptions" GATEWAY [] NO_LABELS,
        "Subscriptions of realtime connections.";
    Counter "parlance_realtime_refused_total" GATEWAY ["reason"] &[&["draining"], &["full"]],
        "Realtime connections that were not accepted.";
    Counter "parlance_realtime_deliveries_total" GATEWAY [] NO_LABELS,
        "Publications given to sockets.";
    Counter "parlance_realtime_written_bytes_total" GATEWAY [] NO_LABELS,
        "Bytes of frames with publications given to sockets.";
    Histogram "parlance_realtime_delivery_seconds" GATEWAY [] NO_LABELS,
        "Age of the oldest event of a write when the socket has taken it: from its commit to the client's network.";
    Histogram "parlance_realtime_queue_bytes" GATEWAY [] NO_LABELS,
        "Bytes that went out in one write.";
    Counter "parlance_realtime_slow_consumers_total" GATEWAY [] NO_LABELS,
        "Connections closed because they took too long to read.";
    Counter "parlance_realtime_closed_total" GATEWAY ["code"] &[&["3001"], &["3008"]],
        "Connections closed by us, by close code.";
    Counter "parlance_realtime_recoveries_total" GATEWAY ["outcome"] &[&["recovered"], &["unrecovered"]],
        "Subscriptions that asked for what they missed.";
    Counter "parlance_realtime_repairs_total" GATEWAY [] NO_LABELS,
        "Gaps in live streams that were closed from the log.";
    Counter "parlance_realtime_behind_total" GATEWAY [] NO_LABELS,
        "Streams found behind their log by the heads that message sends.";
    Counter "parlance_realtime_bus_lagged_total" GATEWAY [] NO_LABELS,
        "Times that the hub had to compare its streams with the logs because the bus lost events.";
    Counter "parlance_realtime_unread_dropped_total" GATEWAY [] NO_LABELS,
        "Events that came faster than unread counts were kept; the counts were loaded anew.";

    Histogram "parlance_rpc_seconds" SERVERS ["service", "method", "code"] &[&["$role", "none", "ok"]],
        "Time that calls took here.";
    Gauge "parlance_rpc_in_flight" SERVERS ["service"] &[&["$role"]],
        "Calls being served.";
    Counter "parlance_rpc_shed_total" SERVERS ["method"] &[&["none"]],
        "Calls refused for want of room.";
    Counter "parlance_rpc_errors_total" SERVERS ["service", "reason"] &[&["$role", "INTERNAL"], &["$role", "UNAVAILABLE"]],
        "Calls answered with an error, by reason.";
    Histogram "parlance_rpc_client_seconds" CALLERS ["service", "method", "code"] &[&["none", "none", "ok"]],
        "Time that calls to other services took, retries included.";
    Counter "parlance_rpc_client_bytes_total" CALLERS [] NO_LABELS,
        "Bytes of messages to and from services in other processes.";
    Counter "parlance_rpc_retries_total" CALLERS ["service"] &[&["none"]],
        "Calls made once more.";

    Counter "parlance_messages_stored_total" MESSAGE [] NO_LABELS,
        "Messages committed and acknowledged.";
    Gauge "parlance_sends_waiting" MESSAGE [] NO_LABELS,
        "Sends that wait for a commit.";
    Histogram "parlance_commit_batch_messages" MESSAGE [] NO_LABELS,
        "Sends in one commit.";
    Histogram "parlance_commit_seconds" MESSAGE [] NO_LABELS,
        "Time of a batch's transaction, lock to commit.";
    Counter "parlance_commit_failures_total" MESSAGE [] NO_LABELS,
        "Sends whose transaction failed.";
    Counter "parlance_commits_unknown_total" MESSAGE [] NO_LABELS,
        "Commits whose outcome was looked up because the connection was lost.";
    Counter "parlance_events_unpublished_total" MESSAGE [] NO_LABELS,
        "Events left to the log: the bus hung or refused, or their bodies could not be read.";
    Counter "parlance_events_published_total" MESSAGE [] NO_LABELS,
        "Events of streams handed to the bus.";

    Counter "parlance_sql_statements_total" STORES ["service"] &[],
        "SQL statements, transaction control excluded.";
    Histogram "parlance_sql_seconds" STORES ["service"] &[&["$role"]],
        "Time of one SQL statement.";
    Counter "parlance_sql_contended_total" STORES [] NO_LABELS,
        "Transactions tried again because another one stood in the way.";
    Gauge "parlance_sql_pool_connections" STORES ["service", "state"] &[],
        "Connections to the database: used, idle, and the most there may be (max).";
    Gauge "parlance_outbox_position" STORES ["service"] &[&["$role"]],
        "Position of the newest fact that this process has seen in the service's log.";
    Gauge "parlance_consumer_lag" CONSUMERS ["service", "log"] &[&["channel", "auth"], &["message", "channel"]],
        "Facts of another service's log that are not consumed yet.";
    Gauge "parlance_consumer_lag_seconds" CONSUMERS ["service", "log"]
        &[&["channel", "auth"], &["message", "channel"]],
        "Age of the oldest fact that is not consumed yet.";

    Counter "parlance_bus_published_total" ALL ["kind"] &[&["event"], &["wake"], &["heads"]],
        "Messages handed to the bus.";
    Histogram "parlance_bus_publish_seconds" ALL [] NO_LABELS,
        "Time that the bus took to take a batch.";
    Counter "parlance_bus_failures_total" ALL [] NO_LABELS,
        "Batches that the bus did not take.";
    Counter "parlance_bus_received_total" ALL ["kind"] &[&["event"], &["wake"], &["heads"]],
        "Messages that came from the bus.";
    Counter "parlance_bus_published_bytes_total" ALL [] NO_LABELS,
        "Bytes sent to Redis as messages.";
    Counter "parlance_bus_received_bytes_total" ALL [] NO_LABELS,
        "Bytes received from Redis as messages.";
    Counter "parlance_bus_lagged_total" ALL [] NO_LABELS,
        "Times that a subscription lost messages and had to look at the logs.";
    Counter "parlance_bus_reconnects_total" ALL [] NO_LABELS,
        "Times that the connection to the bus was made anew.";

    Gauge "parlance_presence_users" PRESENCE [] NO_LABELS,
        "Users who are online.";
    Gauge "parlance_presence_connections" PRESENCE [] NO_LABELS,
        "Connections that gateways have reported.";
    Gauge "parlance_presence_typing" PRESENCE [] NO_LABELS,
        "Users who are typing.";
    Counter "parlance_presence_news_total" PRESENCE ["outcome"] &[&["told"], &["dropped"]],
        "Changes of presence.";

    Counter "parlance_link_preview_resolves_total" LINK_PREVIEW ["outcome"]
        &[&["found"], &["nothing"], &["refused"], &["later"]],
        "Links asked for, by what they led to.";
    Counter "parlance_link_preview_cache_hits_total" LINK_PREVIEW [] NO_LABELS,
        "Links answered with what was found before, or with what another request found.";
    Histogram "parlance_link_preview_seconds" LINK_PREVIEW [] NO_LABELS,
        "Time to open a link, waiting for a place included.";
    Gauge "parlance_link_preview_in_flight" LINK_PREVIEW [] NO_LABELS,
        "Links being opened.";

    Gauge "parlance_build_info" ALL ["version", "role"] &[],
        "1; what runs here.";
    Gauge "parlance_ready" ALL [] NO_LABELS,
        "Whether the last readiness probe was answered with yes.";
    Counter "parlance_otlp_failed_exports_total" ALL ["signal"] &[&["traces"], &["metrics"]],
        "Exports that the OpenTelemetry collector did not take.";
    Gauge "process_resident_memory_bytes" ALL [] &[],
        "Memory of the process that is in RAM.";
    Gauge "process_open_fds" ALL [] &[],
        "Open files and sockets.";
    Gauge "process_max_fds" ALL [] &[],
        "Most files and sockets that may be open.";
    Gauge "process_cpu_seconds_total" ALL [] &[],
        "CPU time, user and system.";
    Gauge "process_threads" ALL [] &[],
        "Threads of the process.";
    Gauge "process_uptime_seconds" ALL [] &[],
        "Time since the start.";
}

/// Whether a process of `role` has the metric; `serve` has all.
pub fn has(role: &str, entry: &Entry) -> bool {
    role == "serve" || entry.roles.contains(&role)
}

/// Describes the metrics of a role and shows them at zero.
pub(crate) fn register(role: &str) {
    for entry in CATALOG.iter().filter(|entry| has(role, entry)) {
        entry.describe();
        // In one process every service has its own line.
        let roles = if role == "serve" { entry.roles } else { &[role][..] };
        for values in entry.zeros {
            // What belongs to one role is not shown by another.
            let owner = values.first().filter(|value| ROLES.contains(*value));
            if owner.is_some_and(|owner| !roles.contains(owner)) {
                continue;
            }
            let per_role = values.contains(&"$role");
            for role in if per_role { roles } else { &roles[..1] } {
                entry.show(entry.labels_of(values, role));
            }
        }
    }
}

impl Entry {
    fn describe(&self) {
        let unit = match () {
            () if self.name.ends_with("_seconds") => Unit::Seconds,
            () if self.name.ends_with("_bytes") => Unit::Bytes,
            () => Unit::Count,
        };
        match self.kind {
            Kind::Counter => metrics::describe_counter!(self.name, unit, self.help),
            Kind::Gauge => metrics::describe_gauge!(self.name, unit, self.help),
            Kind::Histogram => metrics::describe_histogram!(self.name, unit, self.help),
        }
    }

    fn labels_of(&self, values: &[&'static str], role: &str) -> Vec<Label> {
        let label = |(&name, &value): (&&'static str, &&'static str)| match value {
            "$role" => Label::new(name, role.to_owned()),
            value => Label::from_static_parts(name, value),
        };
        self.labels.iter().zip(values).map(label).collect()
    }

    fn show(&self, labels: Vec<Label>) {
        match self.kind {
            Kind::Counter => metrics::counter!(self.name, labels).increment(0),
            Kind::Gauge => metrics::gauge!(self.name, labels).increment(0.0),
            // A histogram exists once it is named.
            Kind::Histogram => drop(metrics::histogram!(self.name, labels)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_end_with_their_unit() {
        let names: BTreeSet<&str> = CATALOG.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), CATALOG.len());
        for entry in CATALOG {
            let total = entry.name.ends_with("_total");
            // Seconds of CPU are no whole number, which our counters are.
            let counts = entry.kind == Kind::Counter || entry.name == "process_cpu_seconds_total";
            assert_eq!(total, counts, "{}", entry.name);
            assert!(entry.help.ends_with('.') || entry.help.ends_with(')'), "{}", entry.name);
            for values in entry.zeros {
                assert_eq!(values.len(), entry.labels.len(), "{}", entry.name);
            }
        }
    }

    #[test]
    fn the_readme_has_a_line_for_every_metric() {
        let readme = include_str!("../README.md");
        for entry in CATALOG {
            assert!(readme.contains(&line(entry)), "add to the README:\n{}", table());
        }
    }

    fn line(entry: &Entry) -> String {
        let roles = if entry.roles.len() == ROLES.len() { "all".to_owned() } else { entry.roles.join(", ") };
        let labels = entry.labels.join(", ");
        let kind = format!("{:?}", entry.kind).to_lowercase();
        format!("| `{}` | {kind} | {labels} | {roles} | {} |", entry.name, entry.help)
    }

    fn table() -> String {
        CATALOG.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
