use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use reqwest::Response;
use url::Url;

use crate::answer::{self, ContentType};
use crate::body::{self, Overflow};
use crate::failure::{Failure, Refusal, Trouble};
use crate::fetcher::{Fetcher, failure_of};

/// What to fetch.
#[derive(Clone, Copy)]
pub struct Get<'a> {
    /// The `Accept` header.
    pub accept: &'static str,
    /// Media types that are read, without parameters; an answer of another type is not.
    pub types: &'a [&'a str],
    pub overflow: Overflow,
    /// The caller's own rule, asked before the first request and for every redirect.
    pub may_open: &'a (dyn Fn(&Url) -> bool + Send + Sync),
}

/// What was fetched.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Where the last redirect led.
    pub url: Url,
    pub content_type: ContentType,
    /// Decompressed.
    pub body: Bytes,
}

impl Fetcher {
    /// Fetches an address, following redirects; each is judged like the first. Ends within the time-out.
    pub async fn get(&self, url: &Url, get: &Get<'_>) -> Result<Fetched, Failure> {
        match tokio::time::timeout(self.settings.timeout, self.follow(url.clone(), get)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::later(Trouble::TimedOut)),
        }
    }

    async fn follow(&self, mut url: Url, get: &Get<'_>) -> Result<Fetched, Failure> {
        for _ in 0..=self.settings.max_redirects {
            self.check(&url)?;
            if !(get.may_open)(&url) {
                return Err(Refusal::Rule.into());
            }
            let accept = HeaderValue::from_static(get.accept);
            let request = self.client.get(url.clone()).header(header::ACCEPT, accept);
            let response = request.send().await.map_err(|error| failure_of(&error))?;
            match next(&url, &response)? {
                Some(elsewhere) => url = elsewhere,
                None => return self.take(url, response, get).await,
            }
        }
        Err(Failure::Redirects)
    }

    async fn take(&self, url: Url, response: Response, get: &Get<'_>) -> Result<Fetched, Failure> {
        answer::judge(response.status(), response.headers())?;
        // What the client can unpack it has taken out of the headers.
        if is_packed(response.headers()) {
            return Err(Failure::WrongType);
        }
        let content_type = ContentType::of(response.headers()).ok_or(Failure::WrongType)?;
        if !get.types.contains(&content_type.essence.as_str()) {
            return Err(Failure::WrongType);
        }
        let body = body::read(response, self.settings.max_bytes, get.overflow).await?;
        Ok(Fetched { url, content_type, body })
    }
}

/// Where an answer sends us.
fn next(from: &Url, response: &Response) -> Result<Option<Url>, Failure> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(header::LOCATION).ok_or(Failure::Redirects)?;
    // Some sites write UTF-8 where only ASCII is allowed.
    let location = std::str::from_utf8(location.as_bytes()).map_err(|_| Failure::Redirects)?;
    from.join(location).map(Some).map_err(|_| Failure::Redirects)
}

fn is_packed(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| {
        let plain = coding.to_str().is_ok_and(|text| text.trim().eq_ignore_ascii_case("identity"));
        !plain && !coding.is_empty()
    })
}
