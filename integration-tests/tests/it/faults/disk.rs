//! A full disk: a clear error, nothing half-written, and life goes on when there is room again.

use std::path::{Path, PathBuf};
use std::process::Command;

use parlance_integration_tests::checker::{Acknowledged, Evidence, assert_faultless};

use crate::prelude::*;
use crate::realtime::storm::stored;

/// A mounted tmpfs of fixed size; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `Err` with the reason if mounting is not permitted.
    fn mount(at: &Path, mib: u32) -> Result<Self, String> {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={mib}m");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        match output {
            Ok(output) if output.status.success() => Ok(Self(at.to_owned())),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Writes a file until nothing fits any more.
    fn fill(&self) -> PathBuf {
        use std::io::Write;
        let path = self.0.join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            let block = vec![1; size];
            while file.write_all(&block).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_a_clear_error_and_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let disk = match SmallDisk::mount(&folder.path().join("disk"), 48) {
        Ok(disk) => disk,
        Err(why) => {
            println!("SKIPPED, mounting is not permitted here: {why}");
            return;
        }
    };
    let mut server =
        Harness::start_with(Options::new().embedded().in_folder(folder.path().join("disk"))).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let (chat, tolerant) = (bob.chat(&group), alice.to_rest().tolerant());
    let mut evidence = Evidence::default();
    let listener = Realtime::connect(&server, &bob).await;
    listener.subscribed(&chat).await;

    for phase in 0..3 {
        send_some(&alice, &group, phase, "roomy", &mut evidence).await;
        let filler = disk.fill();
        let mut refusals = 0;
        for number in 0..1500 {
            let key = format!("full-{phase}-{number}");
            let body = json!({"text": format!("{key} {}", "x".repeat(9_000)), "clientMsgId": key});
            evidence.attempted.push(key.clone());
            let path = format!("{}/messages", ch(&group));
            let answer = tolerant.post(&path, &body).await;
            match answer.status {
                201 => acknowledge(&mut evidence, key, &answer.body),
                503 => {
                    assert!(answer.header("retry-after").is_some());
                    answer.refused(503, "SERVICE_UNAVAILABLE");
                    refusals += 1;
                }
                other => panic!("{other}: {}", answer.text),
            }
            if refusals == 20 {
                break;
            }
        }
        assert_eq!(refusals, 20, "a full disk refuses");
        // Reading goes on.
        assert_eq!(
            seq(bob.messages(&group, "?limit=1").await["messages"].as_array().unwrap().last().unwrap()),
            evidence.acknowledged.last().unwrap().seq
        );
        std::fs::remove_file(filler).unwrap();
        eventually("sending works again", || async {
            let answer = tolerant.post(&format!("{}/typing", ch(&group)), &json!({})).await;
            let probe = tolerant.post(&format!("{}/read", ch(&group)), &json!({})).await;
            if answer.status == 200 && probe.status == 200 { Ok(()) } else { Err((answer, probe)) }
        })
        .await;
        send_some(&alice, &group, phase, "again", &mut evidence).await;
        evidence.stored = stored(&bob, &group).await;
        assert_faultless(&evidence);
        assert_eq!(evidence.stored.len(), evidence.acknowledged.len(), "what was refused is not there");
    }
    let last = evidence.acknowledged.last().unwrap().id.clone();
    listener.event_where(&chat, "message.new", |event| event["message"]["id"] == last.as_str()).await;
    assert_eq!(listener.state().events(&chat, "message.new").len(), evidence.stored.len());

    server.crash().await;
    evidence.stored = stored(&bob, &group).await;
    assert_faultless(&evidence);
    drop(server);
    drop(disk);
}

async fn send_some(alice: &User, group: &str, phase: usize, word: &str, evidence: &mut Evidence) {
    for number in 0..10 {
        let key = format!("{word}-{phase}-{number}");
        evidence.attempted.push(key.clone());
        let message = alice.send_body(group, &json!({"text": key, "clientMsgId": key})).await.created();
        acknowledge(evidence, key, &message);
    }
}

fn acknowledge(evidence: &mut Evidence, key: String, message: &Value) {
    evidence.acknowledged.push(Acknowledged { sender: 0, key, id: id(message), seq: seq(message) });
}
