//! Types of triggers that manifests declare with the service's own names.

use super::{Invocation, Need, StatusRule, Uniqueness, by_code};

/// A type that has no fields in the format. Its members are those of the vendor's definitions and documentation.
#[derive(Debug, Clone, Copy)]
pub struct OtherType {
    pub code: &'static str,
    pub required: &'static [&'static str],
    /// A dot in a name separates the members of an object.
    pub optional: &'static [&'static str],
    /// The members that tell two triggers of this type on one version apart.
    pub identity: &'static [&'static str],
    pub uniqueness: Uniqueness,
    pub status: StatusRule,
    pub polls: bool,
    pub invocation: Invocation,
}

const fn disabled_at_first(
    code: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> OtherType {
    OtherType {
        code,
        required,
        optional,
        identity: required,
        uniqueness: Uniqueness::Version,
        status: StatusRule::StartsDisabled,
        polls: true,
        invocation: Invocation::Asynchronous,
    }
}

const DATABASE: &[&str] = &["instance_id", "collection_name", "db_name", "db_password"];

/// Without the secret.
const OF_DATABASE: &[&str] = &["instance_id", "collection_name", "db_name"];

pub static OTHER_TYPES: &[OtherType] = &[
    OtherType { identity: OF_DATABASE, ..disabled_at_first("DDS", DATABASE, &["batch_size"]) },
    OtherType {
        identity: OF_DATABASE,
        status: StatusRule::AlwaysActive,
        ..disabled_at_first("GAUSSMONGO", DATABASE, &["batch_size"])
    },
    disabled_at_first(
        "OPENSOURCEKAFKA",
        &["topic_ids"],
        &[
            "instance_id",
            "batch_size",
            "kafka_user",
            "kafka_password",
            "kafka_connect_address",
            "kafka_ssl_enable",
            "connect_address",
        ],
    ),
    OtherType {
        identity: &["instance_id", "topic"],
        polls: false,
        ..disabled_at_first(
            "ROCKETMQ",
            &[],
            &["instance_id", "topic", "batch_size", "enable_acl", "access_key", "secret_key"],
        )
    },
    OtherType {
        code: "DMS",
        required: &["queue_id", "consumer_group_id"],
        optional: &["polling_interval", "polling_unit"],
        identity: &["queue_id", "consumer_group_id"],
        uniqueness: Uniqueness::Version,
        status: StatusRule::StartsActive,
        polls: false,
        invocation: Invocation::Asynchronous,
    },
    OtherType {
        code: "RABBITMQ",
        required: &["exchange_name"],
        optional: &[
            "instance_id",
            "connect_address",
            "access_user",
            "access_password",
            "vhost",
            "ssl_enable",
            "batch_size",
        ],
        identity: &["instance_id", "vhost", "exchange_name"],
        uniqueness: Uniqueness::Version,
        status: StatusRule::AlwaysActive,
        polls: false,
        invocation: Invocation::Asynchronous,
    },
    OtherType {
        code: "APIC",
        identity: &["instance_id", "group_id", "path", "req_method"],
        uniqueness: Uniqueness::Project,
        required: &["name", "group_id", "env_id", "auth", "protocol", "path", "req_method"],
        optional: &[
            "instance_id",
            "env_name",
            "match_mode",
            "backend_type",
            "sl_domain",
            "type",
            "func_info.timeout",
            "func_info.invocation_type",
        ],
        status: StatusRule::AlwaysActive,
        polls: false,
        invocation: Invocation::Declared,
    },
];

/// Types of which only the codes are known.
pub const BARE_TYPES: [&str; 2] = ["DYNAMODB", "IOTDA"];

pub fn other(code: &str) -> Option<&'static OtherType> {
    OTHER_TYPES.iter().find(|known| known.code == code)
}

impl OtherType {
    /// The members of `event_data`.
    pub fn members(&self) -> impl Iterator<Item = &'static str> {
        let first = |wire: &'static str| wire.split('.').next().unwrap_or(wire);
        self.required.iter().chain(self.optional).map(move |wire| first(wire))
    }
}

/// The members, by their wire names, that a manifest can leave out and that do not tell triggers apart. Marks record them by
/// their position, so the order of the tables must not change.
pub fn optional_members(code: &str) -> impl Iterator<Item = &'static str> {
    let (known, other) = (by_code(code), other(code));
    let fields = known.map_or(&[][..], |known| known.fields).iter();
    let typed = fields.filter(|field| field.need == Need::Optional).map(|field| field.wire);
    let untyped = other.map_or(&[][..], |other| other.optional).iter().copied();
    let identity = identity_of(code).unwrap_or_default();
    typed.chain(untyped).filter(|wire| !identity.contains(wire))
}

/// The members that tell triggers of a type apart, if they are known.
pub fn identity_of(code: &str) -> Option<&'static [&'static str]> {
    by_code(code).map(|known| known.identity).or_else(|| other(code).map(|known| known.identity))
}

/// Whether it is known which members tell triggers of a type apart.
pub fn has_identity(code: &str) -> bool {
    identity_of(code).is_some()
}

/// What is known about the status of a type's triggers.
pub fn status_of(code: &str) -> Option<StatusRule> {
    by_code(code).map(|known| known.status).or_else(|| other(code).map(|known| known.status))
}

/// Where the service has at most one trigger with the same identity. Of a type that is unknown here, nothing is known.
pub fn uniqueness_of(code: &str) -> Uniqueness {
    let known = by_code(code).map(|known| known.uniqueness).or_else(|| other(code).map(|known| known.uniqueness));
    known.unwrap_or(Uniqueness::Version)
}

/// How a type's triggers invoke their function, if that is known.
pub fn invocation_of(code: &str) -> Option<Invocation> {
    by_code(code).map(|known| known.invocation).or_else(|| other(code).map(|known| known.invocation))
}

/// Whether the service asks for new events itself; there is a limit for these.
pub fn polls(code: &str) -> bool {
    by_code(code).map_or_else(|| other(code).is_some_and(|known| known.polls), |known| known.polls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_in_one_table() {
        for known in OTHER_TYPES {
            assert!(by_code(known.code).is_none(), "{}", known.code);
            assert!(known.required.iter().all(|member| !known.optional.contains(member)), "{}", known.code);
            assert!(optional_members(known.code).count() <= 16, "{}", known.code);
        }
        assert!(polls("DDS") && polls("TIMER") && !polls("OBS") && !polls("NEW"));
        assert_eq!(status_of("NEW"), None);
    }
}
