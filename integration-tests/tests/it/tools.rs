//! The tools of the binary beside a running server: rotation of keys and secrets, backup.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use parlance_integration_tests::harness::binary;
use parlance_proto::auth::ListUsersRequest;
use parlance_proto::auth::auth_service_client::AuthServiceClient;
use parlance_proto::channel::ListChannelsRequest;
use parlance_proto::channel::channel_service_client::ChannelServiceClient;
use parlance_proto::event::{Stream, stream::Kind};
use parlance_proto::message::message_service_client::MessageServiceClient;
use parlance_proto::message::{ReadStreamsRequest, StreamPosition};
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;

use crate::prelude::*;

#[track_caller]
fn text(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// The word after `name` in what a tool has printed.
#[track_caller]
fn shown(output: &Output, name: &str) -> String {
    let text = text(output);
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
}

async fn grpc(server: &Harness) -> Channel {
    let address = format!("http://{}", server.addresses().grpc);
    Channel::from_shared(address).unwrap().connect().await.unwrap()
}

fn with_key<T>(message: T, key: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-api-key", MetadataValue::try_from(key).unwrap());
    request
}

/// Whether REST and gRPC take a key for a backend's.
async fn is_good(server: &Harness, key: &str) -> (bool, bool) {
    let rest = server.anonymous().with_key(key).post("/tokens", &json!({"userId": "u"})).await;
    let mut auth = AuthServiceClient::new(grpc(server).await);
    let listed = auth.list_users(with_key(ListUsersRequest::default(), key)).await;
    (rest.is_success(), listed.is_ok())
}

#[tokio::test]
async fn a_rotated_key_is_good_at_once_and_the_old_one_for_the_overlap_everywhere() {
    let server = Harness::start_with(Options::new().embedded()).await;
    assert_eq!(is_good(&server, DEV_KEY).await, (true, true));
    let rotate = |overlap: &str| server.tool(&["app", "rotate-key", "--app", DEV_APP, "--overlap", overlap]);
    let second = shown(&rotate("1h"), "API key");
    assert_eq!(is_good(&server, &second).await, (true, true));
    assert_eq!(is_good(&server, DEV_KEY).await, (true, true));
    // At once, but for what the processes remember for a few seconds.
    let third = shown(&rotate("0"), "API key");
    for key in [DEV_KEY, &second] {
        eventually("an old key is refused everywhere", || async {
            match is_good(&server, key).await {
                (false, false) => Ok(()),
                good => Err(good),
            }
        })
        .await;
    }
    assert_eq!(is_good(&server, &third).await, (true, true));
}

#[tokio::test]
async fn a_public_key_names_the_app_and_opens_nothing_by_itself() {
    let server = Harness::start_with(Options::new().embedded()).await;
    let made = server.tool(&["app", "rotate-key", "--app", DEV_APP, "--kind", "public"]);
    let public = shown(&made, "API key");
    assert!(public.starts_with("pk_"), "{public}");
    assert_eq!(is_good(&server, &public).await, (false, false));
    let alice = server.user("alice").await;
    let as_client = server.anonymous().with_key(&public).with_token(&alice.token);
    assert_eq!(as_client.get("/api/channels").await.status, 200);
}

#[tokio::test]
async fn tokens_of_both_secrets_count_during_the_overlap() {
    let server = Harness::start_with(Options::new().embedded()).await;
    let alice = server.user("alice").await;
    let made = server.tool(&["app", "rotate-key", "--app", DEV_APP, "--secret", "--overlap", "1h"]);
    let secret = shown(&made, "secret");
    let claims = json!({"user_id": "alice", "app_id": DEV_APP, "exp": now_s() + 600});
    let (old, new) = (sign(&claims, DEV_SECRET), sign(&claims, &secret));
    for token in [&alice.token, &old, &new, &server.user("alice").await.token] {
        let listed = || async {
            let answer = server.server_key().with_token(token).get("/api/channels").await;
            if answer.status == 200 { Ok(()) } else { Err(answer.status) }
        };
        eventually("a token of either secret counts", listed).await;
    }
    let unknown = server.tool(&["app", "rotate-key", "--app", NOBODY]);
    assert!(!unknown.status.success());
}

/// The epoch of the stream of a user's only channel.
async fn epoch(server: &Harness, user: &User) -> String {
    let connection = grpc(server).await;
    let by = || MetadataValue::try_from(format!("Bearer {}", user.token)).unwrap();
    let mut request = Request::new(ListChannelsRequest::default());
    request.metadata_mut().insert("authorization", by());
    let listed = ChannelServiceClient::new(connection.clone()).list_channels(request).await.unwrap();
    let stream = Stream { kind: Kind::Chat.into(), num: listed.into_inner().channels[0].num };
    let position = StreamPosition { stream: Some(stream), ..Default::default() };
    let mut request = Request::new(ReadStreamsRequest { positions: vec![position], limit: 0 });
    request.metadata_mut().insert("authorization", by());
    let read = MessageServiceClient::new(connection).read_streams(request).await.unwrap();
    read.into_inner().results[0].epoch.clone()
}

fn verify(folder: &Path) -> Output {
    std::process::Command::new(binary()).arg("backup").arg("--verify").arg(folder).output().unwrap()
}

/// Every text of a channel, oldest first.
async fn all_texts(user: &User, channel: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut after = 0;
    loop {
        let page = user.messages(channel, &format!("?since_seq={after}&limit=200")).await;
        let messages = page["messages"].as_array().unwrap();
        let Some(last) = messages.last() else { return texts };
        after = seq(last);
        texts.extend(messages.iter().map(|one| one["text"].as_str().unwrap().to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_holds_what_was_acknowledged_and_a_server_starts_on_it() {
    const SENDERS: usize = 4;
    const LATE: usize = 12;
    let server = Harness::start_with(Options::new().embedded()).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let mut late = Vec::new();
    for n in 0..LATE {
        late.push(server.user(&format!("late{n}")).await);
    }
    let group = alice.group("g", &[&bob]).await;
    let folder = tempfile::TempDir::with_prefix("parlance-it-").unwrap();
    let copy = folder.path().join("data");

    // Senders and new members before, while and after the copies are taken.
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let send = |sender: usize| {
        let (alice, group, stop, sent) = (&alice, &group, &stop, &sent);
        async move {
            let mut acknowledged = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let text = format!("{sender}/{}", acknowledged.len());
                alice.send(group, &text).await;
                acknowledged.push(text);
                sent.fetch_add(1, Ordering::Relaxed);
            }
            acknowledged
        }
    };
    let join = async {
        for user in &late {
            let before = sent.load(Ordering::Relaxed);
            alice.post(&format!("{}/members", ch(&group)), &json!({"userId": user.id})).await.ok();
            eventually("more is sent", || async {
                if sent.load(Ordering::Relaxed) > before + 5 { Ok(()) } else { Err(()) }
            })
            .await;
        }
    };
    let take = async {
        eventually("a good number is sent", || async {
            let sent = sent.load(Ordering::Relaxed);
            if sent >= 40 { Ok(()) } else { Err(sent) }
        })
        .await;
        let before = all_texts(&bob, &group).await;
        let made = tokio::task::block_in_place(|| {
            server.tool(&["backup", "--include-master-key", "--to", copy.to_str().unwrap()])
        });
        (before, text(&made))
    };
    let senders = join_all((0..SENDERS).map(send));
    let (acknowledged, (before, said)) = tokio::join!(senders, async {
        let (_, taken) = tokio::join!(join, take);
        stop.store(true, Ordering::Relaxed);
        taken
    });
    let all: usize = acknowledged.iter().map(Vec::len).sum();
    assert!(said.contains("keep it as you keep passwords"), "{said}");
    assert_eq!(text(&verify(&copy)), "ok\n");
    let again = server.tool(&["backup", "--to", copy.to_str().unwrap()]);
    assert!(!again.status.success(), "nothing is overwritten");
    let old_epoch = epoch(&server, &bob).await;
    drop(server);

    let restored = Harness::start_with(Options::new().embedded().in_folder(folder.path())).await;
    let rest = restored.server_key();
    let [alice, bob] = restored.users(["alice", "bob"]).await;
    let texts = all_texts(&bob, &group).await;
    assert!(texts.len() >= before.len() && texts.len() <= all, "{} of {all}", texts.len());
    assert_eq!(texts[..before.len()], before[..], "what was acknowledged before is there, in its order");
    for (sender, sent) in acknowledged.iter().enumerate() {
        let prefix = format!("{sender}/");
        let kept: Vec<_> = texts.iter().filter(|text| text.starts_with(&prefix)).collect();
        assert!(kept.iter().zip(sent).all(|(kept, sent)| *kept == sent), "without a hole");
    }
    assert_ne!(epoch(&restored, &bob).await, old_epoch, "positions of the lost log are told to be lost");

    // Unread counts equal a recount, also of those who joined around the moment of the backup.
    assert_eq!(bob.unread(&group).await, texts.len() as u64);
    let members = rest.with_token(&bob.token).get(&format!("{}/members", ch(&group))).await.ok();
    let listed = members.to_string();
    let mut unread = Vec::new();
    for n in 0..LATE {
        let user = restored.user(&format!("late{n}")).await;
        if listed.contains(&format!("\"{}\"", user.id)) {
            unread.push((user.unread(&group).await, user));
        }
    }
    for n in 0..3 {
        alice.send(&group, &format!("after {n}")).await;
    }
    assert_eq!(bob.unread(&group).await, texts.len() as u64 + 3);
    for (count, user) in unread {
        assert!(count <= texts.len() as u64);
        assert_eq!(user.unread(&group).await, count + 3, "{}", user.id);
    }
}

#[tokio::test]
async fn a_damaged_or_unfinished_backup_is_found_out() {
    let server = Harness::start_with(Options::new().embedded()).await;
    server.user("alice").await;
    let folder = tempfile::TempDir::with_prefix("parlance-it-").unwrap();
    let copy = folder.path().join("copy");
    let said = text(&server.tool(&["backup", "--to", copy.to_str().unwrap()]));
    assert!(said.contains("master key") && !copy.join("master.key").exists(), "{said}");
    assert_eq!(text(&verify(&copy)), "ok\n");
    let bytes = std::fs::read(copy.join("auth.db")).unwrap();
    std::fs::write(copy.join("auth.db"), &bytes[..bytes.len() - 4096]).unwrap();
    let found = verify(&copy);
    assert_eq!(found.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&found.stdout).contains("auth.db"), "{found:?}");
    std::fs::remove_file(copy.join("manifest.json")).unwrap();
    assert!(!verify(&copy).status.success());
}

#[tokio::test]
async fn a_backup_is_for_its_owner_alone_even_in_a_folder_that_others_may_read() {
    let server = Harness::start_with(Options::new().embedded()).await;
    server.user("alice").await;
    let folder = tempfile::TempDir::with_prefix("parlance-it-").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (made, there) = (folder.path().join("made"), folder.path().join("there"));
    std::fs::create_dir(&there).unwrap();
    std::fs::set_permissions(&there, Permissions::from_mode(0o755)).unwrap();
    for copy in [&made, &there] {
        let to = copy.to_str().unwrap();
        text(&server.tool(&["backup", "--include-master-key", "--to", to]));
        let files: Vec<_> = std::fs::read_dir(copy)
            .unwrap()
            .map(|file| file.unwrap().path())
            .map(|file| (mode(&file), file))
            .collect();
        assert_eq!(files.len(), 7, "five stores, the key, the manifest: {files:?}");
        assert!(files.iter().all(|(mode, _)| *mode == 0o600), "{files:?}");
        assert_eq!(text(&verify(copy)), "ok\n");
    }
    assert_eq!(mode(&made), 0o700);
}

#[tokio::test]
async fn a_backup_of_postgresql_says_what_to_run_and_makes_nothing() {
    let folder = tempfile::TempDir::with_prefix("parlance-it-").unwrap();
    let copy = folder.path().join("copy");
    let output = std::process::Command::new(binary())
        .args(["backup", "--to", copy.to_str().unwrap()])
        .env("PARLANCE__DATABASE__URL", "postgres://u:hunter2@db/parlance")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("pg_dump") && said.contains("parlance_message") && !said.contains("hunter2"),
        "{said}"
    );
    assert!(!copy.exists());
}

#[test]
fn the_configuration_is_checked_without_a_start() {
    let check = |settings: &[(&str, &str)]| {
        let mut command = std::process::Command::new(binary());
        command.args(["config", "check"]).envs(settings.iter().copied()).output().unwrap()
    };
    assert_eq!(text(&check(&[])), "ok\n");
    let found = check(&[("PARLANCE__GRPC__SECRET", "hunter2"), ("PARLANCE__OPS__LISTEN", "x")]);
    let said = String::from_utf8_lossy(&found.stdout).into_owned();
    assert_eq!((found.status.code(), said.lines().count()), (Some(1), 2), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let schema = std::process::Command::new(binary()).args(["config", "schema"]).output().unwrap();
    let schema: Value = serde_json::from_str(&text(&schema)).unwrap();
    assert_eq!(schema["properties"]["grpc"]["properties"]["secret"]["type"], "string");
}
