use parlance_core::{Code, Micros, SystemClock};
use parlance_notification::providers::{Common, Kind, build};
use serde_json::{Value, json};

use crate::fakes::keys;
use crate::support::{push, send, short, target};

fn common(allow_private_networks: bool) -> Common {
    Common::new(std::sync::Arc::new(SystemClock), std::time::Duration::from_secs(5), allow_private_networks)
        .unwrap()
}

/// Good settings and secrets of each.
fn good(kind: Kind) -> (Value, Value) {
    match kind {
        Kind::Fcm => (
            json!({ "android_channel_id": "chat" }),
            json!({ "type": "service_account", "project_id": "p-1", "client_email": "a@b", "private_key": keys::rsa_pem() }),
        ),
        Kind::Apns => (
            json!({ "team_id": "T", "key_id": "K", "topic": "t", "environment": "sandbox", "sound": "ping.caf" }),
            json!({ "private_key": keys::p256_pem(1) }),
        ),
        Kind::Expo => (json!({}), json!({})),
        Kind::WebPush => {
            (json!({ "subject": "mailto:a@b.example" }), json!({ "private_key": web_push_key() }))
        }
        Kind::Novu => {
            (json!({ "workflow": "w", "integrations": { "fcm": "f-1" } }), json!({ "api_key": "k" }))
        }
    }
}

fn web_push_key() -> String {
    parlance_notification::providers::web_push::generate().unwrap().private_key
}

#[test]
fn good_settings_make_every_push_service() {
    for kind in Kind::ALL {
        let (settings, secrets) = good(*kind);
        let made = build(*kind, &settings, &secrets, &common(false));
        assert!(made.is_ok(), "{kind:?}: {:?}", made.err());
        assert_eq!(Kind::parse(kind.as_str()), Some(*kind));
    }
    assert!(build(Kind::Expo, &Value::Null, &Value::Null, &common(false)).is_ok());
}

