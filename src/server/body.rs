//! Request bodies: bounded, and read before anything else happens, since a signature covers them.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::failure::{Failure, Outcome};

/// Bytes of the largest body: the largest archive (50 MB) in base64, and room for the rest and for saying "too large".
const LARGEST: usize = 80 * 1024 * 1024;
/// Bytes of a refused body that are read on, so that the client, still sending, gets to see the answer.
const DRAINED: usize = 2 * LARGEST;

/// The whole body, unless it is too large.
pub(crate) async fn read(body: Body) -> Outcome<Bytes> {
    let mut stream = body.into_data_stream();
    let mut content = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Failure::parameter(format!("the request body broke off: {error}")))?;
        if content.len() + chunk.len() > LARGEST {
            drain(Body::from_stream(stream)).await;
            return Err(Failure::too_large("FSS.1201", format!("the request body exceeds {LARGEST} bytes")));
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content.into())
}

/// Reads a body to no purpose but to be polite.
pub(crate) async fn drain(body: Body) {
    let mut stream = body.into_data_stream();
    let mut drained = 0;
    while let Some(Ok(chunk)) = stream.next().await {
        drained += chunk.len();
        if drained > DRAINED {
            return;
        }
    }
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
