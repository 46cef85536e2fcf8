//! Targets of notifications: a service, and JSON in a string with its resource.

use crate::rules::number::EXPIRES_DAYS;
use crate::rules::text;
use crate::wire::async_policy::{Destination, DisParam, FunctionParam, ObsParam, SmnParam, service};

use super::super::failure::{Failure, Outcome};

/// The target of one side, unchanged byte for byte; `None` if it is empty. Does not check whether it exists.
pub(super) fn checked(side: &str, destination: Option<Destination>) -> Outcome<Option<Destination>> {
    let Some(Destination { destination, param }) = destination else { return Ok(None) };
    if destination.is_empty() && param.is_empty() {
        return Ok(None);
    }
    let checked = match destination.as_str() {
        service::FUNCTION_GRAPH => function(&param),
        service::OBS => bucket(&param),
        service::DIS => stream(&param),
        service::SMN => topic(&param),
        _ => Err(InvalidTarget::Service),
    };
    checked.map_err(|reason| Failure::parameter(format!("destination_config.{side}: {reason}")))?;
    Ok(Some(Destination { destination, param }))
}

/// Why a target is refused.
#[derive(Debug, thiserror::Error)]
enum InvalidTarget {
    #[error("destination must be FunctionGraph, OBS, DIS or SMN")]
    Service,
    #[error("param is invalid: {0}")]
    Param(#[from] serde_json::Error),
    #[error("func_urn is not the URN of a function")]
    Function,
    #[error("bucket is not the name of a bucket")]
    Bucket,
    #[error("prefix is longer than 1024 bytes or has control characters")]
    Prefix,
    #[error("expires must be from 0 to 365 days")]
    Expires,
    #[error("stream_name is not the name of a stream")]
    Stream,
    #[error("topic_urn is not the URN of a topic")]
    Topic,
}

fn function(param: &str) -> Result<(), InvalidTarget> {
    let FunctionParam { func_urn } = serde_json::from_str(param)?;
    require(text::FUNCTION_URN.accepts(&func_urn), InvalidTarget::Function)
}

fn bucket(param: &str) -> Result<(), InvalidTarget> {
    let ObsParam { bucket, prefix, expires } = serde_json::from_str(param)?;
    require(text::BUCKET.accepts(&bucket), InvalidTarget::Bucket)?;
    require(text::OBS_PREFIX.accepts(&prefix), InvalidTarget::Prefix)?;
    require(EXPIRES_DAYS.contains(expires.into()), InvalidTarget::Expires)
}

fn stream(param: &str) -> Result<(), InvalidTarget> {
    let DisParam { stream_name } = serde_json::from_str(param)?;
    require(text::STREAM.accepts(&stream_name), InvalidTarget::Stream)
}

fn topic(param: &str) -> Result<(), InvalidTarget> {
    let SmnParam { topic_urn } = serde_json::from_str(param)?;
    require(text::TOPIC_URN.accepts(&topic_urn), InvalidTarget::Topic)
}

fn require(holds: bool, otherwise: InvalidTarget) -> Result<(), InvalidTarget> {
    if holds { Ok(()) } else { Err(otherwise) }
}
