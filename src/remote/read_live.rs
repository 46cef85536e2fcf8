//! Reads what a plan needs, with as few requests as possible: the pages of functions and tags, and the policies of each
//! function that is declared or reached. If functions will be deleted, it reads the policies of the whole project.
//! Pages are read one after the other; while the next page is loading, the policies of declared functions on this page
//! are read.

use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::mpsc;

use crate::model::address::FunctionAddress;
use crate::model::async_policy::LivePolicy;
use crate::model::code::{Code, CodeHash};
use crate::model::field::{Field, FieldSet};
use crate::model::mark;
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState, Ownership};
use crate::model::target::Target;
use crate::wire::function::{FunctionList, FunctionRecord};
use crate::wire::routes::{FUNCTION_PAGE, Operation, TAG_PAGE};
use crate::wire::tag::{ResourceInstances, Tag};

use super::listeners::Listeners;
use super::tag::AllTags;
use super::{Error, Remote, field, read_policies, record};

/// How often lists are read again if they change in the meantime. A change that is missed can at worst lead to a wrong
/// plan, which is refused before the write, because that reads the function again.
const READINGS: u32 = 3;

/// The maximum number of pages of one list. It far exceeds every quota, and stops a list that never ends.
pub(super) const PAGES: u64 = 1_000;

pub(super) type Functions = BTreeMap<FunctionAddress, LiveFunction>;

/// The result of a read of tags for a plan that may do without them.
enum ReadTags {
    Complete(AllTags),
    Forbidden(Error),
}

/// What the lists of functions and tags say.
struct Listed {
    functions: Functions,
    /// The declared functions for which the list lacks declared fields.
    incomplete: BTreeSet<FunctionAddress>,
    /// Why the tags could not be read, if the service forbids it.
    unreadable_tags: Option<String>,
}

/// Data of a declared function that the lists lack.
struct Details {
    address: FunctionAddress,
    /// Read if the list lacks declared fields.
    shown: Option<FunctionRecord>,
    contents: Option<CodeHash>,
}

impl Remote {
    /// Reads everything in the project that a plan for `desired` needs.
    pub async fn read_live(&self, desired: &DesiredState) -> Result<LiveState, Error> {
        let (listed, mut addresses) = mpsc::unbounded_channel();
        let mut seen = BTreeSet::new();
        let announce = move |address: &FunctionAddress| {
            // A list that is read again contains the function again.
            if desired.declares(address) && seen.insert(address.clone()) {
                self.client.announce_request();
                // The receiver lives as long as this closure.
                let _ = listed.send(address.clone());
            }
        };
        let declared = stream::poll_fn(move |context| addresses.poll_recv(context));
        let (Listed { mut functions, incomplete, unreadable_tags }, policies) =
            tokio::try_join!(self.list_announcing(desired, announce), self.read_all_policies(declared))?;
        // Without tags, nothing shows what the stack owns: not even its interrupted creates, which are known by their lack.
        let unknown = unreadable_tags.is_some().then(|| desired.clone().with_unknown_ownership());
        let desired = unknown.as_ref().unwrap_or(desired);
        let mut read: BTreeSet<FunctionAddress> = policies.iter().map(|(address, _)| address.clone()).collect();
        read_policies::set_policies(&mut functions, policies);
        self.read_others(&mut functions, &mut read, desired).await?;
        self.complete(&mut functions, desired, &incomplete).await?;
        let listed = self.add_triggers(&mut functions, desired).await?;
        let named = self.named_versions(desired, &functions);
        let qualifiers = self.qualifiers(&named).await?;
        let targets = notified(desired, &functions);
        let mut outside =
            self.read_along(&mut functions, &read, &targets, Some(Listeners::Unread(desired, listed))).await?;
        outside.retain(|reached| {
            let is_owned = |live: &LiveFunction| desired.owns(live) || desired.owns_policy(live);
            !desired.reaches(reached) && !functions.get(reached).is_some_and(is_owned)
        });
        let has_status_log = self.has_status_log_for(desired, &functions).await;
        let scope = self.scope.clone();
        Ok(LiveState { scope, functions, outside, qualifiers, has_status_log, unreadable_tags })
    }

