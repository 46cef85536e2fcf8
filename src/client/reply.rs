//! A reply, read completely but only up to a size limit, and parsed if it succeeded.

use reqwest::Response;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use serde::de::DeserializeOwned;
use std::time::Duration;

use super::error::{Cause, Error, excerpt, said};
use super::request::Request;
use super::retry;
use crate::wire::error::REQUEST_ID_HEADER;
use crate::wire::invocation::{ERROR_CODE_HEADER, FailureObject};

/// The largest reply that is read, in bytes: 50 MB of code in base64, and some room.
const LARGEST: usize = 80 * 1024 * 1024;

/// We encode paths and bodies, so only the credentials can cause this.
const BUILDER: &str = "the credentials contain a character that HTTP does not allow, such as a line break";

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) request_id: Option<String>,
    /// How long to wait before the next try, if the service states it.
    pub(super) retry_after: Option<Duration>,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

/// Why a reply was not read completely.
pub(super) enum Unread {
    Broken(reqwest::Error),
    TimedOut,
    NotBuilt,
    TooLarge { status: u16, request_id: Option<String> },
}

impl Reply {
    pub(super) async fn read(mut response: Response, request: &Request) -> Result<Self, Unread> {
        let length = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        let headers = response.headers();
        let mut reply = Self {
            status: response.status().as_u16(),
            request_id: header(headers, REQUEST_ID_HEADER).map(|id| said(request, &id)),
            retry_after: header(headers, RETRY_AFTER.as_str()).as_deref().and_then(retry::retry_after),
            headers: headers.clone(),
            bytes: Vec::with_capacity(length.min(LARGEST)),
        };
        while let Some(chunk) = response.chunk().await.map_err(Unread::Broken)? {
            if reply.bytes.len() + chunk.len() > LARGEST {
                return Err(Unread::TooLarge { status: reply.status, request_id: reply.request_id });
            }
            reply.bytes.extend_from_slice(&chunk);
        }
        Ok(reply)
    }

    /// Returns the reply if the request was carried out. That includes a function that ran and failed.
    pub(super) fn successful(self, request: &Request) -> Result<Self, Error> {
        match self.status {
            200..300 => Ok(self),
            _ if request.runs_function && self.is_failed_run() => Ok(self),
            300..400 => {
                let target = self.header(LOCATION.as_str()).map(|target| said(request, &target));
                let target = target.as_deref().unwrap_or("nowhere");
                let problem = format!(
                    "it redirects to {target}, which fgctl does not follow, because a signature is valid for one address only"
                );
                Err(Error::NotUnderstood {
                    request: request.name.clone(),
                    status: self.status,
                    problem,
                    request_id: self.request_id,
                })
            }
            _ => Err(Error::from_reply(request, self.status, self.request_id, &self.bytes)),
        }
    }

    /// Whether a function ran and failed.
    pub(super) fn is_failed_run(&self) -> bool {
        self.run_error_code().is_some() || serde_json::from_slice::<FailureObject>(&self.bytes).is_ok()
    }

    /// The engine's code of a failed run, if the reply has one.
    pub(super) fn run_error_code(&self) -> Option<i64> {
        self.header(ERROR_CODE_HEADER).and_then(|code| code.parse().ok()).filter(|code| *code != 0)
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        header(&self.headers, name)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Whether the reply has no body, as with 204.
    pub(super) fn is_empty(&self) -> bool {
        self.first_byte().is_none()
    }

    /// Parses a JSON object. A list is refused, because serde would read it as an object whose fields are all missing.
    pub(super) fn json<R: DeserializeOwned>(self, request: &Request) -> Result<R, Error> {
        if self.first_byte() == Some(b'[') {
            return Err(self.not_understood(request, "expected an object, found a list"));
        }
        self.json_list(request)
    }

    /// Parses JSON that may be a list.
    pub(super) fn json_list<R: DeserializeOwned>(self, request: &Request) -> Result<R, Error> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| self.not_understood(request, &said(request, &error.to_string())))
    }

    fn first_byte(&self) -> Option<u8> {
        self.bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace())
    }

    fn not_understood(&self, request: &Request, problem: &str) -> Error {
        Error::NotUnderstood {
            request: request.name.clone(),
            status: self.status,
            problem: format!("{problem}; it begins: {}", excerpt(request, &self.bytes)),
            request_id: self.request_id.clone(),
        }
    }
}

impl Unread {
    pub(super) fn into_error(self, request: String, endpoint: String) -> Error {
        match self {
            Self::Broken(cause) if cause.is_builder() => Error::NotSent { request, problem: BUILDER.to_owned() },
            Self::NotBuilt => Error::NotSent { request, problem: BUILDER.to_owned() },
            Self::Broken(cause) => Error::Unreachable { request, endpoint, cause: Cause::Network(cause) },
            Self::TimedOut => Error::Unreachable { request, endpoint, cause: Cause::TimedOut },
            Self::TooLarge { status, request_id } => {
                let problem = format!("it is larger than {} MB", LARGEST / 1024 / 1024);
                Error::NotUnderstood { request, status, problem, request_id }
            }
        }
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
