//! The table of operations, for the client and the server: names, methods and paths.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

use crate::rules::quota;

/// The characters that a path segment keeps unescaped: RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Functions on one page; the service's maximum and its default.
pub const FUNCTION_PAGE: u32 = quota::FUNCTION_PAGE.most;
/// Asynchronous configurations on one page; the service's maximum.
pub const ASYNC_CONFIG_PAGE: u32 = quota::ASYNC_CONFIG_PAGE.most;
/// Reservations on one page; the service's maximum.
pub const RESERVED_INSTANCE_CONFIG_PAGE: u32 = quota::RESERVED_INSTANCE_CONFIG_PAGE.most;
/// Dependencies, or versions of one, on one page.
pub const DEPENDENCY_PAGE: u32 = 100;
/// Triggers of a project on one page.
pub const TRIGGER_PAGE: u32 = quota::TRIGGER_PAGE.most;
/// Resource instances (functions with their tags) on one page.
pub const TAG_PAGE: u32 = 100;

macro_rules! operations {
    ($($(#[$comment:meta])* $name:ident: $method:ident $template:literal;)*) => {
        /// An operation, by the name that the vendor's definitions give it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Operation {
            $($(#[$comment])* $name,)*
        }

        impl Operation {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            pub fn method(self) -> Method {
                match self {
                    $(Self::$name => Method::$method,)*
                }
            }

            /// The path, with variables as `{name}`.
            pub fn template(self) -> &'static str {
                match self {
                    $(Self::$name => $template,)*
                }
            }
        }
    };
}

// Most paths have `/fgs` after the project; those of tags do not.
operations! {
    ListFunctions: GET "/v2/{project_id}/fgs/functions";
    CreateFunction: POST "/v2/{project_id}/fgs/functions";
    DeleteFunction: DELETE "/v2/{project_id}/fgs/functions/{urn}";
    ShowFunctionConfig: GET "/v2/{project_id}/fgs/functions/{urn}/config";
    UpdateFunctionConfig: PUT "/v2/{project_id}/fgs/functions/{urn}/config";
    UpdateFunctionMaxInstanceConfig: PUT "/v2/{project_id}/fgs/functions/{urn}/config-max-instance";
    ShowFunctionCode: GET "/v2/{project_id}/fgs/functions/{urn}/code";
    UpdateFunctionCode: PUT "/v2/{project_id}/fgs/functions/{urn}/code";
    ListFunctionReservedInstances: GET "/v2/{project_id}/fgs/functions/reservedinstances";
    ListReservedInstanceConfigs: GET "/v2/{project_id}/fgs/functions/reservedinstanceconfigs";
    UpdateFunctionReservedInstancesCount: PUT "/v2/{project_id}/fgs/functions/{urn}/reservedinstances";
    ListFunctionVersions: GET "/v2/{project_id}/fgs/functions/{urn}/versions";
    CreateFunctionVersion: POST "/v2/{project_id}/fgs/functions/{urn}/versions";
    ListVersionAliases: GET "/v2/{project_id}/fgs/functions/{urn}/aliases";
    CreateVersionAlias: POST "/v2/{project_id}/fgs/functions/{urn}/aliases";
    ShowVersionAlias: GET "/v2/{project_id}/fgs/functions/{urn}/aliases/{alias}";
    UpdateVersionAlias: PUT "/v2/{project_id}/fgs/functions/{urn}/aliases/{alias}";
    DeleteVersionAlias: DELETE "/v2/{project_id}/fgs/functions/{urn}/aliases/{alias}";
    ListDependencies: GET "/v2/{project_id}/fgs/dependencies";
    CreateDependencyVersion: POST "/v2/{project_id}/fgs/dependencies/version";
    ListDependencyVersion: GET "/v2/{project_id}/fgs/dependencies/{dependency}/version";
    ShowDependencyVersion: GET "/v2/{project_id}/fgs/dependencies/{dependency}/version/{version}";
    DeleteDependencyVersion: DELETE "/v2/{project_id}/fgs/dependencies/{dependency}/version/{version}";
    /// The definitions lack it, and some regions may too.
    ListActiveTrigger: GET "/v2/{project_id}/fgs/triggers";
    /// The definitions lack it.
    ListTriggerTypes: GET "/v2/{project_id}/fgs/triggertypes";
    ListFunctionTriggers: GET "/v2/{project_id}/fgs/triggers/{urn}";
    CreateFunctionTrigger: POST "/v2/{project_id}/fgs/triggers/{urn}";
    ShowFunctionTrigger: GET "/v2/{project_id}/fgs/triggers/{urn}/{trigger_type_code}/{trigger_id}";
    UpdateTrigger: PUT "/v2/{project_id}/fgs/triggers/{urn}/{trigger_type_code}/{trigger_id}";
    DeleteFunctionTrigger: DELETE "/v2/{project_id}/fgs/triggers/{urn}/{trigger_type_code}/{trigger_id}";
    /// Without a version, and for `latest`, this deletes the triggers of every version and alias.
    BatchDeleteFunctionTriggers: DELETE "/v2/{project_id}/fgs/triggers/{urn}";
    ListQuotas: GET "/v2/{project_id}/fgs/quotas";

    ShowFunctionAsyncInvokeConfig: GET "/v2/{project_id}/fgs/functions/{urn}/async-invoke-config";
    UpdateFunctionAsyncInvokeConfig: PUT "/v2/{project_id}/fgs/functions/{urn}/async-invoke-config";
    DeleteFunctionAsyncInvokeConfig: DELETE "/v2/{project_id}/fgs/functions/{urn}/async-invoke-config";
    ListFunctionAsyncInvokeConfig: GET "/v2/{project_id}/fgs/functions/{urn}/async-invoke-configs";
    EnableAsyncStatusLog: POST "/v2/{project_id}/fgs/functions/enable-async-status-logs";
    ShowProjectAsyncStatusLogInfo: GET "/v2/{project_id}/fgs/functions/async-status-log-detail";
    EnableLtsLogs: POST "/v2/{project_id}/fgs/functions/enable-lts-logs";
    ShowLtsLogDetails: GET "/v2/{project_id}/fgs/functions/{urn}/lts-log-detail";

    InvokeFunction: POST "/v2/{project_id}/fgs/functions/{urn}/invocations";
    AsyncInvokeFunction: POST "/v2/{project_id}/fgs/functions/{urn}/invocations-async";
    ListAsyncInvocations: GET "/v2/{project_id}/fgs/functions/{urn}/async-invocations";
    ListActiveAsyncInvocations: GET "/v2/{project_id}/fgs/functions/{urn}/active-async-invocations";
    CancelAsyncInvocation: POST "/v2/{project_id}/fgs/functions/{urn}/cancel";

    ShowProjectTagsList: GET "/v2/{project_id}/functions/tags";
    ListFunctionTags: GET "/v2/{project_id}/functions/{urn}/tags";
    CreateTags: POST "/v2/{project_id}/functions/{urn}/tags/create";
    DeleteTags: DELETE "/v2/{project_id}/functions/{urn}/tags/delete";
    /// Functions with their tags.
    ShowResInstanceInfo: POST "/v2/{project_id}/functions/resource-instances/filter";
    /// The number of the same functions. In the definitions, it is another action of `ShowResInstanceInfo`.
    CountResInstances: POST "/v2/{project_id}/functions/resource-instances/count";

    /// The complete record of one asynchronous invocation. Only the local server has it.
    ShowTrace: GET "/v2/{project_id}/fgctl/invocations/{request_id}";
    /// A page of a function's log, selected by `cursor` and `limit` in the query. Only the local server has it.
    ShowLog: GET "/v2/{project_id}/fgctl/functions/{urn}/log";

    /// IAM has it; the local server does not.
    KeystoneListProjects: GET "/v3/projects";
}

impl Operation {
    /// The path of a request, percent-encoded. `names` are the values of the variables after the project, in order.
    pub fn path(self, project_id: &str, names: &[&str]) -> String {
        self.fill(project_id, names, segment)
    }

    /// How messages name a request: the names are not encoded.
    pub fn request(self, project_id: &str, names: &[&str]) -> String {
        // A request id is the service's text and can contain anything.
        let on_one_line = |name: &str| name.replace(char::is_control, " ");
        format!("{} {}", self.method(), self.fill(project_id, names, on_one_line))
    }

    fn fill(self, project_id: &str, names: &[&str], write: impl Fn(&str) -> String) -> String {
        let mut names = names.iter();
        let mut path = String::new();
        for part in self.template().split('/').skip(1) {
            path.push('/');
            match part {
                "{project_id}" => path.push_str(project_id),
                _ if part.starts_with('{') => path.push_str(&write(names.next().copied().unwrap_or_default())),
                _ => path.push_str(part),
            }
        }
        debug_assert_eq!(names.len(), 0, "{self} has fewer variables");
        path
    }
}

/// Method and template.
impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method(), self.template())
    }
}

