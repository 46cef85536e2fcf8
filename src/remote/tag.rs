//! Converts tags between model and wire, and reads and writes them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

use crate::model::address::FunctionAddress;
use crate::model::mark;
use crate::model::state::Ownership;
use crate::wire::tag::{Tag, TagsRequest};

use super::{Error, Remote, settle};

pub(super) type Tags = BTreeMap<String, String>;

/// How long deletions share one read of all tags. Reading tags separately would take one request per function.
const SHARED: Duration = Duration::from_secs(1);

pub(super) type AllTags = BTreeMap<FunctionAddress, Tags>;

/// The tags of all functions, with the time of the read.
#[derive(Debug, Clone, Default)]
pub(super) struct RecentTags(Arc<Mutex<Option<(Instant, AllTags)>>>);

impl Remote {
    /// The tags of a function, at most a moment old.
    pub(super) async fn recent_tags(&self, function: &FunctionAddress) -> Result<Tags, Error> {
        let mut recent = self.recent_tags.0.lock().await;
        if recent.as_ref().is_none_or(|(read, _)| read.elapsed() > SHARED) {
            let tags = self.tags().await?;
            *recent = Some((Instant::now(), tags));
        }
        Ok(recent.as_ref().and_then(|(_, tags)| tags.get(function)).cloned().unwrap_or_default())
    }

    /// Returns no tags without ownership.
    pub async fn read_tags(&self, function: &FunctionAddress) -> Result<Tags, Error> {
        if self.ownership == Ownership::Unowned {
            return Ok(Tags::new());
        }
        let list = self.client.show_tags(&self.urn(function)).await?;
        Ok(list.tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    /// Sets tags that a function does not have yet.
    pub async fn add_tags(&self, function: &FunctionAddress, tags: &Tags) -> Result<(), Error> {
        if tags.is_empty() {
            return Ok(());
        }
        Ok(self.client.create_tags(&self.urn(function), &request(tags)).await?)
    }

    /// Ensures that tags have these values. It is not documented whether setting a tag again replaces its value. So the
    /// tags are read back, and only those that did not change are removed and set again. The ownership tag is never
    /// removed, because a crash at that moment would leave an unowned function.
    pub async fn ensure_tags(&self, function: &FunctionAddress, tags: &Tags) -> Result<(), Error> {
        if tags.is_empty() {
            return Ok(());
        }
        self.add_tags(function, tags).await?;
        let left = self.differing(function, tags).await?;
        if left.is_empty() {
            return Ok(());
        }
        let replaceable = left.iter().filter(|(key, _)| *key != mark::STACK);
        let stale = replaceable.filter_map(|(key, (_, old))| Some((key.clone(), old.clone()?))).collect();
        self.remove_tags(function, &stale).await?;
        self.add_tags(function, &left.into_iter().map(|(key, (wanted, _))| (key, wanted)).collect()).await?;
        let left = settle(async || self.differing(function, tags).await, BTreeMap::is_empty).await?;
        match left.into_keys().next() {
            None => Ok(()),
            Some(key) => Err(Error::NotApplied {
                what: format!("tags/create of {function}"),
                problem: format!("tag {key} does not have the value that was sent"),
            }),
        }
    }

    /// Ensures that tags are gone. If the function is gone, they are too.
    pub async fn remove_tags(&self, function: &FunctionAddress, tags: &Tags) -> Result<(), Error> {
        if tags.is_empty() {
            return Ok(());
        }
        match self.client.delete_tags(&self.urn(function), &request(tags)).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The tags with other values than wanted: key to (wanted, live).
    async fn differing(
        &self,
        function: &FunctionAddress,
        wanted: &Tags,
    ) -> Result<BTreeMap<String, (String, Option<String>)>, Error> {
        let mut live = self.read_tags(function).await?;
        let differs = wanted.iter().filter_map(|(key, value)| {
            let found = live.remove(key);
            (found.as_ref() != Some(value)).then(|| (key.clone(), (value.clone(), found)))
        });
        Ok(differs.collect())
    }
}

fn request(tags: &Tags) -> TagsRequest {
    TagsRequest { tags: tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect() }
}