    /// Reads the policies of all other functions if the stack owns undeclared ones. Those will be deleted, and any
    /// policy of the project may name them.
    async fn read_others(
        &self,
        functions: &mut Functions,
        read: &mut BTreeSet<FunctionAddress>,
        desired: &DesiredState,
    ) -> Result<(), Error> {
        let is_ours = |live: &LiveFunction| desired.owns(live) || may_be_unfinished(live, desired);
        let unread = functions.values().filter(|live| !read.contains(&live.address));
        let (ours, mut others): (Vec<&LiveFunction>, Vec<&LiveFunction>) = unread.partition(|live| is_ours(live));
        if ours.is_empty() {
            // Of functions that something else deploys, only the policy is deleted.
            others.retain(|live| desired.owns_policy(live));
        }
        let addresses = |found: Vec<&LiveFunction>| found.into_iter().map(|live| live.address.clone()).collect();
        let (ours, others): (Vec<FunctionAddress>, Vec<FunctionAddress>) = (addresses(ours), addresses(others));
        self.client.announce_requests(ours.len() + others.len());
        read.extend(ours.iter().chain(&others).cloned());
        self.read_wholes(functions, ours).await?;
        let policies = self.read_all_policies(stream::iter(others)).await?;
        read_policies::set_policies(functions, policies);
        Ok(())
    }

    /// All functions of the project with their tags, without the parts that need their own requests.
    pub async fn list(&self, desired: &DesiredState) -> Result<Functions, Error> {
        Ok(self.list_announcing(desired, |_| ()).await?.functions)
    }

    /// Like [`Self::list`], and announces each function as soon as it is read.
    async fn list_announcing(
        &self,
        desired: &DesiredState,
        mut announce: impl FnMut(&FunctionAddress),
    ) -> Result<Listed, Error> {
        let take = |record: FunctionRecord| {
            // This format cannot express the name, so no stack can own the function.
            let address = record::address(&record)?;
            announce(&address);
            let live = record::untagged(&record, &self.function_urn(&address));
            let lacking = live.unseen.union(field::half_shown(&record.fields));
            Some((live, lacking))
        };
        let (listed, tags) = tokio::try_join!(self.records(take), self.tags_if_readable(desired))?;
        let (mut tags, unreadable_tags) = match tags {
            ReadTags::Complete(tags) => (tags, None),
            ReadTags::Forbidden(error) => (BTreeMap::new(), Some(error.to_string())),
        };
        let mut incomplete = BTreeSet::new();
        let mut functions = Functions::new();
        for (mut live, lacking) in listed.into_iter().flatten() {
            let address = live.address.clone();
            let tags = tags.remove(&address).unwrap_or_default();
            record::set_tags(&mut live, &self.function_urn(&address), tags);
            let wanted = desired.functions.get(&address);
            if wanted.is_some_and(|wanted| record::needs_any(lacking, wanted, desired.applied(&live))) {
                incomplete.insert(address.clone());
            }
            functions.insert(address, live);
        }
        Ok(Listed { functions, incomplete, unreadable_tags })
    }

    async fn tags_if_readable(&self, desired: &DesiredState) -> Result<ReadTags, Error> {
        match self.tags().await {
            Err(error) if error.is_forbidden() && desired.can_do_without_tags() => Ok(ReadTags::Forbidden(error)),
            tags => Ok(ReadTags::Complete(tags?)),
        }
    }

