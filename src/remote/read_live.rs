//! Reads what a plan needs of a project, in as few requests as that takes: the pages of functions and of tags, and the
//! policies of each function that is declared or notified from here; where functions go, those of the whole project. Pages
//! come one after the other; while the next one is on its way, the policies of the declared functions on this one are read.

use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::mpsc;

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::async_policy::LivePolicy;
use crate::model::code::{Code, CodeHash};
use crate::model::field::Field;
use crate::model::mark;
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState, Ownership};
use crate::model::target::Target;
use crate::model::text::{AliasName, VersionName};
use crate::wire::function::{FunctionList, FunctionRecord};
use crate::wire::routes;
use crate::wire::tag::{ResourceInstances, Tag};

use super::{Error, Remote, function, read_policies};

/// How often lists are read that do not hold still. What is missed is at worst planned wrongly, and refused before the
/// write, which looks at the function itself.
const READINGS: u32 = 3;

/// Pages of one list at most: far more than any quota allows, so that a list that never ends is refused.
pub(super) const PAGES: u64 = 1_000;

pub(super) type Functions = BTreeMap<FunctionAddress, LiveFunction>;

/// What is read of a declared function where the lists do not say enough.
struct Details {
    address: FunctionAddress,
    /// Where the list leaves out what is declared.
    shown: Option<FunctionRecord>,
    contents: Option<CodeHash>,
}

impl Remote {
    /// Everything of the project that a plan for `desired` looks at.
    pub async fn read_live(&self, desired: &DesiredState) -> Result<LiveState, Error> {
        let (listed, mut addresses) = mpsc::unbounded_channel();
        let mut seen = BTreeSet::new();
        let announce = move |address: &FunctionAddress| {
            // A list that is read again has it again.
            if desired.functions.contains_key(address) && seen.insert(address.clone()) {
                self.client.expect_one_more();
                // The other side is there as long as this.
                let _ = listed.send(address.clone());
            }
        };
        let declared = stream::poll_fn(move |context| addresses.poll_recv(context));
        let ((mut functions, incomplete), policies) =
            tokio::try_join!(self.list_announcing(desired, announce), self.read_all_policies(declared))?;
        let mut read: BTreeSet<FunctionAddress> = policies.iter().map(|(address, _)| address.clone()).collect();
        read_policies::set_policies(&mut functions, policies);
        self.read_others(&mut functions, &mut read, desired).await?;
        self.complete(&mut functions, desired, &incomplete).await?;
        let named = self.named_versions(desired, &functions);
        let qualifiers = self.qualifiers(&named).await?;
        let targets = notified(desired, &functions);
        let mut outside = self.read_behind(&mut functions, &read, &targets).await?;
        outside.retain(|reached| {
            let is_declared = desired.functions.contains_key(reached);
            !is_declared && !functions.get(reached).is_some_and(|live| desired.owns(live))
        });
        let has_status_log = self.has_status_log_for(desired, &functions).await;
        Ok(LiveState { scope: self.scope.clone(), functions, outside, qualifiers, has_status_log })
    }

    /// Reads the policies of all other functions where the stack owns some that it does not declare: those go, and any
    /// policy of the project may name them.
    async fn read_others(
        &self,
        functions: &mut Functions,
        read: &mut BTreeSet<FunctionAddress>,
        desired: &DesiredState,
    ) -> Result<(), Error> {
        let is_ours = |live: &LiveFunction| desired.owns(live) || may_be_unfinished(live, desired);
        let unread = functions.values().filter(|live| !read.contains(&live.address));
        let (ours, others): (Vec<&LiveFunction>, Vec<&LiveFunction>) = unread.partition(|live| is_ours(live));
        if ours.is_empty() {
            return Ok(());
        }
        let addresses = |found: Vec<&LiveFunction>| found.into_iter().map(|live| live.address.clone()).collect();
        let (ours, others): (Vec<FunctionAddress>, Vec<FunctionAddress>) = (addresses(ours), addresses(others));
        self.client.expect(ours.len() + others.len());
        read.extend(ours.iter().chain(&others).cloned());
        self.read_wholes(functions, ours).await?;
        let policies = self.read_all_policies(stream::iter(others)).await?;
        read_policies::set_policies(functions, policies);
        Ok(())
    }

    /// Every function of the project with its tags, without what needs a request of its own; and the declared ones of
    /// which the list leaves out something that is declared.
    pub async fn list(&self, desired: &DesiredState) -> Result<(Functions, BTreeSet<FunctionAddress>), Error> {
        self.list_announcing(desired, |_| ()).await
    }

