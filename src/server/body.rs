//! Request bodies: limited in size and time, and read before anything else happens, because the signature covers them.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::failure::{Failure, Outcome};

/// The largest body in bytes: the largest archive (50 MB) in base64, and some room for the rest and for reporting that
/// it is too large.
const LARGEST: usize = 80 * 1024 * 1024;
/// How many bytes of a refused body are still read, so that the client, which is still sending, receives the answer.
const DRAINED: usize = 2 * LARGEST;

/// The longest time for a whole body, even if it arrives steadily.
const LONGEST: Duration = Duration::from_mins(10);
/// How long a refused body is still read.
const LONGEST_DRAIN: Duration = Duration::from_secs(10);

/// Reads the whole body, unless it is too large or pauses for longer than `patience`.
pub(crate) async fn receive(body: Body, patience: Duration) -> Outcome<Bytes> {
    let late = |limit: Duration| {
        let message = format!("the request body did not arrive within {} s", limit.as_secs_f64());
        Failure::refused("FSS.0408", message)
    };
    let receiving = async {
        let mut stream = body.into_data_stream();
        let mut content = Vec::new();
        while let Some(chunk) = timeout(patience, stream.next()).await.map_err(|_| late(patience))? {
            let chunk = chunk.map_err(|error| Failure::parameter(format!("the request body ended early: {error}")))?;
            if content.len() + chunk.len() > LARGEST {
                drain(Body::from_stream(stream)).await;
                return Err(Failure::refused("FSS.1201", format!("the request body exceeds {LARGEST} bytes")));
            }
            content.extend_from_slice(&chunk);
        }
        Ok(content.into())
    };
    timeout(LONGEST, receiving).await.unwrap_or_else(|_| Err(late(LONGEST)))
}

/// A body that was received before and is in memory.
pub(crate) async fn read(body: Body) -> Outcome<Bytes> {
    receive(body, LONGEST).await
}

/// Reads and discards a body, so that the client receives the answer.
pub(crate) async fn drain(body: Body) {
    let mut stream = body.into_data_stream();
    let mut drained = 0;
    let draining = async {
        while let Some(Ok(chunk)) = stream.next().await {
            drained += chunk.len();
            if drained > DRAINED {
                return;
            }
        }
    };
    // If this takes too long, the client does not receive the answer.
    let _ = timeout(LONGEST_DRAIN, draining).await;
}

/// A JSON body. If it is not JSON or has the wrong types, the request is refused.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Outcome<Self> {
        let content = read(request.into_body()).await?;
        let parsed = serde_json::from_slice(&content);
        parsed.map(Self).map_err(|error| Failure::parameter(format!("the request body is invalid: {error}")))
    }
}
