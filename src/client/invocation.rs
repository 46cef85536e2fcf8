//! Calls for invocations, including the traces that only the local server has.

use super::{Client, Error};
use crate::wire::invocation::{
    Accepted, Envelope, INVOCATION_ID_HEADER, LOG_HEADER, LOG_TYPE_HEADER, RecordList, Trace, VERSION_HEADER,
    VERSION_JSON,
};
use crate::wire::routes::Operation;

/// The answer to a synchronous invocation.
#[derive(Debug)]
pub enum Invoked {
    Returned(Envelope),
    Failed(Failed),
}

/// The service's answer about a function that failed.
#[derive(Debug)]
pub struct Failed {
    pub request_id: Option<String>,
    /// The engine's result code, if the answer has one.
    pub code: Option<i64>,
    /// The failure object, unchanged.
    pub payload: String,
    /// The end of the log in base64, if there is one.
    pub log: Option<String>,
}

/// Requests the result in an envelope, and the end of the log.
const HEADERS: &[(&str, &str)] = &[(VERSION_HEADER, VERSION_JSON), (LOG_TYPE_HEADER, "tail")];

impl Client {
    /// Runs a function and waits until it ends. Sends `event` unchanged.
    pub async fn invoke(&self, urn: &str, event: Vec<u8>) -> Result<Invoked, Error> {
        let request = self.request(Operation::InvokeFunction, &[urn]).with_body(event).running_function(HEADERS);
        let reply = self.send(&request).await?;
        if !reply.is_failed_run() {
            return reply.json(&request).map(Invoked::Returned);
        }
        let (request_id, log) = (reply.header(INVOCATION_ID_HEADER), reply.header(LOG_HEADER));
        Ok(Invoked::Failed(Failed { request_id, code: reply.run_error_code(), payload: reply.text(), log }))
    }

    /// Submits a request that runs later. Sends `event` unchanged.
    pub async fn invoke_async(&self, urn: &str, event: Vec<u8>) -> Result<Accepted, Error> {
        let request = self.request(Operation::AsyncInvokeFunction, &[urn]).with_body(event);
        self.send(&request).await?.json(&request)
    }

    /// One page of a function's asynchronous invocations.
    pub async fn list_async_invocations(&self, urn: &str, query: &[(&str, String)]) -> Result<RecordList, Error> {
        self.get(Operation::ListAsyncInvocations, &[urn], query).await
    }

    /// The complete trace of one asynchronous invocation. Only the local server has it; other servers answer that the
    /// API does not exist.
    pub async fn show_trace(&self, request_id: &str) -> Result<Trace, Error> {
        self.get(Operation::ShowTrace, &[request_id], &[]).await
    }
}
