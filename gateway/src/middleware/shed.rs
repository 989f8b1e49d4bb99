//! Sheds load: beyond so many requests under way the next ones are refused at once, since an answer that
//! comes too late helps nobody and a queue makes everybody late.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parlance_core::{Error, Reason};
use tokio::sync::Semaphore;

use crate::dialects::chatsdk::error::Failure;

/// When to come back.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves the request if `room` has a place for it.
pub(crate) async fn shed(room: Arc<Semaphore>, request: Request, next: Next) -> Response {
    let Ok(_place) = room.try_acquire() else {
        metrics::counter!("parlance_http_shed_total").increment(1);
        let error = Error::new(Reason::Overloaded, "too many requests at once").with_retry_after(PAUSE);
        return Failure::from(error).into_response();
    };
    next.run(request).await
}