    /// As [`Self::list`], and tells of each function as soon as it is seen.
    async fn list_announcing(
        &self,
        desired: &DesiredState,
        announce: impl FnMut(&FunctionAddress),
    ) -> Result<(Functions, BTreeSet<FunctionAddress>), Error> {
        let (records, mut tags) = tokio::try_join!(self.records(announce), self.tags())?;
        let mut incomplete = BTreeSet::new();
        let mut functions = Functions::new();
        for record in records {
            // A name that this format cannot say belongs to nobody here.
            let Some(address) = function::address(&record) else { continue };
            if desired.functions.get(&address).is_some_and(|wanted| function::lacks_declared(&record, wanted)) {
                incomplete.insert(address.clone());
            }
            let tags = tags.remove(&address).unwrap_or_default();
            functions.insert(address.clone(), function::live(record, &self.function_urn(&address), tags));
        }
        Ok((functions, incomplete))
    }

    /// Adds what the lists leave out, where a plan has to know.
    async fn complete(
        &self,
        functions: &mut Functions,
        desired: &DesiredState,
        incomplete: &BTreeSet<FunctionAddress>,
    ) -> Result<(), Error> {
        let details = |live: &LiveFunction| {
            let address = &live.address;
            let is_unfinished = may_be_unfinished(live, desired);
            let has_archive = live.code.obs_url.is_none();
            let wanted = desired.functions.get(address);
            let needs_contents =
                wanted.is_some_and(|wanted| needs_contents(live, wanted)) || (is_unfinished && has_archive);
            let needs_record = is_unfinished || incomplete.contains(address);
            (needs_contents || needs_record).then(|| self.details(address.clone(), needs_record, needs_contents))
        };
        let requests: Vec<_> = functions.values().filter_map(details).collect();
        self.client.expect(requests.len());
        let details: Vec<Details> = stream::iter(requests).buffer_unordered(self.concurrency()).try_collect().await?;
        for Details { address, shown, contents } in details {
            let Some(live) = functions.get_mut(&address) else { continue };
            if let Some(record) = shown {
                function::refresh(live, record);
            }
            live.code.contents = contents;
        }
        Ok(())
    }

    /// All records, read again where the pages moved meanwhile. Tells of each function as soon as it is seen. A function
    /// that is not among them counts as gone, so a list that stays shorter than it says is refused.
    pub(super) async fn records(
        &self,
        mut announce: impl FnMut(&FunctionAddress),
    ) -> Result<Vec<FunctionRecord>, Error> {
        let mut reading = 1;
        loop {
            let (records, count) = self.record_pages(&mut announce).await?;
            if records.len() as u64 >= count {
                return Ok(records);
            }
            if reading == READINGS {
                let problem = format!("it counts {count} functions and shows {}", records.len());
                return Err(Error::contradiction("GET", &routes::functions(&self.scope.project_id), problem));
            }
            reading += 1;
        }
    }

    /// Page by page, each function once, and how many there are by the last page. Ends where the service says that there
    /// are no more, or where a page is empty.
    async fn record_pages(
        &self,
        announce: &mut impl FnMut(&FunctionAddress),
    ) -> Result<(Vec<FunctionRecord>, u64), Error> {
        let mut all = BTreeMap::new();
        let mut marker = 0;
        for _ in 0..PAGES {
            let FunctionList { functions, next_marker, count } = self.client.list_functions(marker).await?;
            let (length, known) = (functions.len(), all.len());
            functions.iter().filter_map(function::address).for_each(|address| announce(&address));
            for record in functions {
                all.entry((record.package.clone(), record.func_name.clone())).or_insert(record);
            }
            // A full page is not believed to be the last one, in case `count` counts the page.
            let is_last = next_marker >= count && length < routes::FUNCTION_PAGE as usize;
            if length == 0 || next_marker <= marker || is_last {
                return Ok((all.into_values().collect(), count));
            }
            if all.len() == known {
                break;
            }
            marker = next_marker;
        }
        Err(Error::contradiction("GET", &routes::functions(&self.scope.project_id), "its pages do not end"))
    }

    /// The tags of all functions, read again where the pages moved meanwhile.
    pub(super) async fn tags(&self) -> Result<BTreeMap<FunctionAddress, BTreeMap<String, String>>, Error> {
        if self.ownership == Ownership::Nobody {
            return Ok(BTreeMap::new());
        }
        let mut reading = 1;
        loop {
            let (instances, count) = self.tag_pages().await?;
            if has_gaps(instances.len(), count, routes::TAG_PAGE) && reading < READINGS {
                reading += 1;
                continue;
            }
            let with_tags = instances.into_iter().filter_map(|(urn, tags)| {
                let tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
                Some((function::address_of_urn(&urn)?, tags))
            });
            return Ok(with_tags.collect());
        }
    }

