//! Reads triggers, if a plan needs any: from the project's list, or where the service lacks that, from one list for each
//! version or alias.

use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::OnceCell;

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::state::{DesiredState, LiveFunction};
use crate::model::trigger::{LiveTrigger, Trigger};
use crate::model::urn::FunctionUrn;
use crate::wire::routes::{Operation, TRIGGER_PAGE};

use super::read_live::{Functions, PAGES};
use super::{Error, Remote, trigger};

/// Triggers by function.
type Listed = BTreeMap<FunctionAddress, Vec<LiveTrigger>>;

/// The list of a project's triggers, which is read at most once; `None` if the region does not have it.
pub(super) type ProjectTriggers = OnceCell<Option<Listed>>;

impl Remote {
    /// Reads the triggers of the functions for which a plan needs them. Returns the project's list, if that was read.
    pub(super) async fn add_triggers(
        &self,
        functions: &mut Functions,
        desired: &DesiredState,
    ) -> Result<ProjectTriggers, Error> {
        let list = ProjectTriggers::new();
        let needed: Vec<&LiveFunction> = functions.values().filter(|live| desired.needs_triggers(live)).collect();
        if needed.is_empty() {
            return Ok(list);
        }
        let of_each;
        let found = match self.project_triggers(&list).await? {
            Some(listed) => listed,
            None => {
                of_each = self.triggers_of_each(&needed, desired).await?;
                &of_each
            }
        };
        let needed: Vec<FunctionAddress> = needed.into_iter().map(|live| live.address.clone()).collect();
        for address in needed {
            let triggers = found.get(&address).cloned().unwrap_or_default();
            if let Some(live) = functions.get_mut(&address) {
                live.triggers = Some(triggers);
            }
        }
        Ok(list)
    }

    /// All triggers of the project; `None` if the region does not have this list.
    pub(super) async fn project_triggers<'l>(&self, list: &'l ProjectTriggers) -> Result<Option<&'l Listed>, Error> {
        Ok(list.get_or_try_init(|| self.read_project_triggers()).await?.as_ref())
    }

    pub(super) async fn read_project_triggers(&self) -> Result<Option<Listed>, Error> {
        let mut all = Listed::new();
        let mut marker = 0;
        for _ in 0..PAGES {
            let page = match self.client.list_project_triggers(marker).await {
                Ok(page) => page,
                // The definitions do not have this call, so a gateway may not know the path.
                Err(error) if error.is_missing_path() || error.is_forbidden() => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let length = page.triggers.len();
            for record in page.triggers {
                let Ok(FunctionUrn { function, qualifier, .. }) = record.func_urn.parse::<FunctionUrn>() else {
                    continue;
                };
                let found = trigger::live(record, qualifier);
                let known = all.entry(function).or_default();
                // If the list shifts between two pages, it contains a trigger twice.
                if known.iter().all(|known| known.id != found.id) {
                    known.push(found);
                }
            }
            if length < TRIGGER_PAGE as usize || page.next_marker <= marker {
                return Ok(Some(all));
            }
            marker = page.next_marker;
        }
        Err(Error::contradiction(self.request(Operation::ListActiveTrigger, &[]), "its pages do not end"))
    }

    pub(super) async fn triggers_of_each(
        &self,
        needed: &[&LiveFunction],
        desired: &DesiredState,
    ) -> Result<Listed, Error> {
        let mut wanted: Vec<(FunctionAddress, Option<Qualifier>)> = Vec::new();
        for live in needed {
            let declared = || desired.written_triggers(&live.address);
            let mut all: BTreeSet<Option<Qualifier>> = declared().map(|trigger| trigger.qualifier.clone()).collect();
            all.insert(None);
            // The tag may record triggers of versions that the manifest no longer names.
            let known: BTreeSet<String> = declared().map(Trigger::identity).collect();
            let mark = live.trigger_mark();
            if mark.is_some_and(|mark| mark.identities().any(|identity| !known.contains(identity))) {
                let (_, published) = self.qualifiers_of(live.address.clone()).await?;
                all.extend(published.into_iter().map(Some));
            }
            wanted.extend(all.into_iter().map(|qualifier| (live.address.clone(), qualifier)));
        }
        self.client.announce_requests(wanted.len());
        let lists: Vec<(FunctionAddress, Vec<LiveTrigger>)> = stream::iter(wanted)
            .map(|(function, qualifier)| async move {
                match self.list_triggers(&function, qualifier.as_ref()).await {
                    // A version or an alias that the manifest names may not exist yet.
                    Err(error) if error.is_not_found() => Ok((function, Vec::new())),
                    triggers => triggers.map(|triggers| (function, triggers)),
                }
            })
            .buffer_unordered(self.concurrency())
            .try_collect()
            .await?;
        let mut all = Listed::new();
        for (function, triggers) in lists {
            all.entry(function).or_default().extend(triggers);
        }
        for triggers in all.values_mut() {
            // Each list keeps its order.
            triggers.sort_by(|one, other| one.qualifier.cmp(&other.qualifier));
        }
        Ok(all)
    }
}
