//! Reads versions and aliases of functions, where a plan has to know that they exist.

use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::state::DesiredState;
use crate::model::text::{AliasName, VersionName};
use crate::model::trigger::Trigger;

use super::read_live::{Functions, desired_targets};
use super::{Error, Remote};

impl Remote {
    /// The functions in this project that a target or a new trigger names with a version or an alias.
    pub(super) fn named_versions(&self, desired: &DesiredState, functions: &Functions) -> BTreeSet<FunctionAddress> {
        let of_triggers = desired.holders().filter(|holder| {
            // A function that does not exist has none, and the version or alias of a live trigger exists.
            let live = functions.get(holder.address).map(|live| live.triggers.as_deref().unwrap_or_default());
            let is_live = |trigger: &Trigger| live.is_none_or(|live| live.iter().any(|live| trigger.is(live)));
            holder.triggers.values().any(|trigger| trigger.qualifier.is_some() && !is_live(trigger))
        });
        let of_triggers = of_triggers.map(|holder| holder.address.clone());
        let named = desired_targets(desired)
            .filter(|target| target.qualifier().is_some())
            .filter_map(|target| target.urn(&self.scope))
            .filter(|urn| urn.scope == self.scope && functions.contains_key(&urn.function))
            .map(|urn| urn.function);
        named.chain(of_triggers).collect()
    }

    pub(super) async fn qualifiers(
        &self,
        named: &BTreeSet<FunctionAddress>,
    ) -> Result<BTreeMap<FunctionAddress, BTreeSet<Qualifier>>, Error> {
        let requests: Vec<_> = named.iter().map(|address| self.qualifiers_of(address.clone())).collect();
        stream::iter(requests).buffer_unordered(self.concurrency()).try_collect().await
    }

    /// The versions and aliases of a function.
    pub async fn qualifiers_of(
        &self,
        address: FunctionAddress,
    ) -> Result<(FunctionAddress, BTreeSet<Qualifier>), Error> {
        let urn = self.urn(&address);
        let (versions, aliases) = tokio::try_join!(self.client.list_versions(&urn), self.client.list_aliases(&urn))?;
        let versions =
            versions.versions.into_iter().filter_map(|version| VersionName::new(version.function.version).ok());
        let aliases = aliases.into_iter().filter_map(|alias| AliasName::new(alias.name).ok());
        Ok((address, versions.map(Qualifier::Version).chain(aliases.map(Qualifier::Alias)).collect()))
    }
}
