//! Properties of each operation besides its path: whether it is safe to repeat, and which permission it needs.

use reqwest::Method;

use crate::wire::routes::Operation;

/// The IAM action that allows an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Named in the vendor's example policies.
    Documented(&'static str),
    /// Derived from the operation's name, because no published list contains it.
    Likely(&'static str),
}

use Action::{Documented, Likely};

/// Whether sending the request twice has the same effect as sending it once. For POST, this is so if it only reads, or
/// sets something that may already be set.
pub(super) fn is_repeatable(operation: Operation) -> bool {
    use Operation::{CountResInstances, CreateTags, EnableAsyncStatusLog, EnableLtsLogs, ShowResInstanceInfo};
    let is_repeatable_post = matches!(
        operation,
        ShowResInstanceInfo | CountResInstances | CreateTags | EnableAsyncStatusLog | EnableLtsLogs
    );
    operation.method() != Method::POST || is_repeatable_post
}

/// `None` if neither the vendor's policies nor the operation's name give the action.
pub(super) fn action(operation: Operation) -> Option<Action> {
    Some(match operation {
        Operation::ListFunctions => Documented("functiongraph:function:list"),
        Operation::CreateFunction => Likely("functiongraph:function:createFunction"),
        Operation::DeleteFunction => Documented("functiongraph:function:delete"),
        Operation::ShowFunctionConfig => Documented("functiongraph:function:getConfig"),
        Operation::UpdateFunctionConfig => Documented("functiongraph:function:updateConfig"),
        Operation::UpdateFunctionMaxInstanceConfig => Likely("functiongraph:function:updateMaxInstanceConfig"),
        Operation::UpdateFunctionReservedInstancesCount => Likely("functiongraph:function:updateReservedInstanceCount"),
        Operation::ListReservedInstanceConfigs => Likely("functiongraph:function:listReservedInstances"),
        Operation::ListDependencies | Operation::ListDependencyVersion => Likely("functiongraph:dependency:list"),
        Operation::CreateDependencyVersion => Likely("functiongraph:dependency:create"),
        Operation::ShowFunctionCode => Documented("functiongraph:function:getCode"),
        Operation::UpdateFunctionCode => Documented("functiongraph:function:updateCode"),
        Operation::ListFunctionVersions => Documented("functiongraph:function:listVersion"),
        Operation::CreateFunctionVersion => Documented("functiongraph:function:createVersion"),
        Operation::ListVersionAliases => Documented("functiongraph:function:listAlias"),
        Operation::CreateVersionAlias => Documented("functiongraph:function:createAlias"),
        Operation::UpdateVersionAlias => Documented("functiongraph:function:updateAlias"),
        Operation::ShowFunctionAsyncInvokeConfig | Operation::ListFunctionAsyncInvokeConfig => {
            Likely("functiongraph:function:getConfig")
        }
        Operation::UpdateFunctionAsyncInvokeConfig | Operation::DeleteFunctionAsyncInvokeConfig => {
            Likely("functiongraph:function:updateConfig")
        }
        Operation::ListFunctionTriggers | Operation::ListActiveTrigger | Operation::ListTriggerTypes => {
            Likely("functiongraph:trigger:list")
        }
        Operation::ShowFunctionTrigger => Likely("functiongraph:trigger:get"),
        Operation::CreateFunctionTrigger => Likely("functiongraph:trigger:create"),
        Operation::UpdateTrigger => Likely("functiongraph:trigger:update"),
        Operation::DeleteFunctionTrigger | Operation::BatchDeleteFunctionTriggers => {
            Likely("functiongraph:trigger:delete")
        }
        Operation::InvokeFunction => Documented("functiongraph:function:invoke"),
        Operation::AsyncInvokeFunction => Documented("functiongraph:function:invokeAsync"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_post_that_creates_something_is_not_repeatable() {
        let unrepeatable: Vec<Operation> =
            Operation::ALL.iter().copied().filter(|operation| !is_repeatable(*operation)).collect();
        assert_eq!(
            unrepeatable,
            [
                Operation::CreateFunction,
                Operation::CreateFunctionVersion,
                Operation::CreateVersionAlias,
                Operation::CreateDependencyVersion,
                Operation::CreateFunctionTrigger,
                Operation::InvokeFunction,
                Operation::AsyncInvokeFunction,
                Operation::CancelAsyncInvocation,
            ]
        );
    }
}
