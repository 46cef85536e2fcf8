//! Reads what a plan needs of a project, in as few requests as that takes: the pages of functions and of tags, and one
//! asynchronous configuration for each function that is declared, owned, or notified from here.

use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::async_policy::LivePolicy;
use crate::model::code::{Code, CodeHash};
use crate::model::field::Field;
use crate::model::mark;
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState, Ownership};
use crate::model::target::Target;
use crate::model::text::{AliasName, VersionName};
use crate::wire::function::FunctionRecord;
use crate::wire::tag::ResourceInstances;

use super::{Error, Remote, async_policy, function};

type Functions = BTreeMap<FunctionAddress, LiveFunction>;

/// What one function's own requests found.
struct Details {
    address: FunctionAddress,
    policy: Option<LivePolicy>,
    /// Read where the list leaves out what is declared.
    shown: Option<FunctionRecord>,
    contents: Option<CodeHash>,
}

impl Remote {
    /// Everything of the project that a plan for `desired` looks at.
    pub async fn read_live(&self, desired: &DesiredState) -> Result<LiveState, Error> {
        let (mut functions, incomplete) = self.list(desired).await?;
        let requests: Vec<_> = functions
            .values()
            .filter(|live| desired.functions.contains_key(&live.address) || desired.owns(live))
            .map(|live| self.details(live, desired.functions.get(&live.address), incomplete.contains(&live.address)))
            .collect();
        let details: Vec<Details> = stream::iter(requests).buffer_unordered(self.concurrency).try_collect().await?;
        for Details { address, policy, shown, contents } in details {
            let Some(live) = functions.get_mut(&address) else { continue };
            if let Some(record) = shown {
                function::refresh(live, &record);
            }
            live.policy = policy;
            live.code.contents = contents;
        }
        let outside = self.outside(desired, &functions).await?;
        let qualifiers = self.qualifiers(desired, &functions).await?;
        Ok(LiveState { scope: self.scope.clone(), functions, outside, qualifiers })
    }

    /// Every function of the project with its tags, without what needs a request of its own; and the declared ones of
    /// which the list leaves out something that is declared.
    pub async fn list(&self, desired: &DesiredState) -> Result<(Functions, BTreeSet<FunctionAddress>), Error> {
        let (records, mut tags) = tokio::try_join!(self.records(), self.tags())?;
        let mut incomplete = BTreeSet::new();
        let mut functions = Functions::new();
        for record in records {
            // A name that this format cannot say belongs to nobody here.
            let Some(address) = function::address(&record) else { continue };
            if desired.functions.get(&address).is_some_and(|wanted| function::lacks_declared(&record, wanted)) {
                incomplete.insert(address.clone());
            }
            // Pages repeat entries where somebody creates a function meanwhile.
            let Entry::Vacant(entry) = functions.entry(address.clone()) else { continue };
            entry.insert(function::live(&record, address.clone(), tags.remove(&address).unwrap_or_default()));
        }
        Ok((functions, incomplete))
    }

    /// All records, page by page. Ends where the service says that there are no more, or where a page brings nothing.
    async fn records(&self) -> Result<Vec<FunctionRecord>, Error> {
        let mut all = Vec::new();
        let mut marker = 0;
        loop {
            let page = self.client.list_functions(marker).await?;
            let (empty, next) = (page.functions.is_empty(), page.next_marker);
            all.extend(page.functions);
            if empty || next <= marker || next >= page.count {
                return Ok(all);
            }
            marker = next;
        }
    }

    /// The tags of all functions. The first page says how many there are; the others are then read at once.
    async fn tags(&self) -> Result<BTreeMap<FunctionAddress, BTreeMap<String, String>>, Error> {
        if self.ownership == Ownership::Nobody {
            return Ok(BTreeMap::new());
        }
        let first = self.client.list_tagged_functions(0).await?;
        let page_length = first.resources.len();
        // An empty page has nothing behind it, whatever its total says.
        let end = if page_length == 0 { 0 } else { first.total_count };
        let offsets = (page_length as u64..end).step_by(page_length.max(1));
        let others: Vec<ResourceInstances> = stream::iter(offsets)
            .map(|offset| self.client.list_tagged_functions(offset))
            .buffer_unordered(self.concurrency)
            .try_collect()
            .await?;
        let instances = std::iter::once(first).chain(others).flat_map(|page| page.resources);
        let with_tags = instances.filter_map(|instance| {
            let tags = instance.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
            Some((function::address_of_urn(&instance.resource_id)?, tags))
        });
        Ok(with_tags.collect())
    }

