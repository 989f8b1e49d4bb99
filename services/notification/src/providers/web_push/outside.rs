//! The way to addresses that users have written: everything that Web Push sends goes through here.

use http::HeaderMap;
use parlance_core::{Error, Result};
use url::Url;

use super::super::http::{Answer, exchange};
use super::super::{Common, Outcome};

pub(super) struct Outside {
    http: reqwest::Client,
    allow_private_networks: bool,
}

impl Outside {
    pub fn new(common: &Common) -> Result<Self> {
        Ok(Self {
            http: super::super::client(common.timeout).no_proxy().build().map_err(Error::internal)?,
            allow_private_networks: common.allow_private_networks,
        })
    }

    /// An endpoint that cannot be one of a browser's is a dead token.
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, Outcome> {
        if url.scheme() != "https" && !(self.allow_private_networks && url.scheme() == "http") {
            return Err(Outcome::TokenDead);
        }
        exchange(self.http.post(url.clone()).headers(headers).body(body)).await
    }
}
