use parlance_proto::auth::UserInput;
use serde_json::{Map, Value};

use super::super::auth::Server;
use super::super::prelude::*;
use super::super::request::{count_between, custom_text, parse_value};
use super::super::schema::{GivenCustom, GivenEmail, GivenImage, Name, UserId};
use super::upsert_many;

#[derive(Deserialize, ToSchema)]
pub struct Body {
    #[serde(default)]
    #[schema(value_type = Vec<Item>, required, min_items = 1, max_items = 100)]
    users: Vec<Value>,
}

#[derive(Deserialize, ToSchema)]
struct Item {
    #[schema(value_type = UserId)]
    id: Option<String>,
    #[schema(value_type = Option<Name>)]
    name: Option<String>,
    #[schema(value_type = Option<GivenImage>)]
    image: Option<String>,
    #[schema(value_type = Option<GivenEmail>)]
    email: Option<String>,
    #[schema(value_type = Option<GivenCustom>)]
    custom: Option<Map<String, Value>>,
}

#[derive(Serialize, ToSchema)]
pub struct Reply {
    synced: usize,
    created: usize,
    updated: usize,
    errors: Vec<ItemError>,
}

#[derive(Serialize, ToSchema)]
struct ItemError {
    id: Option<String>,
    error: String,
}

/// `POST /api/users/sync`: creates or updates up to 100 users; one that is refused does not stop the
/// others.
#[utoipa::path(
    post,
    path = "/api/users/sync",
    security(("apiKey" = [])),
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, server: Server, Input(body): Input<Body>) -> Answer<Reply> {
    count_between("users", body.users.len(), 1, 100)?;
    let (inputs, mut errors) = sort_out(body.users);
    let results = match inputs.is_empty() {
        true => Vec::new(),
        false => upsert_many(&edge, &server.context, inputs).await?,
    };
    let (mut created, mut updated) = (0, 0);
    for result in results {
        match (result.user, result.created) {
            (Some(_), true) => created += 1,
            (Some(_), false) => updated += 1,
            (None, _) => errors.push(ItemError { id: Some(result.id), error: result.error_message }),
        }
    }
    Ok(Json(Reply { synced: created + updated, created, updated, errors }))
}

/// The items that have the right shape, and the errors of the others.
fn sort_out(users: Vec<Value>) -> (Vec<UserInput>, Vec<ItemError>) {
    let (mut inputs, mut errors) = (Vec::new(), Vec::new());
    for value in users {
        let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
        match parse_value::<Item>(value) {
            Ok(Item { id: Some(id), name, image, email, custom }) if !id.is_empty() => {
                inputs.push(UserInput { id, name, image, email, custom: custom_text(custom) });
            }
            Ok(_) => errors.push(ItemError { id, error: "id is required".to_owned() }),
            Err(error) => errors.push(ItemError { id, error }),
        }
    }
    (inputs, errors)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_malformed_item_does_not_stop_the_others() {
        let (inputs, errors) = sort_out(vec![
            json!({"id": "a", "name": "Ann", "custom": {"role": "admin"}}),
            json!({"id": "b", "name": 7}),
            json!({"name": "nobody"}),
            json!("c"),
        ]);
        assert_eq!(inputs.len(), 1);
        assert_eq!(inputs[0].custom.as_deref(), Some(r#"{"role":"admin"}"#));
        assert_eq!(errors.iter().map(|e| e.id.as_deref()).collect::<Vec<_>>(), [Some("b"), None, None]);
    }
}
