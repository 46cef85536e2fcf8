//! Paths, for the client and the server. Each starts with `/v2/{project_id}`; those of tags have no `/fgs`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::rules::quota;

/// The characters that a path segment keeps unescaped: RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Functions on one page; the service's maximum and its default.
pub const FUNCTION_PAGE: u32 = quota::FUNCTION_PAGE.most;
/// Asynchronous configurations on one page; the service's maximum.
pub const ASYNC_CONFIG_PAGE: u32 = quota::ASYNC_CONFIG_PAGE.most;
/// Resource instances (functions with their tags) on one page.
pub const TAG_PAGE: u32 = 100;

pub fn functions(project_id: &str) -> String {
    format!("/v2/{project_id}/fgs/functions")
}

pub fn function(project_id: &str, urn: &str) -> String {
    format!("{}/{}", functions(project_id), segment(urn))
}

pub fn function_config(project_id: &str, urn: &str) -> String {
    format!("{}/config", function(project_id, urn))
}

pub fn function_code(project_id: &str, urn: &str) -> String {
    format!("{}/code", function(project_id, urn))
}

pub fn async_config(project_id: &str, urn: &str) -> String {
    format!("{}/async-invoke-config", function(project_id, urn))
}

pub fn async_configs(project_id: &str, urn: &str) -> String {
    format!("{}/async-invoke-configs", function(project_id, urn))
}

pub fn async_status_log_detail(project_id: &str) -> String {
    format!("{}/async-status-log-detail", functions(project_id))
}

pub fn enable_async_status_log(project_id: &str) -> String {
    format!("{}/enable-async-status-logs", functions(project_id))
}

pub fn versions(project_id: &str, urn: &str) -> String {
    format!("{}/versions", function(project_id, urn))
}

pub fn aliases(project_id: &str, urn: &str) -> String {
    format!("{}/aliases", function(project_id, urn))
}

pub fn triggers(project_id: &str, urn: &str) -> String {
    format!("/v2/{project_id}/fgs/triggers/{}", segment(urn))
}

pub fn function_tags(project_id: &str, urn: &str) -> String {
    format!("/v2/{project_id}/functions/{}/tags", segment(urn))
}

pub fn create_tags(project_id: &str, urn: &str) -> String {
    format!("{}/create", function_tags(project_id, urn))
}

pub fn delete_tags(project_id: &str, urn: &str) -> String {
    format!("{}/delete", function_tags(project_id, urn))
}

pub fn filter_resource_instances(project_id: &str) -> String {
    format!("/v2/{project_id}/functions/resource-instances/filter")
}

pub fn log_detail(project_id: &str, urn: &str) -> String {
    format!("{}/lts-log-detail", function(project_id, urn))
}

pub fn invocations(project_id: &str, urn: &str) -> String {
    format!("{}/invocations", function(project_id, urn))
}

pub fn invocations_async(project_id: &str, urn: &str) -> String {
    format!("{}/invocations-async", function(project_id, urn))
}

pub fn async_invocations(project_id: &str, urn: &str) -> String {
    format!("{}/async-invocations", function(project_id, urn))
}

/// The complete record of one asynchronous invocation. Only the local server has this path.
pub fn trace(project_id: &str, request_id: &str) -> String {
    format!("/v2/{project_id}/fgctl/invocations/{}", segment(request_id))
}

/// A function's log; `cursor` and `limit` in the query select the page. Only the local server has this path.
pub fn function_log(project_id: &str, urn: &str) -> String {
    format!("/v2/{project_id}/fgctl/functions/{}/log", segment(urn))
}

/// IAM's projects.
pub const PROJECTS: &str = "/v3/projects";

/// A query, percent-encoded as signatures require: a space is `%20`, and an empty value keeps its `=`.
pub fn query(pairs: &[(&str, String)]) -> String {
    let encoded = pairs.iter().map(|(key, value)| format!("{}={}", segment(key), segment(value)));
    encoded.collect::<Vec<_>>().join("&")
}

/// One path segment, percent-encoded.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_separate_values_are_encoded() {
        let pairs = [("name", "a b+c&d=é!:".to_owned()), ("tag", String::new()), ("tag", "2".to_owned())];
        assert_eq!(query(&pairs), "name=a%20b%2Bc%26d%3D%C3%A9%21%3A&tag=&tag=2");
        assert_eq!(segment("urn:fss:p:function:g:f:!prod"), "urn%3Afss%3Ap%3Afunction%3Ag%3Af%3A%21prod");
        assert_eq!(query(&[]), "");
    }
}
