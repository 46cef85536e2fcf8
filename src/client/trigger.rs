//! Reads of triggers.

use super::{Client, Error};
use crate::wire::routes::Operation;
use crate::wire::trigger::TriggerRecord;

impl Client {
    /// All triggers; the service does not page them.
    pub async fn list_triggers(&self, urn: &str) -> Result<Vec<TriggerRecord>, Error> {
        self.get_list(Operation::ListFunctionTriggers, &[urn]).await
    }
}
