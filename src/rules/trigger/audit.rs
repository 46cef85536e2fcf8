//! What Cloud Trace Service (CTS) can record of a run and of its notifications.
//!
//! The vendor lists `invokeFunction` among the operations of `FunctionGraph` that it records. Writes of objects are recorded
//! only for buckets with a data tracker, and whether messages and records are recorded depends on the region. So a trigger
//! that names such an operation may start, and never certainly does. Operations that create, change or delete resources
//! are not part of any run.

use serde_json::Value;

/// A run of a function, or what a notification does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audited {
    Run,
    /// An object is written to OBS.
    Object,
    /// A message is published to SMN.
    Message,
    /// A record is put into a stream of DIS.
    StreamRecord,
}

impl Audited {
    pub const ALL: [Self; 4] = [Self::Run, Self::Object, Self::Message, Self::StreamRecord];

    const fn service(self) -> &'static str {
        match self {
            Self::Run => "FunctionGraph",
            Self::Object => "OBS",
            Self::Message => "SMN",
            Self::StreamRecord => "DIS",
        }
    }

    /// Whether an operation of the service is this. Names differ in case between regions, so only their words count.
    fn is(self, operation: &str) -> bool {
        let operation = operation.to_ascii_lowercase();
        let has = |word: &str| operation.contains(word);
        operation == "*"
            || match self {
                Self::Run => has("invoke"),
                Self::Object => has("object") && (has("put") || has("upload")),
                Self::Message => has("publish"),
                Self::StreamRecord => has("record") && (has("put") || has("send")),
            }
    }
}

/// Whether a trigger's operations, in the form `service:types:operations`, contain this.
pub fn records(operations: &[Value], audited: Audited) -> bool {
    operations.iter().filter_map(Value::as_str).any(|text| {
        let mut parts = text.splitn(3, ':');
        let (service, operations) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
        service.eq_ignore_ascii_case(audited.service()) && operations.split(';').any(|one| audited.is(one))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_are_told_apart_by_service_and_name() {
        let cases = [
            ("FunctionGraph:Functions:invokeFunction", Some(Audited::Run)),
            ("FunctionGraph:Functions:createFunction;InvokeFunction", Some(Audited::Run)),
            ("FunctionGraph:*:*", Some(Audited::Run)),
            ("FunctionGraph:Functions:createFunction;deleteFunction", None),
            ("OBS:object:putObject", Some(Audited::Object)),
            ("OBS:object;bucket:getObject", None),
            ("OBS:bucket:createBucket", None),
            ("SMN:topic:publish", Some(Audited::Message)),
            ("DIS:stream:putRecords", Some(Audited::StreamRecord)),
            ("ECS:ecs:createServer;deleteServer", None),
            ("ECS:ecs:invokeFunction", None),
            ("not an operation", None),
        ];
        for (operation, expected) in cases {
            let found = Audited::ALL.into_iter().find(|audited| records(&[json!(operation)], *audited));
            assert_eq!(found, expected, "{operation}");
        }
    }
}
