//! The way to addresses that users have written: everything that Web Push sends goes through here, and from
//! here through the client that reaches public addresses alone.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use parlance_core::{Error, Result};
use parlance_fetch::{Failure, Fetcher, Refusal, Settings, Trouble};
use url::Url;

use super::super::{Common, MAX_ANSWER, Outcome, USER_AGENT, Why};

/// Connections kept for the next message to the same push service.
const IDLE_PER_HOST: usize = 8;
/// No endpoint is waited for longer than this, whatever it asks for: anybody may have written it.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5 * 60);

pub(super) struct Outside {
    fetcher: Fetcher,
    allow_private_networks: bool,
}

impl Outside {
    pub fn new(common: &Common) -> Result<Self> {
        let settings = Settings {
            user_agent: USER_AGENT.to_owned(),
            allow_private_networks: common.allow_private_networks,
            timeout: common.timeout,
            max_bytes: MAX_ANSWER,
            max_redirects: 0,
            idle_per_host: IDLE_PER_HOST,
        };
        Ok(Self {
            fetcher: Fetcher::new(settings).map_err(Error::internal)?,
            allow_private_networks: common.allow_private_networks,
        })
    }

    /// The status of an answer that a repeat does not change. An endpoint that cannot be one of a browser's
    /// is none.
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: Vec<u8>) -> Result<StatusCode, Outcome> {
        if url.scheme() != "https" && !(self.allow_private_networks && url.scheme() == "http") {
            return Err(Outcome::NoToken);
        }
        let status = match self.fetcher.post(url, headers, Bytes::from(body)).await {
            Ok(posted) => posted.status,
            Err(Failure::Rejected { status }) => status,
            Err(failure) => return Err(outcome(failure)),
        };
        StatusCode::from_u16(status).map_err(|_| Outcome::later("malformed", "no status"))
    }
}

fn outcome(failure: Failure) -> Outcome {
    match failure {
        Failure::Refused(Refusal::Url | Refusal::Credentials | Refusal::Port) => Outcome::NoToken,
        // A name may have led elsewhere when the browser gave it.
        Failure::Refused(Refusal::Address | Refusal::Rule) => {
            Outcome::refused("address", "not a public address")
        }
        Failure::Later { trouble, after } => {
            let (label, detail) = match trouble {
                Trouble::Status(429) => ("429", "429".to_owned()),
                Trouble::Status(status @ 500..) => ("5xx", status.to_string()),
                Trouble::Status(status) => ("busy", status.to_string()),
                Trouble::TimedOut => ("timeout", "no answer in time".to_owned()),
                Trouble::Name => ("unreachable", "the name leads nowhere".to_owned()),
                Trouble::Unreachable => ("unreachable", "no connection".to_owned()),
            };
            let after = after.map(|after| after.min(MAX_RETRY_AFTER));
            Outcome::Later { after, why: Why { label, detail } }
        }
        Failure::Rejected { status } => Outcome::refused("payload", status.to_string()),
        Failure::TooLarge | Failure::WrongType | Failure::Redirects => {
            Outcome::later("malformed", "answer not readable")
        }
    }
}