    async fn details(
        &self,
        live: &LiveFunction,
        declared: Option<&DesiredFunction>,
        incomplete: bool,
    ) -> Result<Details, Error> {
        let address = live.address.clone();
        let policy = self.read_policy(&address).await?;
        let shown = if incomplete { Some(self.client.show_function(&self.urn(&address)).await?) } else { None };
        let contents = match declared {
            Some(wanted) if needs_contents(live, wanted) => self.read_contents(&address).await?,
            _ => None,
        };
        Ok(Details { address, policy, shown, contents })
    }

    /// Functions that are not of this stack and are notified from it, directly or by each other, with all the targets
    /// that any of their versions notifies.
    async fn outside(
        &self,
        desired: &DesiredState,
        functions: &Functions,
    ) -> Result<BTreeMap<FunctionAddress, Vec<Target>>, Error> {
        let mut outside: BTreeMap<FunctionAddress, Vec<Target>> = BTreeMap::new();
        let is_outside =
            |address: &FunctionAddress| functions.contains_key(address) && !desired.functions.contains_key(address);
        let mut front: BTreeSet<FunctionAddress> =
            notified(desired, functions).into_iter().filter(is_outside).collect();
        while !front.is_empty() {
            let requests: Vec<_> = front.into_iter().map(|address| self.all_targets(address)).collect();
            let read: Vec<(FunctionAddress, Vec<Target>)> =
                stream::iter(requests).buffer_unordered(self.concurrency).try_collect().await?;
            let next: Vec<FunctionAddress> =
                read.iter().flat_map(|(_, targets)| targets).filter_map(Target::function).cloned().collect();
            outside.extend(read);
            front = next.into_iter().filter(|address| is_outside(address) && !outside.contains_key(address)).collect();
        }
        Ok(outside)
    }

    async fn all_targets(&self, address: FunctionAddress) -> Result<(FunctionAddress, Vec<Target>), Error> {
        let configs = match self.client.list_async_configs(&self.urn(&address)).await {
            Ok(list) => list.async_invoke_configs,
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let policies = configs.iter().map(async_policy::live);
        Ok((address, policies.flat_map(|policy| policy.targets().cloned().collect::<Vec<_>>()).collect()))
    }

    /// Versions and aliases of the functions that some target names with one.
    async fn qualifiers(
        &self,
        desired: &DesiredState,
        functions: &Functions,
    ) -> Result<BTreeMap<FunctionAddress, BTreeSet<Qualifier>>, Error> {
        let named: BTreeSet<FunctionAddress> = desired_targets(desired)
            .filter(|target| target.qualifier().is_some())
            .filter_map(|target| target.urn(&self.scope))
            .filter(|urn| urn.scope == self.scope && functions.contains_key(&urn.function))
            .map(|urn| urn.function)
            .collect();
        let requests: Vec<_> = named.into_iter().map(|address| self.qualifiers_of(address)).collect();
        stream::iter(requests).buffer_unordered(self.concurrency).try_collect().await
    }

    async fn qualifiers_of(&self, address: FunctionAddress) -> Result<(FunctionAddress, BTreeSet<Qualifier>), Error> {
        let urn = self.urn(&address);
        let (versions, aliases) = tokio::try_join!(self.client.list_versions(&urn), self.client.list_aliases(&urn))?;
        let versions = versions.versions.into_iter().filter_map(|version| VersionName::new(version.version).ok());
        let aliases = aliases.into_iter().filter_map(|alias| AliasName::new(alias.name).ok());
        Ok((address, versions.map(Qualifier::Version).chain(aliases.map(Qualifier::Alias)).collect()))
    }
}

/// Only without a mark: with one, the digest tells whether live moved.
fn needs_contents(live: &LiveFunction, wanted: &DesiredFunction) -> bool {
    live.marks.get(mark::CODE).is_none()
        && matches!(wanted.code, Code::Archive(_))
        && !wanted.function.ignore.contains(&Field::Code)
}

fn desired_targets(desired: &DesiredState) -> impl Iterator<Item = &Target> {
    let policies = desired.functions.values().filter_map(|wanted| wanted.function.policy.as_ref());
    policies.flat_map(|(policy, _)| policy.targets())
}

/// Every function that a policy of this stack will notify, or does: a policy may be left to others, or left out.
fn notified(desired: &DesiredState, functions: &Functions) -> BTreeSet<FunctionAddress> {
    let live = desired
        .functions
        .keys()
        .filter_map(|address| functions.get(address)?.policy.as_ref())
        .flat_map(LivePolicy::targets);
    desired_targets(desired).chain(live).filter_map(Target::function).cloned().collect()
}
