//! Calls for invocations, and for what the local server tells of them besides.

use reqwest::Method;

use super::transport::{Outgoing, Reply};
use super::{Client, Error};
use crate::wire::invocation::{
    Accepted, ERROR_CODE_HEADER, Envelope, FailureObject, INVOCATION_ID_HEADER, LOG_HEADER, LOG_TYPE_HEADER,
    RecordList, Trace, VERSION_HEADER, VERSION_JSON,
};
use crate::wire::routes;

/// The answer to a synchronous invocation.
#[derive(Debug)]
pub enum Invoked {
    Returned(Envelope),
    Failed(Failed),
}

/// A function that failed, as the service answers it.
#[derive(Debug)]
pub struct Failed {
    pub request_id: Option<String>,
    /// An engine's result code, where it was named.
    pub code: Option<i64>,
    /// The failure object, as it came.
    pub payload: String,
    /// The end of the log in base64, where there is one.
    pub log: Option<String>,
}

impl Client {
    /// Runs a function and waits for its end. `event` is sent as it is.
    pub async fn invoke(&self, urn: &str, event: Vec<u8>) -> Result<Invoked, Error> {
        let path = routes::invocations(self.project_id(), urn);
        let headers = [(VERSION_HEADER, VERSION_JSON), (LOG_TYPE_HEADER, "tail")];
        let (request, reply) = self.post(&path, &headers, event).await?;
        match failed(&reply) {
            Some(failed) => Ok(Invoked::Failed(failed)),
            None => reply.success(request.clone())?.json(request).map(Invoked::Returned),
        }
    }

    /// Hands a request over; it runs later. `event` is sent as it is.
    pub async fn invoke_async(&self, urn: &str, event: Vec<u8>) -> Result<Accepted, Error> {
        let path = routes::invocations_async(self.project_id(), urn);
        let (request, reply) = self.post(&path, &[], event).await?;
        reply.success(request.clone())?.json(request)
    }

    /// One page of a function's asynchronous invocations.
    pub async fn list_async_invocations(&self, urn: &str, query: &[(&str, String)]) -> Result<RecordList, Error> {
        self.get(&routes::async_invocations(self.project_id(), urn), query).await
    }

    /// All of one asynchronous invocation. Only the local server has this; others answer that there is no such API.
    pub async fn show_trace(&self, request_id: &str) -> Result<Trace, Error> {
        self.get(&routes::trace(self.project_id(), request_id), &[]).await
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<(String, Reply), Error> {
        let outgoing = Outgoing { method: Method::POST, path, query: "", headers, body };
        Ok((format!("POST {path}"), self.exchange(outgoing).await?))
    }
}

/// A failure object, or an engine's code that is not 0: the function failed, and not the request.
fn failed(reply: &Reply) -> Option<Failed> {
    let payload = reply.text();
    let code = reply.header(ERROR_CODE_HEADER).and_then(|code| code.parse().ok()).filter(|code| *code != 0);
    if code.is_none() && serde_json::from_str::<FailureObject>(&payload).is_err() {
        return None;
    }
    Some(Failed { request_id: reply.header(INVOCATION_ID_HEADER), code, payload, log: reply.header(LOG_HEADER) })
}
