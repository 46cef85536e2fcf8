//! Calls for asynchronous configurations.

use super::{Client, Error};
use crate::wire::async_policy::{AsyncConfig, AsyncConfigList, PutAsyncConfig};
use crate::wire::log::LogDetail;
use crate::wire::routes::{ASYNC_CONFIG_PAGE, Operation};

impl Client {
    /// Returns a "not found" error if the function has no configuration.
    pub async fn show_async_config(&self, urn: &str) -> Result<AsyncConfig, Error> {
        self.get(Operation::ShowFunctionAsyncInvokeConfig, &[urn], &[]).await
    }

    /// Creates or replaces the whole configuration. Some answers repeat the request and some have no body, so only a
    /// read shows what is live.
    pub async fn put_async_config(&self, urn: &str, body: &PutAsyncConfig) -> Result<(), Error> {
        self.tell(Operation::UpdateFunctionAsyncInvokeConfig, &[urn], Some(body)).await
    }

    pub async fn delete_async_config(&self, urn: &str) -> Result<(), Error> {
        self.tell::<()>(Operation::DeleteFunctionAsyncInvokeConfig, &[urn], None).await
    }

    /// Ensures that the project has a log for the statuses of asynchronous invocations.
    pub async fn enable_async_status_log(&self) -> Result<(), Error> {
        self.tell::<()>(Operation::EnableAsyncStatusLog, &[], None).await
    }

    /// The project's log for the statuses of asynchronous invocations. All fields are empty if there is none.
    pub async fn show_async_status_log(&self) -> Result<LogDetail, Error> {
        self.get(Operation::ShowProjectAsyncStatusLogInfo, &[], &[]).await
    }

    /// The first page of the configurations of all versions. A function has at most 20 versions.
    pub async fn list_async_configs(&self, urn: &str) -> Result<AsyncConfigList, Error> {
        let query = [("limit", ASYNC_CONFIG_PAGE.to_string())];
        self.get(Operation::ListFunctionAsyncInvokeConfig, &[urn], &query).await
    }
}
