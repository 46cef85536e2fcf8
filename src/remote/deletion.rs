//! What a deletion takes along: read when it is planned, and once more just before it, so that nothing goes that nobody
//! has seen.
//!
//! The list of versions says most of it in one request: what the latest one is and what it notifies, and which others there
//! are. Aliases are names of versions, and are read where there are any.

use serde_json::json;
use std::collections::BTreeMap;

use crate::client;
use crate::model::address::FunctionAddress;
use crate::model::async_policy::LivePolicy;
use crate::model::state::LiveFunction;
use crate::wire::alias::AliasRecord;
use crate::wire::async_policy::AsyncConfig;
use crate::wire::function::FunctionRecord;
use crate::wire::urn::LATEST;
use crate::wire::version::VersionRecord;

use super::{Error, Remote, async_policy, function};

/// A function's record, and what else goes with it.
pub(super) struct Whole {
    record: FunctionRecord,
    policy: Option<LivePolicy>,
    attached: BTreeMap<String, String>,
}

impl Whole {
    /// Takes over all of it; tags are not in it.
    pub(super) fn refresh(self, live: &mut LiveFunction) {
        let Self { record, policy, attached } = self;
        function::refresh(live, record);
        live.policy = policy;
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
        let aliases = aliases.iter().map(|alias| (format!("alias {}", alias.name), pointed(alias)));
        let policy = latest.function_async_config.as_ref().filter(|config| is_set(config)).map(async_policy::live);
        Ok(Some(Whole { record: latest.function, policy, attached: versions.chain(aliases).collect() }))
    }
}

fn found<T>(read: Result<T, client::Error>) -> Result<Option<T>, Error> {
    match read {
        Err(error) if error.is_not_found() => Ok(None),
        read => Ok(Some(read?)),
    }
}

/// An empty object is as good as none.
fn is_set(config: &AsyncConfig) -> bool {
    config.max_async_event_age_in_seconds > 0
}

/// What a published version can still change: its code names it, and its policy is its own.
fn said(version: &VersionRecord) -> String {
    json!([version.function.digest, version.function_async_config]).to_string()
}

fn pointed(alias: &AliasRecord) -> String {
    let AliasRecord { version, additional_version_weights: weights, additional_version_strategy: strategy, .. } = alias;
    json!([version, weights, strategy]).to_string()
}
