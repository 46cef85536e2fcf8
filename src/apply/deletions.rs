//! Finds policies that begin to notify a function after the plan and before its deletion. Policies of functions that
//! stay are read once, before the first deletion. Each deletion also reads the policies of its own function. Deletions
//! that start together wait for each other's reads and share the results.

use std::collections::BTreeSet;
use tokio::sync::{OnceCell, watch};

use crate::model::address::{Address, FunctionAddress};
use crate::model::async_policy::LivePolicy;
use crate::model::state::{LiveFunction, LiveState};
use crate::plan::change::{Change, Step};
use crate::remote::Remote;

use super::error::Error;
use super::look::moved;

/// Notified functions, with a policy that names them.
type Notifications = BTreeSet<(FunctionAddress, Address)>;

pub(super) struct Deletions<'a> {
    going: BTreeSet<&'a FunctionAddress>,
    /// Functions whose policies this apply deletes first. The service may count that as a change of the function.
    touched: BTreeSet<&'a FunctionAddress>,
    /// The notifications at the time of the plan. Each of these policies changes before its target is deleted.
    known: Notifications,
    /// The policies of functions that stay, read before the first deletion.
    others: OnceCell<Vec<(Address, LivePolicy)>>,
    looks: watch::Sender<Looks>,
}

/// The reads of deletions in progress.
#[derive(Debug, Default)]
struct Looks {
    under_way: usize,
    found: Notifications,
}

/// A read in progress until this is dropped.
struct Looking<'a>(&'a watch::Sender<Looks>);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|looks| looks.under_way -= 1);
    }
}

impl<'a> Deletions<'a> {
    /// The deletions among these changes. Those in `riding` have no request of their own.
    pub(super) fn new(changes: &'a [Change<'_>], riding: &BTreeSet<usize>, seen: &LiveState) -> Self {
        let of = |wanted: fn(&Step<'_>) -> bool| {
            let performed = changes.iter().enumerate().filter(|(index, _)| !riding.contains(index));
            performed.filter(move |(_, change)| wanted(&change.step)).map(|(_, change)| &change.address.function)
        };
        let going: BTreeSet<&FunctionAddress> = of(|step| matches!(step, Step::DeleteFunction { .. })).collect();
        let touched = of(|step| matches!(step, Step::DeletePolicy { .. })).filter(|it| going.contains(it)).collect();
        let known = if going.is_empty() {
            Notifications::new()
        } else {
            seen.functions
                .values()
                .flat_map(|live| policies(live).flat_map(|(address, policy)| notifications(address, policy)))
                .collect()
        };
        Self { going, touched, known, others: OnceCell::new(), looks: watch::Sender::default() }
    }

    /// Announces a deletion, before other deletions that start with it read anything.
    pub(super) fn begin(&self, change: &Change<'_>) {
        if matches!(change.step, Step::DeleteFunction { .. }) {
            self.looks.send_modify(|looks| looks.under_way += 1);
        }
    }

    /// Reads the function as its deletion would find it; `None` if it is gone.
    pub(super) async fn look(&self, seen: &LiveFunction, remote: &Remote) -> Result<Option<LiveFunction>, Error> {
        let _looking = Looking(&self.looks);
        self.others.get_or_try_init(|| remote.policies_besides(&self.going)).await?;
        let Some(mut now) = remote.read_before_deletion(&seen.address).await? else { return Ok(None) };
        if self.touched.contains(&seen.address) {
            now.modified = seen.modified;
        }
        self.looks.send_modify(|looks| {
            looks.found.extend(policies(&now).flat_map(|(address, policy)| notifications(address, policy)));
        });
        Ok(Some(now))
    }

    /// Checks that no policy has begun to notify a function since the plan.
    pub(super) async fn not_notified(&self, seen: &LiveFunction) -> Result<(), Error> {
        let mut looks = self.looks.subscribe();
        // The channel cannot be closed, because its sender is part of this.
        let found = looks.wait_for(|looks| looks.under_way == 0).await.map(|looks| looks.found.clone());
        let others = self.others.get().into_iter().flatten();
        let mut all = others.flat_map(|(address, policy)| notifications(address.clone(), policy));
        let is_new = |one: &(FunctionAddress, Address)| {
            one.0 == seen.address && one.1.function != seen.address && !self.known.contains(one)
        };
        let new = all.find(is_new).or_else(|| found.unwrap_or_default().into_iter().find(is_new));
        new.map_or(Ok(()), |(function, policy)| {
            Err(moved(format!("{policy} has begun to notify function {function}, which this would delete")))
        })
    }

    /// Forgets the policies of a function that has been deleted.
    pub(super) fn gone(&self, seen: &LiveFunction) {
        self.looks.send_modify(|looks| looks.found.retain(|(_, policy)| policy.function != seen.address));
    }
}

/// All policies of a function with their addresses.
fn policies(live: &LiveFunction) -> impl Iterator<Item = (Address, &LivePolicy)> {
    let latest = live.policy.iter().map(|policy| (Address::async_policy(&live.address), policy));
    let published = live.published.iter();
    latest.chain(published.map(|(of, policy)| (Address::published_policy(&live.address, of), policy)))
}

fn notifications(address: Address, policy: &LivePolicy) -> impl Iterator<Item = (FunctionAddress, Address)> {
    policy.targets().filter_map(move |target| Some((target.function()?.clone(), address.clone())))
}
