//! The policies of functions that something else deploys, for `--policies-only` and for stacks that own some.

use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;

use crate::manifest::write::ExistingDeclaration;
use crate::model::address::FunctionAddress;
use crate::model::state::LiveFunction;
use crate::remote::{self, Remote};

/// Those of these functions that have a policy, with it.
pub(super) async fn read<'a>(
    remote: &Remote,
    functions: impl Iterator<Item = &'a LiveFunction>,
) -> Result<Vec<LiveFunction>, remote::Error> {
    let reading = functions.map(|live| remote.with_policies(live));
    let mut read: Vec<LiveFunction> = stream::iter(reading).buffered(remote.concurrency()).try_collect().await?;
    read.retain(|live| live.policy.is_some());
    Ok(read)
}

/// The entries for these functions, and the functions whose policies cannot be declared, with the reason. `obstacles` are
/// the reasons outside the policies.
pub(super) fn declarations(
    functions: Vec<LiveFunction>,
    obstacles: &mut BTreeMap<FunctionAddress, String>,
) -> (Vec<ExistingDeclaration>, Vec<(LiveFunction, String)>) {
    let (mut declared, mut undeclarable) = (Vec::new(), Vec::new());
    for live in functions {
        let Some(policy) = &live.policy else { continue };
        let unmanaged = live.published.keys().map(|of| format!("an asynchronous policy of {of}")).collect();
        let declaration = match obstacles.remove(&live.address) {
            Some(why) => Err(why),
            None => ExistingDeclaration::new(live.address.clone(), policy, unmanaged).map_err(|why| why.to_string()),
        };
        match declaration {
            Ok(declaration) => declared.push(declaration),
            Err(why) => undeclarable.push((live, why)),
        }
    }
    (declared, undeclarable)
}