#[test]
fn wrong_settings_are_named_and_secrets_are_not_shown() {
    const SECRET: &str = "hunter2-hunter2";
    let cases: &[(Kind, &str, Value, &str)] = &[
        (Kind::Fcm, "/secrets/private_key", json!(SECRET), "secrets.private_key"),
        (Kind::Fcm, "/secrets/private_key", json!(keys::p256_pem(1)), "secrets.private_key"),
        (Kind::Fcm, "/secrets/private_key", Value::Null, "secrets.private_key"),
        (Kind::Fcm, "/secrets/private_key", json!({ "x": SECRET }), "secrets.private_key"),
        (Kind::Fcm, "/secrets/client_email", Value::Null, "secrets.client_email"),
        (Kind::Fcm, "/secrets/project_id", Value::Null, "settings.project_id"),
        (Kind::Fcm, "/secrets/project_id", json!("a b"), "settings.project_id"),
        (Kind::Fcm, "/secrets/token_uri", json!("http://127.0.0.1/token"), "secrets.token_uri"),
        (Kind::Fcm, "/settings/unknown", json!(1), "settings.unknown"),
        (Kind::Apns, "/secrets/private_key", json!(keys::rsa_pem()), "secrets.private_key"),
        (Kind::Apns, "/secrets/other", json!(SECRET), "secrets.other"),
        (Kind::Apns, "/settings/environment", json!("staging"), "settings.environment"),
        (Kind::Apns, "/settings/topic", json!(7), "settings.topic"),
        (Kind::Apns, "/settings/key_id", json!("line\nbreak"), "settings.key_id"),
        (Kind::Apns, "/settings/base_url", json!("http://api.example"), "settings.base_url"),
        (Kind::Apns, "/settings/root_ca", json!("no certificate"), "settings.root_ca"),
        (Kind::Expo, "/secrets/access_token", json!("line\nbreak"), "secrets.access_token"),
        (Kind::Expo, "/settings/base_url", json!("https://user:pw@exp.host"), "settings.base_url"),
        (Kind::Expo, "/settings/base_url", json!("https://exp.host/?a=b"), "settings.base_url"),
        (Kind::Expo, "/settings/base_url", json!("mailto:a@b"), "settings.base_url"),
        (Kind::Expo, "/settings/base_url", json!("nonsense"), "settings.base_url"),
        (Kind::WebPush, "/settings/subject", json!("a@b.example"), "settings.subject"),
        (Kind::WebPush, "/secrets/private_key", json!(SECRET), "secrets.private_key"),
        (
            Kind::WebPush,
            "/secrets/private_key",
            json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            "secrets.private_key",
        ),
        (Kind::Novu, "/settings/integrations", json!({ "sms": "x" }), "settings.integrations.sms"),
        (Kind::Novu, "/settings/workflow", json!(""), "settings.workflow"),
        (Kind::Novu, "/secrets/api_key", json!(" "), "secrets.api_key"),
        (Kind::Novu, "/secrets/api_key", json!([SECRET]), "secrets.api_key"),
        (Kind::Novu, "/secrets", json!(SECRET), "secrets"),
    ];
    for (kind, at, value, field) in cases {
        let (settings, secrets) = good(*kind);
        let mut both = json!({ "settings": settings, "secrets": secrets });
        let (parent, key) = at.rsplit_once('/').unwrap();
        both.pointer_mut(parent).unwrap()[key] = value.clone();
        let Err(error) = build(*kind, &both["settings"], &both["secrets"], &common(false)) else {
            panic!("{kind:?} takes {at} = {value}");
        };
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
        assert_eq!(error.field.as_deref(), Some(*field), "{kind:?} {at}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn plain_http_and_private_addresses_are_for_private_networks_alone() {
    let secrets = json!({ "api_key": "k" });
    for url in [
        "http://novu.internal:3000/api",
        "https://127.0.0.1",
        "https://10.0.0.7:3000",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[::ffff:10.0.0.7]/",
        "https://0x7f000001/",
    ] {
        let settings = json!({ "base_url": url, "workflow": "w" });
        assert!(build(Kind::Novu, &settings, &secrets, &common(true)).is_ok(), "{url}");
        let error = build(Kind::Novu, &settings, &secrets, &common(false)).err().expect(url);
        assert_eq!(error.field.as_deref(), Some("settings.base_url"), "{url}");
    }
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_connected_to() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let settings = json!({ "base_url": url, "workflow": "w" });
    let mut push = push(1);
    push.expires_at = Micros(i64::MAX);
    for allowed in [false, true] {
        let common = Common { timeout: std::time::Duration::from_millis(500), ..common(allowed) };
        let provider = build(Kind::Novu, &settings, &json!({ "api_key": "k" }), &common).unwrap();
        let outcome = send(&*provider, push.clone(), target("fcm", "f-1")).await;
        assert!(short(&outcome).starts_with("later"), "{outcome:?}");
        let connections = std::iter::from_fn(|| listener.accept().ok()).count();
        assert_eq!(connections > 0, allowed);
    }
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_not_used() {
    const INSIDE: &str = "PARLANCE_TEST_BEHIND_A_PROXY";
    const NAME: &str = "settings::a_proxy_of_the_environment_is_not_used";
    if std::env::var_os(INSIDE).is_some() {
        let settings = json!({ "base_url": "http://push.invalid", "workflow": "w" });
        let provider = build(Kind::Novu, &settings, &json!({ "api_key": "k" }), &common(true)).unwrap();
        let mut push = push(1);
        push.expires_at = Micros(i64::MAX);
        let outcome = send(&*provider, push, target("fcm", "f-1")).await;
        assert!(short(&outcome).starts_with("later"), "{outcome:?}");
        return;
    }
    // The environment is that of a process.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let mut again = tokio::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", NAME]).env(INSIDE, "1").env_remove("NO_PROXY").env_remove("no_proxy");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, &proxy);
    }
    assert!(again.status().await.unwrap().success());
    assert_eq!(std::iter::from_fn(|| listener.accept().ok()).count(), 0);
}
