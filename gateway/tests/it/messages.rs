use std::sync::Arc;
use std::sync::Mutex;

use parlance_core::{Error, Reason, id};
use parlance_proto::{auth, message};

use crate::fake::{ANN, Front, Services, ann, channel_id};

const MESSAGE: i64 = 4711 << 22;

fn stored(asked: &message::SendMessageRequest) -> message::Message {
    let draft = asked.draft.clone().unwrap_or_default();
    message::Message {
        num: MESSAGE,
        id: id::text_of(MESSAGE),
        channel_num: asked.channel_num,
        seq: 1,
        author_num: ANN,
        text: draft.text,
        client_message_id: asked.client_message_id.clone(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_new_message_is_201_and_a_repeat_is_200_with_the_same_message() {
    let services = Services::with_credentials().on("SendMessage", |asked: message::SendMessageRequest| {
        assert!(asked.join);
        let repeated = asked.client_message_id == "again";
        Ok(message::SendMessageResponse { message: Some(stored(&asked)), repeated })
    });
    let front = Front::new(services).await;
    let path = format!("/api/channels/{}/messages", channel_id());
    let first = front.as_ann("POST", &path, r#"{"text":"hi","clientMsgId":"once"}"#).await;
    assert_eq!(first.status, 201);
    let json = first.json();
    assert_eq!(json["text"], "hi");
    assert_eq!(json["clientMsgId"], "once");
    assert_eq!(json["user"]["name"], "Ann");
    assert!(json.get("duplicate").is_none());
    let again = front.as_ann("POST", &path, r#"{"text":"hi","clientMsgId":"again"}"#).await;
    assert_eq!((again.status, &again.json()["duplicate"]), (200, &true.into()));
}

#[tokio::test]
async fn the_idempotency_key_counts_only_without_an_id_of_the_client() {
    let seen: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let record = seen.clone();
    let services =
        Services::with_credentials().on("SendMessage", move |asked: message::SendMessageRequest| {
            record.lock().unwrap().push((asked.client_message_id.clone(), asked.idempotency_key.clone()));
            Ok(message::SendMessageResponse { message: Some(stored(&asked)), repeated: false })
        });
    let front = Front::new(services).await;
    let path = format!("/api/channels/{}/messages", channel_id());
    let headers = [("x-api-key", "secret"), ("authorization", "Bearer ann"), ("idempotency-key", "header")];
    for body in [r#"{"text":"a"}"#, r#"{"text":"a","clientMsgId":"mine"}"#] {
        assert_eq!(front.send("POST", &path, &headers, body).await.status, 201);
    }
    let expected = [("".to_owned(), "header".to_owned()), ("mine".to_owned(), "".to_owned())];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn an_emoji_in_the_path_may_be_raw_or_encoded() {
    let services = Services::with_credentials().on(
        "RemoveReaction",
        |asked: message::RemoveReactionRequest| match asked.r#type.as_str() {
            "👍" | "❤️" | ":tada:" => Ok(message::RemoveReactionResponse::default()),
            _ => Err(Error::invalid("emoji", "came through wrong")),
        },
    );
    let front = Front::new(services).await;
    for emoji in ["👍", "%F0%9F%91%8D", "%E2%9D%A4%EF%B8%8F", "❤️", ":tada:", "%3Atada%3A"] {
        let (id, mid) = (channel_id(), id::text_of(MESSAGE));
        let path = format!("/api/channels/{id}/messages/{mid}/reactions/{emoji}");
        assert_eq!(front.as_ann("DELETE", &path, "").await.json()["success"], true, "{emoji}");
    }
}

#[tokio::test]
async fn a_refusal_of_a_service_keeps_its_class() {
    let services = Services::with_credentials()
        .on("ListMessages", |_: message::ListMessagesRequest| {
            Err::<message::ListMessagesResponse, _>(Error::new(Reason::NotAMember, "not a member"))
        })
        .on("EditMessage", |_: message::EditMessageRequest| {
            Err::<message::EditMessageResponse, _>(Error::new(Reason::MessageTooLong, "too long"))
        });
    let front = Front::new(services).await;
    let path = format!("/api/channels/{}/messages", channel_id());
    assert_eq!(front.as_ann("GET", &path, "").await.refusal(), (403, "FORBIDDEN".into()));
    let one = format!("{path}/{}", id::text_of(MESSAGE));
    let edited = front.as_ann("PATCH", &one, r#"{"text":"x"}"#).await;
    assert_eq!(edited.refusal(), (400, "VALIDATION_ERROR".into()));
}

#[tokio::test]
async fn tokens_are_issued_for_the_profile_that_was_sent() {
    let services = Services::with_credentials()
        .on("UpsertUsers", |asked: auth::UpsertUsersRequest| {
            let id = asked.users[0].id.clone();
            let user = (id == "ann").then(ann);
            let error_reason = if user.is_some() { "" } else { "CUSTOM_TOO_LARGE" }.to_owned();
            let result = auth::upsert_users_response::Result { id, user, error_reason, ..Default::default() };
            Ok(auth::UpsertUsersResponse { results: vec![result] })
        })
        .on("IssueTokens", |asked: auth::IssueTokensRequest| {
            assert_eq!(asked.user_num, ANN);
            Ok(auth::IssueTokensResponse {
                access_token: "a".into(),
                connection_token: "c".into(),
                refresh_token: "r".into(),
                expires_in_s: asked.ttl_s,
                user: None,
            })
        });
    let front = Front::new(services).await;
    let key = [("x-api-key", "secret")];
    let answer = front.send("POST", "/tokens", &key, r#"{"userId":"ann","unknown":1}"#).await;
    let expected = serde_json::json!({"token": "a", "wsToken": "c", "refreshToken": "r", "expiresIn": 86400,
        "user": {"id": "ann", "name": "Ann", "email": "ann@example.com", "image": null}});
    assert_eq!((answer.status, answer.json()), (200, expected));
    for (body, code) in [("", "VALIDATION_ERROR"), (r#"{"userId":"large"}"#, "VALIDATION_ERROR")] {
        assert_eq!(front.send("POST", "/tokens", &key, body).await.refusal(), (400, code.into()), "{body}");
    }
}
