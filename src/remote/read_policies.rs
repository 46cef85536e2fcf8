//! Reads asynchronous policies. One request returns those of a function, its versions and its aliases.

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress, Qualifier};
use crate::model::async_policy::LivePolicy;
use crate::model::target::Target;
use crate::model::urn::FunctionUrn;

use crate::wire::async_policy::AsyncConfigList;
use crate::wire::routes::Operation;

use super::listeners::Listeners;
use super::read_live::Functions;
use super::{Error, Remote, async_policy, record};

/// The policies of a function, its versions and its aliases.
#[derive(Debug, Default)]
pub(super) struct Policies {
    pub(super) latest: Option<LivePolicy>,
    pub(super) published: BTreeMap<Qualifier, LivePolicy>,
}

/// A function, version or alias that can be notified.
pub(super) type Notified = (FunctionAddress, Option<Qualifier>);

impl Remote {
    pub(super) async fn read_policies(&self, function: &FunctionAddress) -> Result<Policies, Error> {
        let mut policies = Policies::default();
        let urn = self.urn(function);
        let contradiction = |problem: String| {
            Error::contradiction(self.request(Operation::ListFunctionAsyncInvokeConfig, &[&urn]), problem)
        };
        let AsyncConfigList { async_invoke_configs: configs, count, page_info: _ } =
            match self.client.list_async_configs(&urn).await {
                Ok(list) => list,
                Err(error) if error.is_not_found() => return Ok(policies),
                Err(error) => return Err(error.into()),
            };
        if (configs.len() as u64) < count {
            return Err(contradiction(format!("it counts {count} configurations but contains {}", configs.len())));
        }
        for config in configs {
            if let Some(problem) = async_policy::problem(&config) {
                return Err(contradiction(problem));
            }
            let urn = config.func_urn.parse::<FunctionUrn>().map_err(|error| contradiction(error.to_string()))?;
            let policy = async_policy::live(&config);
            match urn.qualifier {
                None => policies.latest = Some(policy),
                Some(qualifier) => {
                    policies.published.insert(qualifier, policy);
                }
            }
        }
        Ok(policies)
    }

    /// Reads the policies of these functions as they arrive, with as many concurrent requests as permitted.
    pub(super) async fn read_all_policies(
        &self,
        functions: impl Stream<Item = FunctionAddress>,
    ) -> Result<Vec<(FunctionAddress, Policies)>, Error> {
        functions
            .map(|address| async move { self.read_policies(&address).await.map(|policies| (address, policies)) })
            .buffer_unordered(self.concurrency())
            .try_collect()
            .await
    }

    /// Reads all policies of the other functions, for a plan that deletes these.
    pub async fn policies_besides(
        &self,
        going: &BTreeSet<&FunctionAddress>,
    ) -> Result<Vec<(Address, LivePolicy)>, Error> {
        let addresses = self.records(|record| record::address(&record)).await?.into_iter().flatten();
        let staying: Vec<FunctionAddress> = addresses.filter(|address| !going.contains(address)).collect();
        self.client.announce_requests(staying.len());
        let read = self.read_all_policies(stream::iter(staying)).await?;
        Ok(read.into_iter().flat_map(|(function, policies)| addressed(&function, policies)).collect())
    }

    /// Follows notifications from these targets to functions and reads the policies on the way, except those in `read`.
    /// Returns the functions that were reached.
    pub async fn read_behind(
        &self,
        functions: &mut Functions,
        read: &BTreeSet<FunctionAddress>,
        targets: &[Target],
    ) -> Result<BTreeSet<FunctionAddress>, Error> {
        self.read_along(functions, read, targets, None).await
    }

    /// The same. With `listeners`, it also follows notifications to places whose events start functions.
    pub(super) async fn read_along(
        &self,
        functions: &mut Functions,
        read: &BTreeSet<FunctionAddress>,
        targets: &[Target],
        mut listeners: Option<Listeners<'_>>,
    ) -> Result<BTreeSet<FunctionAddress>, Error> {
        let (mut reached, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut targets: Vec<Target> = targets.to_vec();
        loop {
            let mut front: Vec<Notified> = targets.iter().filter_map(notified).collect();
            if let Some(listeners) = &mut listeners {
                front.extend(self.started_by(&targets, listeners, functions).await?);
            }
            front.retain(|notified| functions.contains_key(&notified.0) && seen.insert(notified.clone()));
            if front.is_empty() {
                return Ok(reached);
            }
            let new = front.iter().map(|(function, _)| function).filter(|function| reached.insert((*function).clone()));
            let unread: Vec<_> = new.filter(|function| !read.contains(*function)).cloned().collect();
            let policies = self.read_all_policies(stream::iter(unread)).await?;
            set_policies(functions, policies);
            let behind = |(function, qualifier): &Notified| {
                let live = functions.get(function).into_iter();
                let policies = live.flat_map(|live| live.policies_behind(qualifier.as_ref()));
                policies.flat_map(LivePolicy::targets).cloned().collect::<Vec<_>>()
            };
            targets = front.iter().flat_map(behind).collect();
        }
    }
}

fn notified(target: &Target) -> Option<Notified> {
    Some((target.function()?.clone(), target.qualifier().cloned()))
}

fn addressed(function: &FunctionAddress, policies: Policies) -> Vec<(Address, LivePolicy)> {
    let Policies { latest, published } = policies;
    let latest = latest.map(|policy| (Address::async_policy(function), policy));
    let published =
        published.into_iter().map(|(qualifier, policy)| (Address::published_policy(function, &qualifier), policy));
    latest.into_iter().chain(published).collect()
}

pub(super) fn set_policies(functions: &mut Functions, read: Vec<(FunctionAddress, Policies)>) {
    for (address, Policies { latest, published }) in read {
        if let Some(live) = functions.get_mut(&address) {
            (live.policy, live.published) = (latest, published);
        }
    }
}
