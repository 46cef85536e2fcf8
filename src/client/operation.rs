//! Properties of each operation besides its path: whether it is safe to repeat, and which permission it needs.

use reqwest::Method;

/// The IAM action that allows an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Named in the vendor's example policies.
    Documented(&'static str),
    /// Derived from the operation's name, because no published list contains it.
    Likely(&'static str),
}

use Action::{Documented, Likely};

/// Method, path without `/v2/{project}` (`*` is one segment), and the action.
const ACTIONS: &[(Method, &str, Action)] = &[
    (Method::GET, "fgs/functions", Documented("functiongraph:function:list")),
    (Method::POST, "fgs/functions", Likely("functiongraph:function:createFunction")),
    (Method::DELETE, "fgs/functions/*", Documented("functiongraph:function:delete")),
    (Method::GET, "fgs/functions/*/config", Documented("functiongraph:function:getConfig")),
    (Method::PUT, "fgs/functions/*/config", Documented("functiongraph:function:updateConfig")),
    (Method::GET, "fgs/functions/*/code", Documented("functiongraph:function:getCode")),
    (Method::PUT, "fgs/functions/*/code", Documented("functiongraph:function:updateCode")),
    (Method::GET, "fgs/functions/*/versions", Documented("functiongraph:function:listVersion")),
    (Method::POST, "fgs/functions/*/versions", Documented("functiongraph:function:createVersion")),
    (Method::GET, "fgs/functions/*/aliases", Documented("functiongraph:function:listAlias")),
    (Method::POST, "fgs/functions/*/aliases", Documented("functiongraph:function:createAlias")),
    (Method::PUT, "fgs/functions/*/aliases/*", Documented("functiongraph:function:updateAlias")),
    (Method::GET, "fgs/functions/*/async-invoke-config", Likely("functiongraph:function:getConfig")),
    (Method::GET, "fgs/functions/*/async-invoke-configs", Likely("functiongraph:function:getConfig")),
    (Method::PUT, "fgs/functions/*/async-invoke-config", Likely("functiongraph:function:updateConfig")),
    (Method::DELETE, "fgs/functions/*/async-invoke-config", Likely("functiongraph:function:updateConfig")),
    (Method::POST, "fgs/functions/*/invocations", Documented("functiongraph:function:invoke")),
    (Method::POST, "fgs/functions/*/invocations-async", Documented("functiongraph:function:invokeAsync")),
];

/// POST requests that are safe to repeat: a filter only reads, and setting a tag twice has the same effect as setting
/// it once.
const REPEATABLE_POSTS: [&str; 3] =
    ["functions/resource-instances/filter", "functions/*/tags/create", "fgs/functions/enable-async-status-logs"];

/// Whether sending the request twice has the same effect as sending it once.
pub(super) fn is_repeatable(method: &Method, path: &str) -> bool {
    let rest = within_project(path);
    method != Method::POST || REPEATABLE_POSTS.iter().any(|pattern| matches(pattern, rest))
}

pub(super) fn action(method: &Method, path: &str) -> Option<Action> {
    let rest = within_project(path);
    let found = ACTIONS.iter().find(|(known, pattern, _)| known == method && matches(pattern, rest));
    found.map(|(_, _, action)| *action)
}

fn within_project(path: &str) -> &str {
    path.strip_prefix("/v2/").and_then(|rest| rest.split_once('/')).map_or(path, |(_, rest)| rest)
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == "*" || wanted == found => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::routes;

    #[test]
    fn only_a_post_that_creates_something_is_not_repeatable() {
        let urn = "urn:fss:r:p:function:default:f:!prod";
        for (method, path, expected) in [
            (Method::GET, routes::functions("p"), true),
            (Method::POST, routes::functions("p"), false),
            (Method::PUT, routes::function_config("p", urn), true),
            (Method::DELETE, routes::function("p", urn), true),
            (Method::POST, routes::versions("p", urn), false),
            (Method::POST, routes::aliases("p", urn), false),
            (Method::POST, routes::invocations_async("p", urn), false),
            (Method::POST, routes::filter_resource_instances("p"), true),
            (Method::POST, routes::create_tags("p", urn), true),
            (Method::DELETE, routes::delete_tags("p", urn), true),
        ] {
            assert_eq!(is_repeatable(&method, &path), expected, "{method} {path}");
        }
    }

    #[test]
    fn the_action_depends_on_method_and_path() {
        let urn = "urn:fss:r:p:function:default:config";
        let action = |method, path: String| action(&method, &path);
        assert_eq!(action(Method::POST, routes::functions("p")), Some(Likely("functiongraph:function:createFunction")));
        assert_eq!(
            action(Method::PUT, routes::function_code("p", urn)),
            Some(Documented("functiongraph:function:updateCode"))
        );
        assert_eq!(action(Method::GET, routes::function_tags("p", urn)), None);
    }
}
