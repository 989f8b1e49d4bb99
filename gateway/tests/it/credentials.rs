use parlance_gateway::Settings;
use parlance_gateway::config::ChatSdkSettings;

use crate::fake::{Front, Services};

const SECRET: (&str, &str) = ("x-api-key", "secret");
const ANN: (&str, &str) = ("authorization", "Bearer ann");

#[tokio::test]
async fn a_user_call_needs_a_key_and_a_token_and_says_which_is_wrong() {
    let front = Front::new(Services::with_credentials()).await;
    for (headers, status, code) in [
        (&[][..], 401, "UNAUTHORIZED"),
        (&[SECRET], 401, "UNAUTHORIZED"),
        (&[ANN], 401, "UNAUTHORIZED"),
        (&[("x-api-key", "nobody's"), ANN], 401, "UNAUTHORIZED"),
        (&[("x-api-key", "other"), ANN], 401, "UNAUTHORIZED"),
        (&[SECRET, ("authorization", "ann")], 401, "INVALID_TOKEN"),
        (&[SECRET, ("authorization", "Basic ann")], 401, "INVALID_TOKEN"),
        (&[SECRET, ("authorization", "Bearer ")], 401, "INVALID_TOKEN"),
        (&[SECRET, ("authorization", "Bearer made-up")], 401, "INVALID_TOKEN"),
        (&[SECRET, ("authorization", "Bearer expired")], 401, "INVALID_TOKEN"),
        (&[SECRET, ANN], 200, ""),
        (&[("x-api-key", "public"), ANN], 200, ""),
    ] {
        let answer = front.send("GET", "/api/channels/unread-count", headers, "").await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{headers:?}");
    }
}

#[tokio::test]
async fn without_the_demand_for_keys_the_token_is_enough_but_a_key_must_still_fit() {
    let chatsdk = ChatSdkSettings { require_api_key: false, ..ChatSdkSettings::default() };
    let settings = Settings { chatsdk, ..Settings::default() };
    let front = Front::with_settings(Services::with_credentials(), settings).await;
    for (headers, status, code) in [
        (&[ANN][..], 200, ""),
        (&[], 401, "UNAUTHORIZED"),
        (&[("x-api-key", "other"), ANN], 401, "UNAUTHORIZED"),
        (&[("x-api-key", "nobody's"), ANN], 401, "UNAUTHORIZED"),
    ] {
        let answer = front.send("GET", "/api/channels/unread-count", headers, "").await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{headers:?}");
    }
}

#[tokio::test]
async fn server_calls_need_a_secret_key_whatever_the_setting() {
    let chatsdk = ChatSdkSettings { require_api_key: false, ..ChatSdkSettings::default() };
    let settings = Settings { chatsdk, ..Settings::default() };
    let front = Front::with_settings(Services::with_credentials(), settings).await;
    for (method, path) in [
        ("POST", "/tokens"),
        ("POST", "/api/users/sync"),
        ("PUT", "/api/users/bob"),
        ("DELETE", "/api/users/bob"),
        ("POST", "/api/users/bulk-delete"),
    ] {
        for (headers, status, code) in [
            (&[ANN][..], 401, "UNAUTHORIZED"),
            (&[("x-api-key", "nobody's")], 401, "UNAUTHORIZED"),
            (&[("x-api-key", "public"), ANN], 403, "FORBIDDEN"),
        ] {
            let answer = front.send(method, path, headers, "").await;
            assert_eq!(answer.refusal(), (status, code.to_owned()), "{method} {path} {headers:?}");
        }
    }
}

#[tokio::test]
async fn connect_and_refresh_have_codes_of_their_own() {
    let front = Front::new(Services::with_credentials()).await;
    let connect = |headers| front.send("POST", "/api/auth/connect", headers, r#"{"userId":"x"}"#);
    assert_eq!(connect(&[]).await.refusal(), (401, "MISSING_API_KEY".into()));
    assert_eq!(connect(&[("x-api-key", "nobody's")]).await.refusal(), (401, "INVALID_API_KEY".into()));
    assert_eq!(connect(&[("x-api-key", "public")]).await.refusal(), (403, "FORBIDDEN".into()));
    let refresh = front.send("POST", "/api/auth/refresh", &[], "").await;
    assert_eq!(refresh.refusal(), (401, "MISSING_REFRESH_TOKEN".into()));
}