    /// Each function's tags once, and how many functions there are. The first page says that; the others are then read at
    /// once. Where it says no more than itself, a full page is not believed to be the last one.
    async fn tag_pages(&self) -> Result<(BTreeMap<String, Vec<Tag>>, u64), Error> {
        let first = self.client.list_tagged_functions(0).await?;
        let (page_length, count) = (first.resources.len(), first.total_count);
        if count > 0 && page_length == 0 {
            return Err(self.tags_contradiction(format!("it counts {count} functions and shows none")));
        }
        if count / (page_length.max(1) as u64) > PAGES {
            return Err(self.tags_contradiction(format!("it counts {count} functions, {page_length} on a page")));
        }
        let offsets = (page_length as u64..count).step_by(page_length.max(1));
        let others: Vec<ResourceInstances> = stream::iter(offsets)
            .map(|offset| self.client.list_tagged_functions(offset))
            .buffer_unordered(self.concurrency())
            .try_collect()
            .await?;
        let pages = std::iter::once(first).chain(others).flat_map(|page| page.resources);
        let mut instances: BTreeMap<String, Vec<Tag>> = pages.map(|one| (one.resource_id, one.tags)).collect();
        let is_whole = page_length < routes::TAG_PAGE as usize || count > page_length as u64;
        if !is_whole {
            self.further_tag_pages(&mut instances, page_length).await?;
        }
        let count = count.max(instances.len() as u64);
        Ok((instances, count))
    }

    async fn further_tag_pages(
        &self,
        instances: &mut BTreeMap<String, Vec<Tag>>,
        page_length: usize,
    ) -> Result<(), Error> {
        for _ in 0..PAGES {
            let known = instances.len();
            let next = self.client.list_tagged_functions(known as u64).await?.resources;
            let is_last = next.len() < page_length;
            instances.extend(next.into_iter().map(|one| (one.resource_id, one.tags)));
            // A gateway that knows no offset shows the same page again and again.
            if is_last || instances.len() == known {
                return Ok(());
            }
        }
        Err(self.tags_contradiction("its pages do not end".to_owned()))
    }

    fn tags_contradiction(&self, problem: String) -> Error {
        Error::contradiction("POST", &routes::filter_resource_instances(&self.scope.project_id), problem)
    }

    async fn details(&self, address: FunctionAddress, record: bool, contents: bool) -> Result<Details, Error> {
        let shown = if record { Some(self.client.show_function(&self.urn(&address)).await?.record) } else { None };
        let contents = if contents { self.read_contents(&address).await? } else { None };
        Ok(Details { address, shown, contents })
    }

    /// The functions here that some target names by a version or an alias.
    fn named_versions(&self, desired: &DesiredState, functions: &Functions) -> BTreeSet<FunctionAddress> {
        desired_targets(desired)
            .filter(|target| target.qualifier().is_some())
            .filter_map(|target| target.urn(&self.scope))
            .filter(|urn| urn.scope == self.scope && functions.contains_key(&urn.function))
            .map(|urn| urn.function)
            .collect()
    }

    async fn qualifiers(
        &self,
        named: &BTreeSet<FunctionAddress>,
    ) -> Result<BTreeMap<FunctionAddress, BTreeSet<Qualifier>>, Error> {
        let requests: Vec<_> = named.iter().map(|address| self.qualifiers_of(address.clone())).collect();
        stream::iter(requests).buffer_unordered(self.concurrency()).try_collect().await
    }

    /// The versions and aliases that a function has.
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

/// Pages are cut by position. Where somebody deletes a function while they are read, those behind it move up, and one of
/// them is on no page: then there are fewer than the service counts. One page alone has no gaps.
fn has_gaps(read: usize, count: u64, page: u32) -> bool {
    (read as u64) < count && count > page.into()
}

/// Whether a create of this stack was interrupted, as far as the lists tell.
fn may_be_unfinished(live: &LiveFunction, desired: &DesiredState) -> bool {
    desired.creator().is_some_and(|stack| live.is_untagged_create_of(stack))
}

/// Only where no mark tells what live has: there is none, or the digest says that live moved since.
fn needs_contents(live: &LiveFunction, wanted: &DesiredFunction) -> bool {
    live.marks.get(mark::CODE).is_none_or(|marked| !mark::is_digest(marked, &live.code.digest))
        && matches!(wanted.code, Code::Archive(_))
        && !wanted.function.ignore.contains(&Field::Code)
}

fn desired_targets(desired: &DesiredState) -> impl Iterator<Item = &Target> {
    let policies = desired.functions.values().filter_map(|wanted| wanted.function.policy.as_ref());
    policies.flat_map(|(policy, _)| policy.targets())
}

/// Every target that a policy of this stack will notify, or does: a policy may be left to others, or left out.
fn notified(desired: &DesiredState, functions: &Functions) -> Vec<Target> {
    let declared = desired.functions.keys().filter_map(|address| functions.get(address)?.policy.as_ref());
    desired_targets(desired).chain(declared.flat_map(LivePolicy::targets)).cloned().collect()
}
