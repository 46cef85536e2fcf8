//! The environment variables that contain credentials, of fgctl and of other tools whose variables it reads. The same
//! list serves to read them and to keep them out of functions.

/// The variables of one tool. If several names stand for one value, the first that is set is used.
#[derive(Debug)]
pub struct Variables {
    /// The common prefix of the tool's variables, followed by an underscore.
    pub prefix: &'static str,
    pub access_key: &'static str,
    pub secret_key: &'static str,
    pub security_token: &'static str,
    pub token: &'static [&'static str],
    pub endpoint: &'static [&'static str],
    pub iam_endpoint: &'static [&'static str],
    pub cloud: &'static [&'static str],
    pub region: &'static [&'static str],
    pub project_id: &'static [&'static str],
    pub project_name: &'static [&'static str],
}

/// In order of precedence: fgctl, Terraform's provider, the vendor's SDKs, `OpenStack` and its derivatives.
pub static VARIABLES: [Variables; 4] = [
    Variables {
        prefix: "FGCTL",
        access_key: "FGCTL_ACCESS_KEY",
        secret_key: "FGCTL_SECRET_KEY",
        security_token: "FGCTL_SECURITY_TOKEN",
        token: &["FGCTL_TOKEN"],
        endpoint: &["FGCTL_ENDPOINT"],
        iam_endpoint: &["FGCTL_IAM_ENDPOINT"],
        cloud: &["FGCTL_CLOUD"],
        region: &["FGCTL_REGION"],
        project_id: &["FGCTL_PROJECT_ID"],
        project_name: &["FGCTL_PROJECT_NAME"],
    },
    Variables {
        prefix: "HW",
        access_key: "HW_ACCESS_KEY",
        secret_key: "HW_SECRET_KEY",
        security_token: "HW_SECURITY_TOKEN",
        token: &["HW_AUTH_TOKEN"],
        endpoint: &[],
        iam_endpoint: &["HW_AUTH_URL"],
        cloud: &["HW_CLOUD"],
        region: &["HW_REGION_NAME"],
        project_id: &["HW_PROJECT_ID"],
        project_name: &["HW_PROJECT_NAME"],
    },
    Variables {
        prefix: "HUAWEICLOUD_SDK",
        access_key: "HUAWEICLOUD_SDK_AK",
        secret_key: "HUAWEICLOUD_SDK_SK",
        security_token: "HUAWEICLOUD_SDK_SECURITY_TOKEN",
        token: &[],
        endpoint: &[],
        iam_endpoint: &[],
        cloud: &[],
        region: &[],
        project_id: &["HUAWEICLOUD_SDK_PROJECT_ID"],
        project_name: &[],
    },
    Variables {
        prefix: "OS",
        access_key: "OS_ACCESS_KEY",
        secret_key: "OS_SECRET_KEY",
        security_token: "OS_SECURITY_TOKEN",
        token: &["OS_AUTH_TOKEN", "OS_TOKEN"],
        endpoint: &[],
        iam_endpoint: &["OS_AUTH_URL"],
        cloud: &[],
        region: &["OS_REGION_NAME"],
        project_id: &["OS_PROJECT_ID", "OS_TENANT_ID"],
        project_name: &["OS_PROJECT_NAME", "OS_TENANT_NAME"],
    },
];

/// Prefixes of variables for other credential mechanisms of the vendor's tools. fgctl reads none of them.
const OTHER_PREFIXES: [&str; 2] = ["HUAWEICLOUD", "HC_CONTAINER"];

/// The prefix of variables that set a manifest's variables. Their values are meant for functions.
pub const VALUE_PREFIX: &str = "FGCTL_VAR_";

/// Whether a variable is meant for a tool's credentials. This covers every variable with such a prefix, because which
/// of them are secret depends on the tool and its version (`OS_PASSWORD`, `OS_APPLICATION_CREDENTIAL_SECRET`), and none
/// is meant for a function.
pub fn is_for_credentials(variable: &str) -> bool {
    // Windows ignores case here.
    let variable = variable.to_ascii_uppercase();
    let has_prefix = |prefix: &str| variable.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_'));
    let prefixes = VARIABLES.iter().map(|variables| variables.prefix).chain(OTHER_PREFIXES);
    !variable.starts_with(VALUE_PREFIX) && prefixes.into_iter().any(has_prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_that_provides_credentials_is_recognized() {
        for Variables { access_key, secret_key, security_token, token, .. } in &VARIABLES {
            for variable in [access_key, secret_key, security_token].into_iter().chain(*token) {
                assert!(is_for_credentials(variable), "{variable}");
            }
        }
    }

    #[test]
    fn variables_of_applications_are_not_credentials() {
        for variable in [
            "OS_PASSWORD",
            "OS_APPLICATION_CREDENTIAL_SECRET",
            "HW_USER_PASSWORD",
            "HUAWEICLOUD_SDK_ID_TOKEN_FILE",
            "HUAWEICLOUD_OIDC_ID_TOKEN",
            "HC_CONTAINER_AUTHORIZATION_TOKEN",
            "os_password",
        ] {
            assert!(is_for_credentials(variable), "{variable}");
        }
        for variable in ["FGCTL_VAR_password", "DB_PASSWORD", "OSS_KEY", "HWKEY", "MY_OS_PASSWORD", "OS"] {
            assert!(!is_for_credentials(variable), "{variable}");
        }
    }
}
