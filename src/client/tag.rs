//! Calls for tags.

use reqwest::Method;

use super::{Client, Error};
use crate::wire::routes;
use crate::wire::tag::{FilterResourceInstances, ResourceInstances, TagList, TagsRequest};

impl Client {
    /// One page of all functions with their tags, starting at `offset`.
    pub async fn list_tagged_functions(&self, offset: u64) -> Result<ResourceInstances, Error> {
        let body = FilterResourceInstances { offset: offset.to_string(), limit: routes::TAG_PAGE.to_string() };
        self.call(Method::POST, &routes::filter_resource_instances(self.project_id()), &body).await
    }

    pub async fn show_tags(&self, urn: &str) -> Result<TagList, Error> {
        self.get(&routes::function_tags(self.project_id(), urn), &[]).await
    }

    /// Sets tags. It is not documented whether an existing key gets the new value.
    pub async fn create_tags(&self, urn: &str, body: &TagsRequest) -> Result<(), Error> {
        self.tell(Method::POST, &routes::create_tags(self.project_id(), urn), Some(body)).await
    }

    pub async fn delete_tags(&self, urn: &str, body: &TagsRequest) -> Result<(), Error> {
        self.tell(Method::DELETE, &routes::delete_tags(self.project_id(), urn), Some(body)).await
    }
}
