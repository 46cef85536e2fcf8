//! Converts asynchronous policies between model and wire, and reads and writes them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::async_policy::{AsyncPolicy, LivePolicy, LiveTarget};
use crate::model::existing::Holder;
use crate::model::field::{Field, Path, first_difference};
use crate::model::number::Expires;
use crate::model::state::{DesiredState, LiveFunction};
use crate::model::target::Target;
use crate::model::text::{BucketName, ObsPrefix, StreamName, TopicUrn};
use crate::model::urn::{FunctionUrn, Scope};
use crate::rules::number;
use crate::rules::urn::LATEST;
use crate::wire::async_policy::{
    AsyncConfig, Destination, DestinationConfig, DisParam, FunctionParam, ObsParam, PutAsyncConfig, SmnParam, service,
};
use crate::wire::log::LogDetail;
use crate::wire::routes::Operation;

use super::read_live::Functions;
use super::{Error, Remote, settle};

impl Remote {
    /// Returns `None` if the function, version or alias has no policy of its own. Call this only for functions that a
    /// list contains: otherwise a missing policy looks the same as a missing function.
    pub async fn read_policy(
        &self,
        function: &FunctionAddress,
        qualifier: Option<&Qualifier>,
    ) -> Result<Option<LivePolicy>, Error> {
        let urn = self.qualified_urn(function, qualifier);
        match self.client.show_async_config(&urn).await {
            Ok(config) => {
                let request = || self.request(Operation::ShowFunctionAsyncInvokeConfig, &[&urn]);
                let problem = problem(&config).map(|problem| Error::contradiction(request(), problem));
                problem.map_or_else(|| Ok(Some(live(&config))), Err)
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Creates or replaces the policy with one request, and reads it again, because only the read shows the result.
    /// Live parts that are not managed are sent back: the status log if the policy does not declare it, the parameters
    /// of an unchanged target, and unknown fields.
    pub async fn put_policy(
        &self,
        function: &FunctionAddress,
        policy: &AsyncPolicy,
        live: Option<&LivePolicy>,
    ) -> Result<(), Error> {
        let body = body(policy, live, &self.scope);
        if policy.starts_to_record(live) {
            // The service refuses a policy that records statuses if the project has no log for them.
            self.status_log.get_or_try_init(async || self.client.enable_async_status_log().await).await?;
        }
        self.client.put_async_config(&self.urn(function), &body).await?;
        let look = async || {
            let found = self.read_policy(function, None).await?;
            Ok::<_, Error>(unapplied(policy, &body, found.as_ref(), &self.scope))
        };
        let problem = settle(look, Option::is_none).await?;
        let what = || format!("PUT async-invoke-config of {function}");
        problem.map_or(Ok(()), |problem| Err(Error::NotApplied { what: what(), problem }))
    }

    /// Whether the project has the log for statuses, if a policy needs it. If the service does not say, assume that it
    /// does not: enabling it again has no effect.
    pub(super) async fn has_status_log_for(&self, desired: &DesiredState, functions: &Functions) -> bool {
        let needs = |holder: Holder<'_>| {
            let live = functions.get(holder.address).and_then(|live| live.policy.as_ref());
            holder.policy.is_some_and(|(policy, _)| policy.starts_to_record(live))
        };
        if !desired.holders().any(needs) {
            return false;
        }
        let records = |live: &LiveFunction| live.policy.as_ref().is_some_and(|policy| policy.status_log == Some(true));
        let has_log = functions.values().any(records)
            || match self.client.show_async_status_log().await {
                Ok(LogDetail { group_id, group_name: _, stream_id, stream_name: _ }) => {
                    !group_id.is_empty() && !stream_id.is_empty()
                }
                Err(_) => false,
            };
        if has_log {
            // It does not matter if it is already set.
            let _ = self.status_log.set(());
        }
        has_log
    }

    /// Ensures that the function, version or alias has no policy of its own.
    pub async fn delete_policy(&self, function: &FunctionAddress, qualifier: Option<&Qualifier>) -> Result<(), Error> {
        let urn = self.qualified_urn(function, qualifier);
        match self.client.delete_async_config(&urn).await {
            Err(error) if !error.is_not_found() => return Err(error.into()),
            _ => {}
        }
        if settle(async || self.read_policy(function, qualifier).await, Option::is_none).await?.is_none() {
            return Ok(());
        }
        let what = format!("DELETE async-invoke-config of {urn}");
        Err(Error::NotApplied { what, problem: "the policy still exists".into() })
    }
}

/// What is wrong with a policy after a write.
fn unapplied(policy: &AsyncPolicy, sent: &PutAsyncConfig, found: Option<&LivePolicy>, scope: &Scope) -> Option<String> {
    let Some(found) = found else { return Some("there is no policy".to_owned()) };
    let managed = found.fields_managed_by(policy, scope);
    let other = |path: &dyn std::fmt::Display| format!("{path} differs from the value that was sent");
    if let Some(path) = first_difference(&policy.fields(scope), &managed) {
        return Some(other(path));
    }
    if sent.enable_async_status_log == Some(true) && found.status_log != Some(true) {
        return Some(other(&Path::of(Field::StatusLog)));
    }
    sent.others.keys().find(|name| !found.others.contains_key(*name)).map(|name| other(name))
}

/// What is wrong with a configuration if its targets are incomplete or its numbers implausible. It would look like another
/// policy.
pub(super) fn problem(config: &AsyncConfig) -> Option<String> {
    if config.func_urn.is_empty() {
        return Some("it lacks func_urn".to_owned());
    }
    let sides = config.destination_config.iter().flat_map(|DestinationConfig { on_success, on_failure }| {
        [("on_success", on_success), ("on_failure", on_failure)]
    });
    let is_half = |side: &Destination| side.destination.is_empty() != side.param.is_empty();
    if let Some((name, _)) = sides.into_iter().find(|(_, side)| side.as_ref().is_some_and(is_half)) {
        return Some(format!("destination_config.{name} lacks its destination or its param"));
    }
    let numbers = [config.max_async_retry_attempts, config.max_async_event_age_in_seconds];
    let impossible = numbers.into_iter().find(|number| u32::try_from(*number).is_err());
    impossible.map(|number| format!("{number} is not possible in a policy"))
}

/// The service's answer as a model policy.
pub(super) fn live(config: &AsyncConfig) -> LivePolicy {
    let AsyncConfig {
        func_urn: _,
        max_async_event_age_in_seconds: validity,
        max_async_retry_attempts: retries,
        destination_config,
        created_time: _,
        last_modified: _,
        enable_async_status_log,
        others,
    } = config;
    let side = |of: fn(&DestinationConfig) -> Option<&Destination>| {
        DestinationConfig::side(destination_config.as_ref().and_then(of)).map(live_target)
    };
    LivePolicy {
        max_retries: u32::try_from(*retries).unwrap_or(number::DEFAULT_MAX_RETRIES),
        max_validity_period: u32::try_from(*validity).unwrap_or(number::DEFAULT_VALIDITY_SECONDS),
        on_success: side(|targets| targets.on_success.as_ref()),
        on_failure: side(|targets| targets.on_failure.as_ref()),
        status_log: *enable_async_status_log,
        others: others.clone(),
    }
}

fn live_target(destination: &Destination) -> LiveTarget {
    let Destination { destination: service, param } = destination;
    let known = match service.as_str() {
        service::FUNCTION_GRAPH => function_target(param),
        service::OBS => obs_target(param),
        service::DIS => dis_target(param),
        service::SMN => smn_target(param),
        _ => None,
    };
    let foreign = || Target::Foreign { destination: service.clone(), param: param.clone() };
    LiveTarget { target: known.unwrap_or_else(foreign), param: param.clone() }
}

fn function_target(param: &str) -> Option<Target> {
    let FunctionParam { func_urn } = read(param)?;
    Some(Target::Urn(func_urn.parse::<FunctionUrn>().ok()?))
}

fn obs_target(param: &str) -> Option<Target> {
    let ObsParam { bucket, prefix, expires } = read(param)?;
    Some(Target::Obs {
        bucket: BucketName::new(bucket).ok()?,
        prefix: ObsPrefix::new(prefix).ok()?,
        expires: Expires::new(expires).ok()?,
    })
}

fn dis_target(param: &str) -> Option<Target> {
    let DisParam { stream_name } = read(param)?;
    Some(Target::Dis { stream: StreamName::new(stream_name).ok()? })
}

fn smn_target(param: &str) -> Option<Target> {
    let SmnParam { topic_urn } = read(param)?;
    Some(Target::Smn { topic: TopicUrn::new(topic_urn).ok()? })
}

fn read<T: DeserializeOwned>(param: &str) -> Option<T> {
    serde_json::from_str(param).ok()
}

fn body(policy: &AsyncPolicy, live: Option<&LivePolicy>, scope: &Scope) -> PutAsyncConfig {
    let AsyncPolicy { max_retries, max_validity_period, on_success, on_failure, status_log } = policy;
    let side = |wanted: &Option<Target>, live: Option<&LiveTarget>| {
        let wanted = wanted.as_ref()?;
        let kept = live.filter(|live| live.target.to_value(scope) == wanted.to_value(scope));
        let Destination { destination, param } = destination(wanted, scope);
        Some(Destination { destination, param: kept.map_or(param, |live| live.param.clone()) })
    };
    PutAsyncConfig {
        max_async_event_age_in_seconds: Some(max_validity_period.get().into()),
        max_async_retry_attempts: Some(max_retries.get().into()),
        destination_config: Some(DestinationConfig {
            on_success: side(on_success, live.and_then(|live| live.on_success.as_ref())),
            on_failure: side(on_failure, live.and_then(|live| live.on_failure.as_ref())),
        }),
        enable_async_status_log: status_log.or_else(|| live?.status_log),
        others: live.map(|live| live.others.clone()).unwrap_or_default(),
    }
}

fn destination(target: &Target, scope: &Scope) -> Destination {
    let (service, param) = match target {
        Target::Function { .. } | Target::Urn(_) => {
            (service::FUNCTION_GRAPH, param(&FunctionParam { func_urn: qualified_urn(target, scope) }))
        }
        Target::Obs { bucket, prefix, expires } => {
            let (bucket, prefix) = (bucket.to_string(), prefix.to_string());
            (service::OBS, param(&ObsParam { bucket, prefix, expires: expires.get() }))
        }
        Target::Dis { stream } => (service::DIS, param(&DisParam { stream_name: stream.to_string() })),
        Target::Smn { topic } => (service::SMN, param(&SmnParam { topic_urn: topic.to_string() })),
        Target::Foreign { destination, param } => (destination.as_str(), param.clone()),
    };
    Destination { destination: service.to_owned(), param }
}

/// The form that the console uses, with `:latest` if there is no other qualifier.
fn qualified_urn(target: &Target, scope: &Scope) -> String {
    let Some(urn) = target.urn(scope) else { return String::new() };
    if urn.qualifier.is_some() { urn.to_string() } else { format!("{urn}:{LATEST}") }
}

fn param<T: Serialize>(param: &T) -> String {
    // A struct of strings and numbers can always be serialized.
    serde_json::to_string(param).unwrap_or_default()
}
