use bytes::Bytes;
use http::HeaderMap;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::answer;
use crate::body::{self, Overflow};
use crate::failure::{Failure, Trouble};
use crate::fetcher::{Fetcher, failure_of};

/// A request that was taken.
#[derive(Debug, Clone)]
pub struct Posted {
    /// 2xx.
    pub status: u16,
    pub headers: HeaderMap,
    /// The beginning of the answer, or nothing if it did not come in time: it was taken all the same.
    pub body: Bytes,
}

impl Fetcher {
    /// Posts to an address. Redirects are not followed: whoever gave the address meant it. Ends within the
    /// time-out; whether the other side acted is not known after [`Trouble::TimedOut`].
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Posted, Failure> {
        self.check(url)?;
        let deadline = Instant::now() + self.settings.timeout;
        let sent = self.client.post(url.clone()).headers(headers).body(body).send();
        let response = match timeout_at(deadline, sent).await {
            Ok(result) => result.map_err(|error| failure_of(&error))?,
            Err(_) => return Err(Failure::later(Trouble::TimedOut)),
        };
        answer::judge(response.status(), response.headers())?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let read = body::read(response, self.settings.max_bytes, Overflow::Cut);
        let body = match timeout_at(deadline, read).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) | Err(_) => Bytes::new(),
        };
        Ok(Posted { status, headers, body })
    }
}
