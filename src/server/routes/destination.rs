//! Targets of notifications: a service, and JSON in a string with its resource.

use serde::de::DeserializeOwned;

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
    let judged = match destination.as_str() {
        service::FUNCTION_GRAPH => function(&param),
        service::OBS => bucket(&param),
        service::DIS => stream(&param),
        service::SMN => topic(&param),
        _ => Err("destination must be FunctionGraph, OBS, DIS or SMN".to_owned()),
    };
    judged.map_err(|reason| Failure::parameter(format!("destination_config.{side}: {reason}")))?;
    Ok(Some(Destination { destination, param }))
}

type Judgement = Result<(), String>;

fn function(param: &str) -> Judgement {
    let FunctionParam { func_urn } = parse(param)?;
    expect(text::FUNCTION_URN.accepts(&func_urn), "func_urn is not the URN of a function")
}

fn bucket(param: &str) -> Judgement {
    let ObsParam { bucket, prefix, expires } = parse(param)?;
    expect(text::BUCKET.accepts(&bucket), "bucket is not the name of a bucket")?;
    expect(text::OBS_PREFIX.accepts(&prefix), "prefix is longer than 1024 bytes or has control characters")?;
    expect(EXPIRES_DAYS.contains(expires.into()), "expires must be from 0 to 365 days")
}

fn stream(param: &str) -> Judgement {
    let DisParam { stream_name } = parse(param)?;
    expect(text::STREAM.accepts(&stream_name), "stream_name is not the name of a stream")
}

fn topic(param: &str) -> Judgement {
    let SmnParam { topic_urn } = parse(param)?;
    expect(text::TOPIC_URN.accepts(&topic_urn), "topic_urn is not the URN of a topic")
}

fn parse<T: DeserializeOwned>(param: &str) -> Result<T, String> {
    serde_json::from_str(param).map_err(|error| format!("param is invalid: {error}"))
}

fn expect(holds: bool, otherwise: &str) -> Judgement {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
