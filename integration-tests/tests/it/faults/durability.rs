//! Acknowledged means durable: shown by the calls that the process makes of the kernel.

use std::process::Command;

use crate::prelude::*;

/// Sends that follow each other, so that each needs a commit of its own.
const SENDS: usize = 60;

/// One traced call: the file, and whether it succeeded.
struct Sync {
    file: String,
    succeeded: bool,
}

#[tokio::test]
async fn every_commit_is_synced_to_disk_before_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let tracer = ["strace", "-f", "-qq", "-y", "-e", "trace=fdatasync,fsync", "-o", trace.to_str().unwrap()];
    if let Some(why) = cannot_trace() {
        println!("SKIPPED, tracing is not permitted here: {why}");
        return;
    }
    let options = Options::new().embedded().in_folder(folder.path()).under(&tracer);
    let server = Harness::start_with(options).await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    alice.send(&group, "warm").await;

    let (commits_before, syncs_before) = (commits(&server).await, syncs(&trace).len());
    for number in 0..SENDS {
        let seen = message_syncs(&trace);
        alice.send(&group, &number.to_string()).await;
        let now = message_syncs(&trace);
        assert!(now > seen, "send {number} was acknowledged without a sync ({seen} before, {now} after)");
    }
    let commits = commits(&server).await - commits_before;
    let new = &syncs(&trace)[syncs_before..];
    let synced = new.iter().filter(|one| is_message_store(&one.file)).count();
    assert_eq!(commits, SENDS as u64, "each of these sends is a commit");
    assert!(synced as u64 >= commits, "{commits} commits, {synced} syncs");
    assert!(new.iter().all(|one| one.succeeded));
    println!("{commits} commits of messages, {synced} syncs of their store");
}

fn cannot_trace() -> Option<String> {
    match Command::new("strace").args(["-o", "/dev/null", "true"]).output() {
        Err(error) => panic!("strace: {error}; scripts/test installs it"),
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn is_message_store(file: &str) -> bool {
    file.rsplit('/').next().is_some_and(|name| name.starts_with("message"))
}

fn message_syncs(trace: &std::path::Path) -> usize {
    syncs(trace).iter().filter(|one| one.succeeded && is_message_store(&one.file)).count()
}

/// Lines like `123 fdatasync(9</data/message.db-wal>) = 0`; a call that another thread interrupted
/// ends in a line of its own.
fn syncs(trace: &std::path::Path) -> Vec<Sync> {
    let text = std::fs::read_to_string(trace).unwrap_or_default();
    let mut unfinished = std::collections::HashMap::new();
    let mut all = Vec::new();
    for line in text.lines() {
        let Some((pid, call)) = line.split_once(' ') else { continue };
        let file =
            call.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(file, _)| file.to_owned());
        if call.contains("unfinished ...") {
            unfinished.insert(pid.to_owned(), file.unwrap_or_default());
        } else if call.contains("resumed>") {
            let file = unfinished.remove(pid).unwrap_or_default();
            all.push(Sync { file, succeeded: call.trim_end().ends_with("= 0") });
        } else if let Some(file) = file {
            all.push(Sync { file, succeeded: call.trim_end().ends_with("= 0") });
        }
    }
    all
}

/// Commits of messages so far, as the server counts them.
async fn commits(server: &Harness) -> u64 {
    let metrics = server.anonymous().get("/metrics").await.text;
    let line = metrics.lines().find(|line| line.starts_with("parlance_commit_seconds_count"));
    let value = line.and_then(|line| line.split_whitespace().next_back()).unwrap_or("0");
    value.parse::<f64>().unwrap() as u64
}

#[test]
fn the_trace_is_read_also_where_calls_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace");
    let text = "7 fdatasync(9</d/message.db-wal>) = 0\n8 fdatasync(9</d/auth.db-wal> <unfinished ...>\n\
                7 fsync(4</d>)      = -1 EIO\n8 <... fdatasync resumed>) = 0\n";
    std::fs::write(&path, text).unwrap();
    let all: Vec<(String, bool)> = syncs(&path).into_iter().map(|one| (one.file, one.succeeded)).collect();
    let expected = [("/d/message.db-wal", true), ("/d", false), ("/d/auth.db-wal", true)];
    assert_eq!(all, expected.map(|(file, succeeded)| (file.to_owned(), succeeded)));
    assert_eq!(message_syncs(&path), 1);
}
