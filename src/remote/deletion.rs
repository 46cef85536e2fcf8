//! Everything that a deletion removes. It is read when the deletion is planned and again just before it, so that
//! nothing is deleted that the plan did not show.
//!
//! The list of versions contains most of it in one request: the latest code and its policy, and the other versions.
//! Aliases point to versions, so they are read only if there are any.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::collections::BTreeMap;

use crate::client;
use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::async_policy::LivePolicy;
use crate::model::attached::Attached;
use crate::model::state::LiveFunction;
use crate::model::text::VersionName;
use crate::rules::urn::LATEST;
use crate::wire::alias::AliasRecord;
use crate::wire::async_policy::AsyncConfig;
use crate::wire::function::FunctionRecord;
use crate::wire::routes::Operation;
use crate::wire::version::VersionRecord;

use super::read_live::Functions;
use super::{Error, Remote, async_policy, configuration, record};

/// A function's record, and everything that is deleted with it.
pub(super) struct Whole {
    record: FunctionRecord,
    policy: Option<LivePolicy>,
    published: BTreeMap<Qualifier, LivePolicy>,
    attached: BTreeMap<Attached, String>,
}

impl Whole {
    /// Updates `live` with all of it, except tags.
    pub(super) fn refresh(self, live: &mut LiveFunction) {
        let Self { record, policy, published, attached } = self;
        record::refresh(live, &record);
        live.policy = policy;
        live.published = published;
        live.attached = attached;
    }
}

impl Remote {
    /// The function as a deletion would find it; `None` if it is gone. Concurrent deletions share one read of the tags.
    pub async fn read_before_deletion(&self, address: &FunctionAddress) -> Result<Option<LiveFunction>, Error> {
        let tags = self.recent_tags(address).await?;
        let Some(whole) = self.whole(address).await? else { return Ok(None) };
        let mut live = record::live(&whole.record, &self.function_urn(address), tags);
        whole.refresh(&mut live);
        Ok(Some(live))
    }

    /// Returns `None` if the function is gone.
    pub(super) async fn whole(&self, address: &FunctionAddress) -> Result<Option<Whole>, Error> {
        let urn = self.urn(address);
        let Some(list) = found(self.client.list_versions(&urn).await)? else { return Ok(None) };
        let (mut latest, published): (Vec<VersionRecord>, Vec<VersionRecord>) =
            list.versions.into_iter().partition(|version| version.function.version == LATEST);
        let aliases =
            if published.is_empty() { Some(Vec::new()) } else { found(self.client.list_aliases(&urn).await)? };
        let Some(aliases) = aliases else { return Ok(None) };
        let Some(latest) = latest.pop() else {
            let request = self.request(Operation::ListFunctionVersions, &[&urn]);
            return Err(Error::contradiction(request, "it lacks the latest version"));
        };
        let versions =
            published.iter().map(|version| (Attached::Version(version.function.version.clone()), code_of(version)));
        let policies = published.iter().filter_map(|version| {
            let name = VersionName::new(version.function.version.as_str()).ok()?;
            Some((Qualifier::Version(name), policy_of(version)?))
        });
        let mut policies: BTreeMap<Qualifier, LivePolicy> = policies.collect();
        if !aliases.is_empty() {
            // An alias may have its own policy, which no list of versions or aliases contains.
            policies.extend(self.read_policies(address).await?.published);
        }
        let policy = policy_of(&latest);
        let settings = latest.function.fields.iter().filter(|(name, value)| configuration::is_own_setting(name, value));
        let attached: BTreeMap<Attached, String> = versions
            .chain(aliases.iter().map(|alias| (Attached::Alias(alias.name.clone()), pointed(alias))))
            .chain(settings.map(|(name, value)| (Attached::Setting(name.clone()), value.to_string())))
            .collect();
        Ok(Some(Whole { record: latest.function, policy, published: policies, attached }))
    }

    /// Reads everything that is deleted with functions that a plan may delete.
    pub(super) async fn read_wholes(
        &self,
        functions: &mut Functions,
        addresses: Vec<FunctionAddress>,
    ) -> Result<(), Error> {
        let wholes: Vec<(FunctionAddress, Option<Whole>)> = stream::iter(addresses)
            .map(|address| async move { self.whole(&address).await.map(|whole| (address, whole)) })
            .buffer_unordered(self.concurrency())
            .try_collect()
            .await?;
        for (address, whole) in wholes {
            if let (Some(live), Some(whole)) = (functions.get_mut(&address), whole) {
                whole.refresh(live);
            }
        }
        Ok(())
    }
}

fn found<T>(read: Result<T, client::Error>) -> Result<Option<T>, Error> {
    match read {
        Err(error) if error.is_not_found() => Ok(None),
        read => Ok(Some(read?)),
    }
}

fn policy_of(version: &VersionRecord) -> Option<LivePolicy> {
    version.function_async_config.as_ref().filter(|config| is_set(config)).map(async_policy::live)
}

/// An empty object means that there is no policy.
fn is_set(config: &AsyncConfig) -> bool {
    config.max_async_event_age_in_seconds > 0
}

/// Identifies the code of a published version. Its policy is compared separately.
fn code_of(version: &VersionRecord) -> String {
    json!([version.function.digest]).to_string()
}

fn pointed(alias: &AliasRecord) -> String {
    let AliasRecord { version, additional_version_weights: weights, additional_version_strategy: strategy, .. } = alias;
    json!([version, weights, strategy]).to_string()
}
