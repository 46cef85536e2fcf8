//! What a deletion takes along: read when it is planned, and once more just before it, so that nothing goes that nobody
//! has seen.
//!
//! The list of versions says most of it in one request: what the latest one is and what it notifies, and which others there
//! are. Aliases are names of versions, and are read where there are any.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::collections::BTreeMap;

use crate::client;
use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::async_policy::LivePolicy;
use crate::model::state::LiveFunction;
use crate::model::text::VersionName;
use crate::wire::alias::AliasRecord;
use crate::wire::async_policy::AsyncConfig;
use crate::wire::function::FunctionRecord;
use crate::wire::urn::LATEST;
use crate::wire::version::VersionRecord;

use super::read_live::Functions;
use super::{Error, Remote, async_policy, function};

/// A function's record, and what else goes with it.
pub(super) struct Whole {
    record: FunctionRecord,
    policy: Option<LivePolicy>,
    published: BTreeMap<Qualifier, LivePolicy>,
    attached: BTreeMap<String, String>,
}

impl Whole {
    /// Takes over all of it; tags are not in it.
    pub(super) fn refresh(self, live: &mut LiveFunction) {
        let Self { record, policy, published, attached } = self;
        function::refresh(live, record);
        live.policy = policy;
        live.published = published;
        live.attached = attached;
    }
}

impl Remote {
    /// The function as a deletion would take it; `None` where it is gone. Deletions that run at one time share their look
    /// at the tags.
    pub async fn read_before_deletion(&self, address: &FunctionAddress) -> Result<Option<LiveFunction>, Error> {
        let tags = self.recent_tags(address).await?;
        let Some(whole) = self.whole(address).await? else { return Ok(None) };
        let mut live = function::live(whole.record.clone(), &self.function_urn(address), tags);
        whole.refresh(&mut live);
        Ok(Some(live))
    }

    /// `None` where the function is gone.
    pub(super) async fn whole(&self, address: &FunctionAddress) -> Result<Option<Whole>, Error> {
        let urn = self.urn(address);
        let Some(list) = found(self.client.list_versions(&urn).await)? else { return Ok(None) };
        let (mut latest, published): (Vec<VersionRecord>, Vec<VersionRecord>) =
            list.versions.into_iter().partition(|version| version.function.version == LATEST);
        let aliases =
            if published.is_empty() { Some(Vec::new()) } else { found(self.client.list_aliases(&urn).await)? };
        let (Some(latest), Some(aliases)) = (latest.pop(), aliases) else { return Ok(None) };
        let versions = published.iter().map(|version| (format!("version {}", version.function.version), said(version)));
        let policies = published.iter().filter_map(|version| {
            let name = VersionName::new(version.function.version.as_str()).ok()?;
            Some((Qualifier::Version(name), policy_of(version)?))
        });
        let mut policies: BTreeMap<Qualifier, LivePolicy> = policies.collect();
        if !aliases.is_empty() {
            // An alias may have a policy of its own, and no list of versions or aliases has it.
            policies.extend(self.read_policies(address).await?.published);
        }
        let policy = policy_of(&latest);
        let attached = versions.chain(aliases.iter().map(|alias| (format!("alias {}", alias.name), pointed(alias))));
        Ok(Some(Whole { record: latest.function, policy, published: policies, attached: attached.collect() }))
    }

    /// Reads what goes with functions that a plan may delete.
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

/// An empty object is as good as none.
fn is_set(config: &AsyncConfig) -> bool {
    config.max_async_event_age_in_seconds > 0
}

/// What names the code of a published version. Its policy is compared by itself.
fn said(version: &VersionRecord) -> String {
    json!([version.function.digest]).to_string()
}

fn pointed(alias: &AliasRecord) -> String {
    let AliasRecord { version, additional_version_weights: weights, additional_version_strategy: strategy, .. } = alias;
    json!([version, weights, strategy]).to_string()
}
