//! The events that functions receive from triggers, with the members of the service.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::rules::trigger::member;
use crate::rules::urn::{FunctionUrn, Qualifier};

use super::super::clock::date;
use super::super::store::trigger::Listed;
use super::super::transaction::Transaction;
use super::Event;

/// The characters of an object's key that stay unescaped.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A trigger, and when it is raised.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) listed: &'a Listed,
}

impl Scene<'_> {
    pub(super) fn event(&self, event: Event<'_>) -> Value {
        match event {
            Event::Object { bucket, key, size, etag } => {
                self.object(bucket, key, &json!({ "size": size, "eTag": etag }))
            }
            Event::Message { topic, text } => self.message(topic, text),
            Event::Record { stream, data } => self.record(stream, data),
        }
    }

    /// The event of a timer that was due at a time.
    pub(super) fn tick(&self, due: i64, zone: &TimeZone) -> Value {
        let data = &self.listed.trigger.data;
        let zoned = date(due).to_zoned_datetime(zone.clone());
        let text = |wire| member(data, wire).cloned().unwrap_or_else(|| json!(""));
        json!({
            "version": "v1.0",
            "time": zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            "trigger_type": "TIMER",
            "trigger_name": text("name"),
            "user_event": text("user_event"),
        })
    }

    fn object(&self, bucket: &str, key: &str, content: &Value) -> Value {
        let Transaction { context, now, .. } = self.transaction;
        let name = member(&self.listed.trigger.data, "name").cloned().unwrap_or_default();
        let owner = &context.identity.project_id;
        json!({ "Records": [{
            "eventVersion": "2.0",
            "eventSource": "aws:s3",
            "awsRegion": context.identity.region,
            "eventTime": date(now).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            "eventName": "ObjectCreated:Put",
            "userIdentity": { "principalId": owner },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": { "x-amz-request-id": context.ids.new_id(), "x-amz-id-2": context.ids.new_id() },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": name,
                "bucket": {
                    "name": bucket,
                    "ownerIdentity": { "PrincipalId": owner },
                    "arn": format!("arn:aws:s3:::{bucket}"),
                },
                "object": {
                    "key": utf8_percent_encode(key, KEY).to_string(),
                    "eTag": content["eTag"],
                    "size": content["size"],
                    "versionId": "null",
                    "sequencer": format!("{now:016X}"),
                },
            },
        }] })
    }

    fn message(&self, topic: &str, text: &str) -> Value {
        let Transaction { context, now, .. } = self.transaction;
        let Listed { function: _, package, name, trigger } = self.listed;
        let qualifier = Qualifier::parse(&trigger.qualifier);
        let (region, project_id) = (context.identity.region.clone(), context.identity.project_id.clone());
        let urn = FunctionUrn { region, project_id, package: package.clone(), name: name.clone(), qualifier };
        json!({ "record": [{
            "event_version": "1.0",
            "event_source": "smn",
            "event_subscription_urn": urn.to_string(),
            "smn": {
                "topic_urn": topic,
                "timestamp": date(now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                "message_id": context.ids.new_id(),
                "message": text,
                "subject": "",
                "type": "notification",
                "message_attributes": null,
            },
        }] })
    }

    fn record(&self, stream: &str, data: &str) -> Value {
        let Transaction { context, now, .. } = self.transaction;
        json!({
            "ShardID": "shardId-0000000000",
            "StreamName": stream,
            "Tag": self.listed.trigger.qualifier.trim_start_matches('!'),
            "Message": {
                "next_partition_cursor": context.ids.new_id(),
                "millis_behind_latest": 0,
                "records": [{
                    "partition_key": "0",
                    "data": STANDARD.encode(data),
                    "sequence_number": now.to_string(),
                }],
            },
        })
    }
}

/// A short hash of an object's content.
pub(crate) fn etag(content: &[u8]) -> String {
    hex::encode(&Sha256::digest(content)[..16])
}
