//! Recognizes what people copy from elsewhere: field names of the service's API and of other tools, and addresses of
//! objects in OBS.

use crate::model::table::ROWS;

/// Other names of the manifest's fields. The table of fields contains the names in the service's API, except those of
/// policies.
const NAMES: [(&str, &str); 34] = [
    ("max_async_retry_attempts", "max_retries"),
    ("maximum_retry_attempts", "max_retries"),
    ("max_async_event_age_in_seconds", "max_validity_period"),
    ("maximum_event_age_in_seconds", "max_validity_period"),
    ("enable_async_status_log", "status_log"),
    ("on_error", "on_failure"),
    ("env_vars", "environment"),
    ("role", "agency"),
    ("func_name", "name"),
    ("async_config", "async"),
    ("path", "dir"),
    ("directory", "dir"),
    ("archive", "zip"),
    ("url", "obs"),
    // Of Terraform.
    ("app", "package"),
    ("app_agency", "execution_agency"),
    ("code_type", "code"),
    ("code_url", "code"),
    ("concurrency_num", "scaling.concurrency"),
    ("custom_image", "image"),
    ("depend_list", "dependencies"),
    ("func_code", "code"),
    ("func_mounts", "mounts"),
    ("initializer_timeout", "initializer"),
    ("log_group_name", "logs.group_name"),
    ("log_stream_name", "logs.stream_name"),
    ("lts_custom_tag", "logs.tags"),
    ("max_instance_num", "scaling.max_instances"),
    ("mount_user_group_id", "mount_user.gid"),
    ("mount_user_id", "mount_user.uid"),
    ("network_controller", "vpc"),
    ("network_id", "vpc.subnet"),
    ("reserved_instances", "scaling.reserved"),
    ("vpc_id", "vpc.id"),
];

/// Names that other tools use for what a manifest writes under `on_success` and `on_failure`.
const DESTINATIONS: [&str; 5] = ["destination_config", "destinations", "destination", "target", "dead_letter_config"];

/// The manifest's name of a field.
pub(super) fn field(name: &str) -> Option<&'static str> {
    let of_service = || ROWS.iter().find(|row| row.wire.is_some_and(|wire| wire.form.names().contains(&name)));
    let other = NAMES.iter().find(|(other, _)| *other == name).map(|(_, field)| *field);
    other.or_else(|| of_service().map(|row| row.key))
}

pub(super) fn is_destination(name: &str) -> bool {
    DESTINATIONS.contains(&name)
}

/// `maxRetries` and `max-retries` as `max_retries`.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut after_lower = false;
    for c in name.chars() {
        if c.is_uppercase() && after_lower {
            snake.push('_');
        }
        after_lower = c.is_lowercase() || c.is_ascii_digit();
        snake.extend(if c == '-' { '_' } else { c }.to_lowercase());
    }
    snake
}

/// A bucket, and an object or a prefix in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    bucket: &'a str,
    key: &'a str,
    /// The host of a URL.
    host: Option<&'a str>,
}

impl<'a> Address<'a> {
    /// Reads `obs://bucket/key`, the same with `s3:`, or a URL of OBS.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (host, key) = rest.split_once('/').unwrap_or((rest, ""));
        let (bucket, host) = match scheme {
            "obs" | "s3" | "s3a" => (host, None),
            "https" | "http" => (host.split_once(".obs.")?.0, Some(host)),
            _ => return None,
        };
        (!bucket.is_empty()).then_some(Self { bucket, key, host })
    }

    /// The fields of a target.
    pub(super) fn fields(&self) -> String {
        let Self { bucket, key, host: _ } = self;
        if key.is_empty() { format!("bucket: {bucket}") } else { format!("bucket: {bucket}, prefix: {key}") }
    }

    /// The URL of the object, as `code` needs it.
    pub(super) fn url(&self) -> String {
        let Self { bucket, key, host } = self;
        match host {
            Some(host) => format!("https://{host}/{key}"),
            None => format!("https://{bucket}.obs.<region>.myhuaweicloud.com/{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_service_and_of_other_tools_are_recognized() {
        for (name, expected) in [
            ("memory_size", Some("memory")),
            ("user_data", Some("environment")),
            ("xrole", Some("agency")),
            ("max_async_retry_attempts", Some("max_retries")),
            ("max_instance_num", Some("scaling.max_instances")),
            ("log_group_id", Some("logs.group_id")),
            ("colour", None),
        ] {
            assert_eq!(field(name), expected, "{name}");
        }
        let is_field = |name: &str| {
            ROWS.iter().any(|row| row.key == name || row.group() == Some(name))
                || ["name", "package", "dir", "zip", "obs"].contains(&name)
        };
        assert!(NAMES.iter().all(|(_, field)| is_field(field)));
    }

    #[test]
    fn names_in_other_cases_are_converted() {
        for (name, expected) in [
            ("maxRetries", "max_retries"),
            ("on-failure", "on_failure"),
            ("Timeout", "timeout"),
            ("ENV", "env"),
            ("memory", "memory"),
        ] {
            assert_eq!(snake_case(name), expected, "{name}");
        }
    }

    #[test]
    fn addresses_of_objects_are_read() {
        for (text, expected) in [
            ("obs://b", Some(("b", ""))),
            ("obs://b/a/c.zip", Some(("b", "a/c.zip"))),
            ("s3://b/k", Some(("b", "k"))),
            ("https://b.obs.eu-de.otc.t-systems.com/k", Some(("b", "k"))),
            ("https://example.test/k", None),
            ("obs:///k", None),
            ("b", None),
        ] {
            assert_eq!(Address::read(text).map(|address| (address.bucket, address.key)), expected, "{text}");
        }
    }
}
