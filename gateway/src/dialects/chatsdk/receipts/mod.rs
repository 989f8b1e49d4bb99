//! `/api/channels/{id}/receipts`: who has read what.

pub mod create;
pub mod list;
pub mod query;
pub mod read_status;

use parlance_core::Num;
use parlance_proto::message::Reader as ReaderOf;
use serde::Serialize;
use utoipa::ToSchema;

use super::convert::{self, Card, People, Time};
use super::schema::{Url, UserId};

/// Somebody who has read a message.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reader {
    #[schema(value_type = UserId)]
    user_id: String,
    name: String,
    #[schema(value_type = Option<Url>)]
    image: Option<String>,
    read_at: Option<Time>,
}

fn reader(reader: &ReaderOf, people: &People) -> Reader {
    let Card { id, name, image } = people.card(reader.user_num);
    Reader { user_id: id, name, image, read_at: convert::time(&reader.read_at) }
}

fn nums(readers: &[ReaderOf]) -> impl Iterator<Item = Num> + '_ {
    readers.iter().map(|reader| reader.user_num)
}
