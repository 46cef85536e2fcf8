//! FunctionGraph: the notification becomes the event of an asynchronous invocation.

use crate::wire::async_policy::FunctionParam;

use super::super::acceptance::{self, AsyncRequest, Cause};
use super::super::failure::Failure;
use super::super::refusal::TOO_LARGE;
use super::super::store::notification::Receipt;
use super::super::store::{StoreFailure, Stored};
use super::super::transaction::Transaction;
use super::{Delivered, DeliveryError};

/// Stores the request in the current transaction. Fails only if the store fails.
pub(crate) fn deliver(transaction: Transaction<'_>, param: &str, body: &str, cause: Cause) -> Stored<Delivered> {
    let Ok(FunctionParam { func_urn }) = serde_json::from_str(param) else {
        return Ok(Err(DeliveryError::Never("the target does not name a function".to_owned())));
    };
    let target = match transaction.context.identity.target(&func_urn) {
        Ok(target) => target,
        Err(elsewhere) => return Ok(Err(DeliveryError::Never(elsewhere.message))),
    };
    let request_id = transaction.context.ids.new_request_id(transaction.now);
    let request = AsyncRequest { id: request_id.clone(), target, body: body.as_bytes().to_vec(), cause: Some(cause) };
    match acceptance::accept(transaction, &request) {
        Ok(()) => Ok(Ok(Receipt::Invocation { request_id })),
        Err(Failure::Refused(refusal)) if refusal.code == TOO_LARGE => Ok(Err(DeliveryError::Never(refusal.message))),
        Err(Failure::Store(failure @ StoreFailure::Failed(_))) => Err(failure),
        // The function may be created, enabled or repaired before the courier gives up.
        Err(failure) => Ok(Err(DeliveryError::NotNow(failure.to_string()))),
    }
}