/// A query, percent-encoded as signatures require: a space is `%20`, and an empty value keeps its `=`.
pub fn query(pairs: &[(&str, String)]) -> String {
    let encoded = pairs.iter().map(|(key, value)| format!("{}={}", segment(key), segment(value)));
    encoded.collect::<Vec<_>>().join("&")
}

/// One path segment, percent-encoded.
fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_operations_are_the_same_request() {
        let requests: BTreeSet<String> = Operation::ALL.iter().map(Operation::to_string).collect();
        assert_eq!(requests.len(), Operation::ALL.len());
    }

    #[test]
    fn paths_encode_names_and_messages_do_not() {
        let names = ["urn:fss:p:function:g:f:!prod", "a/b\n"];
        assert_eq!(
            Operation::ShowVersionAlias.path("p", &names),
            "/v2/p/fgs/functions/urn%3Afss%3Ap%3Afunction%3Ag%3Af%3A%21prod/aliases/a%2Fb%0A"
        );
        assert_eq!(
            Operation::ShowVersionAlias.request("p", &names),
            "GET /v2/p/fgs/functions/urn:fss:p:function:g:f:!prod/aliases/a/b "
        );
        assert_eq!(Operation::KeystoneListProjects.path("", &[]), "/v3/projects");
    }

    #[test]
    fn characters_that_separate_values_are_encoded() {
        let pairs = [("name", "a b+c&d=é!:".to_owned()), ("tag", String::new()), ("tag", "2".to_owned())];
        assert_eq!(query(&pairs), "name=a%20b%2Bc%26d%3D%C3%A9%21%3A&tag=&tag=2");
        assert_eq!(query(&[]), "");
    }
}
