//! Notification targets: a service, and JSON inside a string that says which resource of it.

use serde::de::DeserializeOwned;

use crate::wire::async_policy::{Destination, DisParam, FunctionParam, ObsParam, SmnParam, service};

use super::super::failure::{Failure, Outcome};
use super::super::rules;

/// Bytes of an object's key, of which a prefix is the beginning.
const LONGEST_PREFIX: usize = 1024;
/// Days.
const LONGEST_EXPIRY: u32 = 365;

/// The target of one side, unchanged to the byte; none where it is empty. Whether it exists is not asked.
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
    expect(rules::is_function_urn(&func_urn), "func_urn is not the URN of a function")
}

fn bucket(param: &str) -> Judgement {
    let ObsParam { bucket, prefix, expires } = parse(param)?;
    expect(rules::is_bucket(&bucket), "bucket is not the name of a bucket")?;
    expect(
        prefix.len() <= LONGEST_PREFIX && !prefix.contains(char::is_control),
        "prefix is longer than 1024 bytes or not plain",
    )?;
    expect(expires <= LONGEST_EXPIRY, "expires must be from 0 to 365 days")
}

fn stream(param: &str) -> Judgement {
    let DisParam { stream_name } = parse(param)?;
    expect(rules::is_stream(&stream_name), "stream_name is not the name of a stream")
}

fn topic(param: &str) -> Judgement {
    let SmnParam { topic_urn } = parse(param)?;
    expect(rules::is_topic_urn(&topic_urn), "topic_urn is not the URN of a topic")
}

fn parse<T: DeserializeOwned>(param: &str) -> Result<T, String> {
    serde_json::from_str(param).map_err(|error| format!("param is not as expected: {error}"))
}

fn expect(holds: bool, otherwise: &str) -> Judgement {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
