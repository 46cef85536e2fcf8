//! Calls for tags.

use super::{Client, Error};
use crate::wire::routes::{Operation, TAG_PAGE};
use crate::wire::tag::{FilterResourceInstances, ResourceInstances, TagList, TagsRequest};

impl Client {
    /// One page of all functions with their tags, starting at `offset`.
    pub async fn list_tagged_functions(&self, offset: u64) -> Result<ResourceInstances, Error> {
        let body = FilterResourceInstances { offset: offset.to_string(), limit: TAG_PAGE.to_string() };
        self.call(Operation::ShowResInstanceInfo, &[], &body).await
    }

    pub async fn show_tags(&self, urn: &str) -> Result<TagList, Error> {
        self.get(Operation::ListFunctionTags, &[urn], &[]).await
    }

    /// Sets tags. It is not documented whether an existing key gets the new value.
    pub async fn create_tags(&self, urn: &str, body: &TagsRequest) -> Result<(), Error> {
        self.tell(Operation::CreateTags, &[urn], Some(body)).await
    }

    pub async fn delete_tags(&self, urn: &str, body: &TagsRequest) -> Result<(), Error> {
        self.tell(Operation::DeleteTags, &[urn], Some(body)).await
    }
}
