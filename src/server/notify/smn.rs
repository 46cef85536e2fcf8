//! SMN: each message is posted to the topic's subscribers, and appended as a line to the topic's file.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use reqwest::{Client, Url};

use crate::rules::text::TOPIC_URN;
use crate::wire::async_policy::SmnParam;

use super::super::store::notification::Owed;
use super::{Delivered, DeliveryError, dis, file_name};

/// The number of messages that are posted to one subscriber concurrently.
const AT_ONCE: usize = 8;

/// A subscriber of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The topic's name or its URN.
    topic: String,
    url: Url,
}

/// Why a text is not a subscription.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    #[error("write TOPIC=URL, such as pager=http://127.0.0.1:8080/")]
    Form,
    #[error("`{0}` is not a URL; write one such as http://127.0.0.1:8080/")]
    Url(String),
    #[error("write TOPIC=http://ADDRESS, with localhost or an IP address of this machine or of a private network")]
    Far,
}

impl Subscription {
    /// Reads `TOPIC=URL`. The URL must be on this machine or in a private network, so that no message leaves it by
    /// mistake.
    pub fn parse(text: &str) -> Result<Self, SubscriptionError> {
        let (topic, url) = text.split_once('=').ok_or(SubscriptionError::Form)?;
        let url: Url = url.parse().map_err(|_| SubscriptionError::Url(url.to_owned()))?;
        if topic.is_empty() || url.scheme() != "http" || !is_near(&url) {
            return Err(SubscriptionError::Far);
        }
        Ok(Self { topic: topic.to_owned(), url })
    }

    fn is_to(&self, topic_urn: &str) -> bool {
        self.topic == topic_urn || Some(self.topic.as_str()) == topic_urn.rsplit(':').next()
    }
}

fn is_near(url: &Url) -> bool {
    match url.host_str().unwrap_or_default().trim_matches(['[', ']']) {
        "localhost" => true,
        host => match host.parse() {
            Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
            Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
            Err(_) => false,
        },
    }
}

/// Recorded like a subscriber, once the message is in the topic's file.
pub(crate) const WRITTEN: &str = "written";

/// Posts messages to subscribers.
#[derive(Clone, Copy)]
pub(crate) struct Poster<'a> {
    pub(crate) client: &'a Client,
    pub(crate) subscriptions: &'a [Subscription],
}

/// Writes each message to the topic's file once, and posts it to all subscribers that have not received it
/// yet. Records who received it, so that later tries skip them.
pub(crate) async fn deliver(data: &Path, poster: Poster<'_>, param: &str, owed: &mut [Owed]) -> Vec<Delivered> {
    let Poster { client, subscriptions } = poster;
    let (topic_urn, file) = match topic(param) {
        Ok(topic) => topic,
        Err(error) => return owed.iter().map(|_| Err(error.clone())).collect(),
    };
    let subscribers: Vec<&Url> =
        subscriptions.iter().filter(|subscription| subscription.is_to(&topic_urn)).map(|one| &one.url).collect();
    let new: Vec<Owed> = owed.iter().filter(|owed| !owed.taken.contains(WRITTEN)).cloned().collect();
    let (data, path) = (data.to_owned(), file.clone());
    let write = tokio::task::spawn_blocking(move || dis::append(&data, &path, &new));
    let written = match write.await.unwrap_or_else(|error| Err(DeliveryError::NotNow(error.to_string()))) {
        Ok(receipt) => receipt,
        Err(error) => return owed.iter().map(|_| Err(error.clone())).collect(),
    };
    for owed in owed.iter_mut() {
        owed.taken.insert(WRITTEN.to_owned());
    }
    let messages: &[Owed] = owed;
    let answers = join_all(subscribers.iter().map(|url| post_all(client, url, messages))).await;
    let mut delivered = vec![Ok(written); owed.len()];
    for (url, posted) in subscribers.iter().zip(answers) {
        for ((owed, delivered), posted) in owed.iter_mut().zip(&mut delivered).zip(posted) {
            match posted {
                Ok(()) => drop(owed.taken.insert(url.to_string())),
                Err(error) => *delivered = Err(error),
            }
        }
    }
    delivered
}

fn topic(param: &str) -> Result<(String, PathBuf), DeliveryError> {
    let unknown = || DeliveryError::Never("the target does not name a topic".to_owned());
    let SmnParam { topic_urn } = serde_json::from_str(param).map_err(|_| unknown())?;
    let name = topic_urn.rsplit(':').next().filter(|_| TOPIC_URN.accepts(&topic_urn)).ok_or_else(unknown)?;
    let file = Path::new("smn").join(file_name(name, ".jsonl"));
    Ok((topic_urn, file))
}

/// Posts the pending messages to one subscriber, independently of the others. After a refusal, skips the rest for now,
/// so that a subscriber that does not answer takes no longer for many messages than for few.
async fn post_all(client: &Client, url: &Url, owed: &[Owed]) -> Vec<Result<(), DeliveryError>> {
    let first_error: OnceLock<DeliveryError> = OnceLock::new();
    let posts: Vec<_> = owed
        .iter()
        .map(|owed| async {
            if owed.taken.contains(url.as_str()) {
                return Ok(());
            }
            if let Some(error) = first_error.get() {
                return Err(error.clone());
            }
            let posted = post(client, url, &owed.body).await;
            posted.inspect_err(|error| drop(first_error.set(error.clone())))
        })
        .collect();
    stream::iter(posts).buffered(AT_ONCE).collect().await
}

async fn post(client: &Client, url: &Url, body: &str) -> Result<(), DeliveryError> {
    let request = client.post(url.clone()).header("content-type", "application/json").body(body.to_owned());
    match request.send().await {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => Err(DeliveryError::NotNow(format!("the subscriber {url} answered {}", response.status()))),
        Err(error) => Err(DeliveryError::NotNow(format!("the subscriber does not answer: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers_must_be_nearby() {
        for near in ["p=http://127.0.0.1:1/x", "p=http://localhost", "p=http://10.1.2.3", "p=http://[::1]:8080/"] {
            assert!(Subscription::parse(near).is_ok(), "{near}");
        }
        for other in ["p", "=http://127.0.0.1", "p=x", "p=http://8.8.8.8", "p=http://a.example", "p=ftp://127.0.0.1"] {
            assert!(Subscription::parse(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_topic_is_given_by_name_or_urn() {
        let is_to = |topic: &str| {
            let subscription = Subscription::parse(&format!("{topic}=http://127.0.0.1/")).unwrap();
            subscription.is_to("urn:smn:eu-de:p1:pager")
        };
        assert!(is_to("pager") && is_to("urn:smn:eu-de:p1:pager"));
        assert!(!is_to("pag") && !is_to("urn:smn:eu-nl:p1:pager"));
    }
}
