//! Calls for asynchronous configurations.

use reqwest::Method;

use super::{Client, Error};
use crate::wire::async_policy::{AsyncConfig, AsyncConfigList, PutAsyncConfig};
use crate::wire::log::LogDetail;
use crate::wire::routes;

impl Client {
    /// Not found, where the function has none.
    pub async fn show_async_config(&self, urn: &str) -> Result<AsyncConfig, Error> {
        self.get(&routes::async_config(self.project_id(), urn), &[]).await
    }

    /// Makes or replaces the whole configuration. Some answers repeat the request and some have no body, so that only a
    /// read tells what is live.
    pub async fn put_async_config(&self, urn: &str, body: &PutAsyncConfig) -> Result<(), Error> {
        self.tell(Method::PUT, &routes::async_config(self.project_id(), urn), Some(body)).await
    }

    pub async fn delete_async_config(&self, urn: &str) -> Result<(), Error> {
        self.tell::<()>(Method::DELETE, &routes::async_config(self.project_id(), urn), None).await
    }

    /// Ensures that the project has a log for statuses of asynchronous invocations.
    pub async fn enable_async_status_log(&self) -> Result<(), Error> {
        self.tell::<()>(Method::POST, &routes::enable_async_status_log(self.project_id()), None).await
    }

    /// Where the project keeps statuses of asynchronous invocations; all empty where it does not.
    pub async fn show_async_status_log(&self) -> Result<LogDetail, Error> {
        self.get(&routes::async_status_log_detail(self.project_id()), &[]).await
    }

    /// The configurations of all of a function's versions, on the first page: a function has 20 versions at most.
    pub async fn list_async_configs(&self, urn: &str) -> Result<AsyncConfigList, Error> {
        let query = [("limit", routes::ASYNC_CONFIG_PAGE.to_string())];
        self.get(&routes::async_configs(self.project_id(), urn), &query).await
    }
}
