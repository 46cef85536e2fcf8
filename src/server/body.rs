//! Request bodies: bounded in size and time, and read before anything else happens, since a signature covers them.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::failure::{Failure, Outcome};

/// Bytes of the largest body: the largest archive (50 MB) in base64, and room for the rest and for saying "too large".
const LARGEST: usize = 80 * 1024 * 1024;
/// Bytes of a refused body that are read on, so that the client, still sending, gets to see the answer.
const DRAINED: usize = 2 * LARGEST;

/// How long a whole body may take, however steadily it comes.
const LONGEST: Duration = Duration::from_mins(10);
/// How long a refused body is read on.
const LONGEST_DRAIN: Duration = Duration::from_secs(10);

/// The whole body as a client sends it, unless it is too large or stops for longer than `patience`.
pub(crate) async fn receive(body: Body, patience: Duration) -> Outcome<Bytes> {
    let late = |limit: Duration| {
        let message = format!("the request body did not arrive within {} s", limit.as_secs_f64());
        Failure::refused("FSS.0408", message)
    };
    let receiving = async {
        let mut stream = body.into_data_stream();
        let mut content = Vec::new();
        while let Some(chunk) = timeout(patience, stream.next()).await.map_err(|_| late(patience))? {
            let chunk = chunk.map_err(|error| Failure::parameter(format!("the request body broke off: {error}")))?;
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

/// A body that was received before, and is in memory.
pub(crate) async fn read(body: Body) -> Outcome<Bytes> {
    receive(body, LONGEST).await
}

/// Reads a body to no purpose but to be polite.
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
    // Where it takes too long, the client does not get to see the answer.
    let _ = timeout(LONGEST_DRAIN, draining).await;
}

/// A JSON body; what is no JSON, or of other types, is the client's mistake.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Outcome<Self> {
        let content = read(request.into_body()).await?;
        let parsed = serde_json::from_slice(&content);
        parsed.map(Self).map_err(|error| Failure::parameter(format!("the request body is not as expected: {error}")))
    }
}
