//! Pages of a long history: the deepest must cost what the newest costs.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use parlance_core::id;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::super::cli::Plan;
use super::super::http::{Connection, Request};
use super::super::latencies::Latencies;
use super::super::report::Report;
use super::super::server::Server;

const PAGE: i64 = 100;

pub async fn run(server: &mut Server, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let total: i64 = plan.size(1_000_000, 200_000);
    let users = server.users(2).await?;
    let channel = server.group("history", &users[..2]).await?;
    let user = &users[0];
    let mut connection = Connection::open(server.address()).await?;
    let mut send = Request::new("POST", &format!("/api/channels/{channel}/messages"), Some(&user.token));
    let text = format!(r#"{{"text":"{}"}}"#, "x".repeat(200));
    let answer = connection.call(send.with(text.as_bytes())).await?.json()?;
    let first = answer["id"].as_str().and_then(id::parse).context("a message id carries a num")?;

    server.stop().await;
    let started = Instant::now();
    let seeded = seed(&server.data().join("message.db"), first, total).await;
    server.start_again().await;
    seeded.context("seed the history")?;
    println!("  seeded {total} messages in {:.1} s", started.elapsed().as_secs_f64());

    let mut connection = Connection::open(server.address()).await?;
    let rounds = plan.size(1_000, 200);
    // Message `seq` has the num `first + seq - 1`.
    let places =
        [("newest page", None), ("in the middle", Some(total / 2)), ("at the oldest end", Some(PAGE + 60))];
    for (place, before) in places {
        let case = format!("page of {PAGE} of {total}, {place}");
        let mut latencies = Latencies::default();
        for round in 0..rounds + rounds / 10 {
            let cursor = before.map(|seq| {
                // Neighbouring pages, so that not one page is asked for all the time.
                let seq = if seq > 1_000 { seq + 37 * round } else { seq - round % 50 };
                format!("&before={}", id::text_of(first + seq - 1))
            });
            let path = format!("/api/channels/{channel}/messages?limit={PAGE}{}", cursor.unwrap_or_default());
            let mut request = Request::new("GET", &path, Some(&user.token));
            let bytes = request.with(b"").to_vec();
            let started = Instant::now();
            let answer = connection.call(&bytes).await?;
            let took = started.elapsed();
            if round == 0 {
                let page = answer.json()?;
                let count = page["messages"].as_array().map_or(0, Vec::len);
                ensure!(count == PAGE as usize, "{case}: {count} messages");
            }
            ensure!(answer.status == 200, "{case}: status {}", answer.status);
            // The first tenth warms up.
            if round >= rounds / 10 {
                latencies.add(took);
            }
        }
        report.add(&case, "p50", latencies.quantile(0.5), "ms");
        report.add(&case, "p99", latencies.quantile(0.99), "ms").aim("< 10 ms, flat with depth");
    }
    report.note("one request at a time on one connection; messages seeded by SQL while the server was down");
    Ok(())
}

/// Copies the only message of a channel until there are `total`, seqs and nums one apart.
async fn seed(database: &Path, first: i64, total: i64) -> anyhow::Result<()> {
    let mut connection =
        SqliteConnectOptions::new().filename(database).disable_statement_logging().connect().await?;
    let columns: Vec<String> = sqlx::query("PRAGMA table_info(messages)")
        .fetch_all(&mut connection)
        .await?
        .iter()
        .map(|row| row.try_get("name"))
        .collect::<Result<_, _>>()?;
    let values: Vec<String> = columns
        .iter()
        .map(|column| match column.as_str() {
            "num" | "seq" | "running" | "created_at" | "updated_at" => format!("m.{column} + n.i"),
            _ => format!("m.{column}"),
        })
        .collect();
    let insert = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) \
         INSERT INTO messages ({}) SELECT {} FROM n, messages m WHERE m.num = {first} ORDER BY n.i",
        total - 1,
        columns.join(", "),
        values.join(", "),
    );
    let head = format!(
        "UPDATE stream_heads SET last_seq = {total}, counted = {total}, message_count = {total}, \
         last_num = last_num + {more}, last_at = last_at + {more} \
         WHERE stream = (SELECT channel_num FROM messages WHERE num = {first})",
        more = total - 1,
    );
    let mut transaction = connection.begin().await?;
    sqlx::query(sqlx::AssertSqlSafe(insert)).execute(&mut *transaction).await?;
    sqlx::query(sqlx::AssertSqlSafe(head)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(connection.close().await?)
}
