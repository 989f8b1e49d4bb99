//! Stand-ins for channel and auth: the calls that presence makes, answered from tables.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use parlance_core::{Error, Reason};
use parlance_proto::auth::{RecordActivityRequest, RecordActivityResponse};
use parlance_proto::channel::{
    AuthorizeRequest, AuthorizeResponse, Channel, ChannelConfig, ListCompanionsRequest,
    ListCompanionsResponse,
};
use parlance_rpc::{Transport, in_process};
use prost::Message;
use tonic::Status;
use tonic::body::Body;

/// What the stand-ins answer, and what they were asked.
#[derive(Default)]
pub struct Answers {
    pub companions: HashMap<i64, Vec<i64>>,
    /// Channel and user: the refusal, or `None` = allowed.
    pub rights: HashMap<(i64, i64), Option<&'static str>>,
    /// Channels in which typing is not shown.
    pub silent: Vec<i64>,
    pub authorizations: usize,
    pub max_members: Vec<u32>,
    pub recorded: Vec<(i64, i64)>,
}

pub type Shared = Arc<Mutex<Answers>>;

/// A transport behind which both services answer.
pub fn transport(answers: Shared) -> Transport {
    in_process(tower::service_fn(move |request: Request<Body>| {
        let answers = answers.clone();
        async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let message = body.slice(5..);
            let reply = match path.rsplit('/').next().unwrap() {
                "Authorize" => authorize(&answers, decode(message)).map(encode),
                "ListCompanions" => Ok(encode(list_companions(&answers, decode(message)))),
                "RecordActivity" => Ok(encode(record_activity(&answers, decode(message)))),
                other => panic!("nobody asks for {other}"),
            };
            Ok::<_, Infallible>(match reply {
                Ok(bytes) => Response::builder()
                    .header("content-type", "application/grpc")
                    .body(Body::new(Full::new(bytes).with_trailers(async {
                        let status =
                            [(http::HeaderName::from_static("grpc-status"), http::HeaderValue::from(0))];
                        Some(Ok(status.into_iter().collect()))
                    })))
                    .unwrap(),
                Err(error) => Status::from(error).into_http(),
            })
        }
    }))
}

fn authorize(answers: &Shared, question: AuthorizeRequest) -> Result<AuthorizeResponse, Error> {
    let mut answers = answers.lock().unwrap();
    answers.authorizations += 1;
    assert!(!question.join, "typing joins nothing");
    let Some(&refusal) = answers.rights.get(&(question.channel_num, question.user_num)) else {
        return Err(Error::new(Reason::ChannelNotFound, "no such channel"));
    };
    let typing_events = !answers.silent.contains(&question.channel_num);
    Ok(AuthorizeResponse {
        allowed: refusal.is_none(),
        reason: refusal.unwrap_or_default().to_owned(),
        channel: Some(Channel {
            num: question.channel_num,
            config: Some(ChannelConfig { typing_events, ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn list_companions(answers: &Shared, question: ListCompanionsRequest) -> ListCompanionsResponse {
    let mut answers = answers.lock().unwrap();
    answers.max_members.push(question.max_members);
    let mut user_nums = answers.companions.get(&question.user_num).cloned().unwrap_or_default();
    if !question.among_nums.is_empty() {
        user_nums.retain(|num| question.among_nums.contains(num));
    }
    ListCompanionsResponse { user_nums }
}

fn record_activity(answers: &Shared, report: RecordActivityRequest) -> RecordActivityResponse {
    let rows = report.activities.iter().map(|a| (a.user_num, a.at.as_ref().unwrap().seconds));
    answers.lock().unwrap().recorded.extend(rows);
    RecordActivityResponse {}
}

fn decode<M: Message + Default>(bytes: Bytes) -> M {
    M::decode(bytes).unwrap()
}

fn encode(message: impl Message) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.encoded_len() as u32);
    message.encode(&mut frame).unwrap();
    frame.freeze()
}