    /// Reads the data that the lists lack and a plan needs.
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
            (needs_contents || needs_record).then(|| {
                self.details(
                    address.clone(),
                    wanted.map(|wanted| (wanted, desired.applied(live))),
                    needs_record,
                    needs_contents,
                )
            })
        };
        let requests: Vec<_> = functions.values().filter_map(details).collect();
        self.client.announce_requests(requests.len());
        let details: Vec<Details> = stream::iter(requests).buffer_unordered(self.concurrency()).try_collect().await?;
        for Details { address, shown, contents } in details {
            let Some(live) = functions.get_mut(&address) else { continue };
            if let Some(record) = shown {
                record::refresh(live, &record);
            }
            live.code.contents = contents;
        }
        self.add_reservations(functions, desired).await
    }

    /// Reads all records, again if the pages shifted in the meantime. Each record is taken as soon as it is read, so that
    /// only one page of them is in memory. A function that is not in the list counts as gone, so a list that stays shorter
    /// than its own count is refused.
    pub(super) async fn records<T>(&self, mut take: impl FnMut(FunctionRecord) -> T) -> Result<Vec<T>, Error> {
        let mut reading = 1;
        loop {
            let (records, count) = self.record_pages(&mut take).await?;
            if records.len() as u64 >= count {
                return Ok(records);
            }
            if reading == READINGS {
                let problem = format!("it counts {count} functions but contains {}", records.len());
                return Err(Error::contradiction(self.request(Operation::ListFunctions, &[]), problem));
            }
            reading += 1;
        }
    }

    /// Reads page by page. Takes each function once, and returns the count on the last page. Ends when the service says
    /// that there are no more, or at an empty page.
    async fn record_pages<T>(&self, take: &mut impl FnMut(FunctionRecord) -> T) -> Result<(Vec<T>, u64), Error> {
        let mut all = BTreeMap::new();
        let mut marker = 0;
        for _ in 0..PAGES {
            let FunctionList { functions, next_marker, count } = self.client.list_functions(marker).await?;
            let (length, known) = (functions.len(), all.len());
            for record in functions {
                if let Entry::Vacant(place) = all.entry((record.package.clone(), record.func_name.clone())) {
                    place.insert(take(record));
                }
            }
            // A full page does not count as the last one, because `count` may be the number on the page.
            let is_last = next_marker >= count && length < FUNCTION_PAGE as usize;
            if length == 0 || next_marker <= marker || is_last {
                return Ok((all.into_values().collect(), count));
            }
            if all.len() == known {
                break;
            }
            marker = next_marker;
        }
        Err(Error::contradiction(self.request(Operation::ListFunctions, &[]), "its pages do not end"))
    }

    /// Reads the tags of all functions, again if the pages shifted in the meantime.
    pub(super) async fn tags(&self) -> Result<AllTags, Error> {
        if self.ownership == Ownership::Unowned {
            return Ok(BTreeMap::new());
        }
        let mut reading = 1;
        loop {
            let (instances, count) = self.tag_pages().await?;
            if has_gaps(instances.len(), count, TAG_PAGE) && reading < READINGS {
                reading += 1;
                continue;
            }
            let with_tags = instances.into_iter().filter_map(|(urn, tags)| {
                let tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
                Some((record::address_of_urn(&urn)?, tags))
            });
            return Ok(with_tags.collect());
        }
    }

    /// Returns the tags of each function once, and the number of functions. The first page contains that number, and
    /// the other pages are then read concurrently. If the number covers only the first page, a full page does not count
    /// as the last one.
    async fn tag_pages(&self) -> Result<(BTreeMap<String, Vec<Tag>>, u64), Error> {
        let first = self.client.list_tagged_functions(0).await?;
        let (page_length, count) = (first.resources.len(), first.total_count);
        if count > 0 && page_length == 0 {
            return Err(self.tags_contradiction(format!("it counts {count} functions but contains none")));
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
        let is_whole = page_length < TAG_PAGE as usize || count > page_length as u64;
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
            // A gateway that ignores the offset returns the same page again.
            if is_last || instances.len() == known {
                return Ok(());
            }
        }
        Err(self.tags_contradiction("its pages do not end".to_owned()))
    }

    fn tags_contradiction(&self, problem: String) -> Error {
        Error::contradiction(self.request(Operation::ShowResInstanceInfo, &[]), problem)
    }

    async fn details(
        &self,
        address: FunctionAddress,
        wanted: Option<(&DesiredFunction, FieldSet)>,
        record: bool,
        contents: bool,
    ) -> Result<Details, Error> {
        let urn = self.urn(&address);
        let shown = match (record, wanted) {
            (false, _) => None,
            (true, Some((wanted, applied))) => Some(self.shown(&wanted.function, applied, &urn).await?),
            (true, None) => Some(self.client.show_function(&urn).await?),
        };
        let contents = if contents { self.read_contents(&address).await? } else { None };
        Ok(Details { address, shown, contents })
    }
}

/// Whether functions are missing from the pages. Pages are cut by position: if someone deletes a function while they
/// are read, later ones move up, and one of them is on no page. Then there are fewer than the service counts. A single
/// page has no gaps.
fn has_gaps(read: usize, count: u64, page: u32) -> bool {
    (read as u64) < count && count > page.into()
}

/// Whether a create of this stack may have been interrupted, as far as the lists show.
fn may_be_unfinished(live: &LiveFunction, desired: &DesiredState) -> bool {
    desired.creator().is_some_and(|stack| live.is_untagged_create_of(stack))
}

/// The contents are needed only if no mark records them: there is no mark, or the digest shows that live changed.
fn needs_contents(live: &LiveFunction, wanted: &DesiredFunction) -> bool {
    live.marks.get(mark::CODE).is_none_or(|marked| !mark::is_digest(marked, &live.code.digest))
        && matches!(wanted.code, Code::Archive(_))
        && !wanted.function.ignore.contains(&Field::Code)
}

pub(super) fn desired_targets(desired: &DesiredState) -> impl Iterator<Item = &Target> {
    let policies = desired.holders().filter_map(|holder| holder.policy);
    policies.flat_map(|(policy, _)| policy.targets())
}

/// All targets that a policy of this stack notifies now or will notify, including ignored and undeclared policies.
fn notified(desired: &DesiredState, functions: &Functions) -> Vec<Target> {
    let declared = desired.holders().filter_map(|holder| functions.get(holder.address)?.policy.as_ref());
    desired_targets(desired).chain(declared.flat_map(LivePolicy::targets)).cloned().collect()
}
