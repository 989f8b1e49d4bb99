//! The messages of the protocol (centrifugo.md §2). One struct serves both encodings: prost reads
//! the tags, serde the names. Unknown JSON fields are refused, so that the server can send nothing
//! that the contract does not know.

use std::collections::HashMap;

use prost::Message;
use serde::{Deserialize, Serialize};

/// Bytes that are inlined as raw JSON in the JSON encoding.
mod raw {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let value = Box::<RawValue>::deserialize(deserializer)?;
        Ok(value.get().as_bytes().to_vec())
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $(
                #[serde(skip_serializing_if = "is_default")]
                $(#[$field_meta])*
                pub $field: $kind,
            )*
        }
    )*};
}

messages! {
    /// Client to server.
    Command {
        #[prost(uint32, tag = "1")] id: u32,
        #[prost(message, optional, tag = "4")] connect: Option<ConnectRequest>,
        #[prost(message, optional, tag = "5")] subscribe: Option<SubscribeRequest>,
        #[prost(message, optional, tag = "6")] unsubscribe: Option<ChannelRequest>,
        #[prost(message, optional, tag = "7")] publish: Option<PublishRequest>,
        #[prost(message, optional, tag = "8")] presence: Option<ChannelRequest>,
        #[prost(message, optional, tag = "9")] presence_stats: Option<ChannelRequest>,
        #[prost(message, optional, tag = "10")] history: Option<ChannelRequest>,
        #[prost(message, optional, tag = "11")] ping: Option<Empty>,
        #[prost(message, optional, tag = "12")] send: Option<SendRequest>,
        #[prost(message, optional, tag = "13")] rpc: Option<RpcRequest>,
        #[prost(message, optional, tag = "14")] refresh: Option<RefreshRequest>,
        #[prost(message, optional, tag = "15")] sub_refresh: Option<SubRefreshRequest>,
    }
    ConnectRequest {
        #[prost(string, tag = "1")] token: String,
        #[prost(string, tag = "4")] name: String,
        #[prost(string, tag = "5")] version: String,
    }
    SubscribeRequest {
        #[prost(string, tag = "1")] channel: String,
        #[prost(string, tag = "2")] token: String,
        #[prost(bool, tag = "3")] recover: bool,
        #[prost(string, tag = "6")] epoch: String,
        #[prost(uint64, tag = "7")] offset: u64,
        #[prost(bool, tag = "9")] positioned: bool,
        #[prost(bool, tag = "10")] recoverable: bool,
        #[prost(bool, tag = "11")] join_leave: bool,
        #[prost(string, tag = "12")] delta: String,
        #[prost(message, optional, tag = "13")] tf: Option<Empty>,
        #[prost(int64, tag = "14")] flag: i64,
        #[serde(rename = "type")] #[prost(int32, tag = "15")] kind: i32,
    }
    ChannelRequest {
        #[prost(string, tag = "1")] channel: String,
    }
    PublishRequest {
        #[prost(string, tag = "1")] channel: String,
        #[serde(with = "raw")] #[prost(bytes = "vec", tag = "2")] data: Vec<u8>,
    }
    SendRequest {
        #[serde(with = "raw")] #[prost(bytes = "vec", tag = "1")] data: Vec<u8>,
    }
    RpcRequest {
        #[serde(with = "raw")] #[prost(bytes = "vec", tag = "1")] data: Vec<u8>,
        #[prost(string, tag = "2")] method: String,
    }
    RefreshRequest {
        #[prost(string, tag = "1")] token: String,
    }
    SubRefreshRequest {
        #[prost(string, tag = "1")] channel: String,
        #[prost(string, tag = "2")] token: String,
    }
    Empty {}

    /// Server to client.
    Reply {
        #[prost(uint32, tag = "1")] id: u32,
        #[prost(message, optional, tag = "2")] error: Option<ReplyError>,
        #[prost(message, optional, tag = "4")] push: Option<Push>,
        #[prost(message, optional, tag = "5")] connect: Option<ConnectResult>,
        #[prost(message, optional, tag = "6")] subscribe: Option<SubscribeResult>,
        #[prost(message, optional, tag = "7")] unsubscribe: Option<Empty>,
        #[prost(message, optional, tag = "8")] publish: Option<Empty>,
        #[prost(message, optional, tag = "13")] rpc: Option<Empty>,
        #[prost(message, optional, tag = "14")] refresh: Option<RefreshResult>,
        #[prost(message, optional, tag = "15")] sub_refresh: Option<SubRefreshResult>,
    }
    ReplyError {
        #[prost(uint32, tag = "1")] code: u32,
        #[prost(string, tag = "2")] message: String,
        #[prost(bool, tag = "3")] temporary: bool,
    }
    ConnectResult {
        #[prost(string, tag = "1")] client: String,
        #[prost(string, tag = "2")] version: String,
        #[prost(bool, tag = "3")] expires: bool,
        #[prost(uint32, tag = "4")] ttl: u32,
        #[serde(with = "raw")] #[prost(bytes = "vec", tag = "5")] data: Vec<u8>,
        #[prost(map = "string, message", tag = "6")] subs: HashMap<String, SubscribeResult>,
        #[prost(uint32, tag = "7")] ping: u32,
        #[prost(bool, tag = "8")] pong: bool,
        #[prost(string, tag = "9")] session: String,
        #[prost(string, tag = "10")] node: String,
        #[prost(int64, tag = "11")] time: i64,
    }
    SubscribeResult {
        #[prost(bool, tag = "1")] expires: bool,
        #[prost(uint32, tag = "2")] ttl: u32,
        #[prost(bool, tag = "3")] recoverable: bool,
        #[prost(string, tag = "6")] epoch: String,
        #[prost(message, repeated, tag = "7")] publications: Vec<Publication>,
        #[prost(bool, tag = "8")] recovered: bool,
        #[prost(uint64, tag = "9")] offset: u64,
        #[prost(bool, tag = "10")] positioned: bool,
        #[serde(with = "raw")] #[prost(bytes = "vec", tag = "11")] data: Vec<u8>,
        #[prost(bool, tag = "12")] was_recovering: bool,
        #[prost(bool, tag = "13")] delta: bool,
        #[prost(int64, tag = "14")] id: i64,
    }
    RefreshResult {
        #[prost(string, tag = "1")] client: String,
        #[prost(string, tag = "2")] version: String,
        #[prost(bool, tag = "3")] expires: bool,
        #[prost(uint32, tag = "4")] ttl: u32,
    }
    SubRefreshResult {
        #[prost(bool, tag = "1")] expires: bool,
        #[prost(uint32, tag = "2")] ttl: u32,
    }
    Push {
        #[prost(int64, tag = "1")] id: i64,
        #[prost(string, tag = "2")] channel: String,
        #[serde(rename = "pub")] #[prost(message, optional, tag = "4")] publication: Option<Publication>,
        #[prost(message, optional, tag = "7")] unsubscribe: Option<CodeReason>,
        #[prost(message, optional, tag = "11")] disconnect: Option<CodeReason>,
    }
    Publication {
        #[serde(with = "raw")] #[prost(bytes = "vec", tag = "4")] data: Vec<u8>,
        #[prost(uint64, tag = "6")] offset: u64,
        #[prost(map = "string, string", tag = "7")] tags: HashMap<String, String>,
        #[prost(int64, tag = "9")] time: i64,
        #[prost(string, tag = "14")] epoch: String,
    }
    CodeReason {
        #[prost(uint32, tag = "2")] code: u32,
        #[prost(string, tag = "3")] reason: String,
    }
}

impl Publication {
    /// `data` as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.data).expect("data is JSON")
    }

    /// `data.type`.
    pub fn kind(&self) -> String {
        self.json()["type"].as_str().expect("a publication has a type").to_owned()
    }

    /// `data.payload`.
    pub fn payload(&self) -> serde_json::Value {
        self.json()["payload"].clone()
    }
}
