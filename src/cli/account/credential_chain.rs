//! Chooses credentials from everything that was found. Pure decisions; other modules read the values.

use secrecy::SecretString;
use std::fmt;

use crate::client::Credentials;
use crate::manifest::environments::Environment;
use crate::model::credential::Variables;

/// The credentials and settings of one source.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) source: Source,
    pub(super) access_key: Option<String>,
    pub(super) secret_key: Option<SecretString>,
    pub(super) security_token: Option<SecretString>,
    pub(super) token: Option<SecretString>,
    pub(super) settings: AccountSettings,
}

/// A value, and what gives it: a flag, a variable, a file or an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Setting {
    pub(in crate::cli) value: String,
    pub(in crate::cli) source: String,
}

impl Setting {
    pub(super) fn new(value: impl Into<String>, source: impl Into<String>) -> Self {
        Self { value: value.into(), source: source.into() }
    }
}

/// Where to send requests.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct AccountSettings {
    pub(super) endpoint: Option<Setting>,
    pub(super) iam_endpoint: Option<Setting>,
    pub(super) cloud: Option<Setting>,
    pub(super) region: Option<Setting>,
    pub(super) project_id: Option<Setting>,
    pub(super) project_name: Option<Setting>,
}

/// Where something was found, and what its parts are called there.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) access_key: String,
    pub(super) secret_key: String,
    pub(super) security_token: String,
}

/// Only part of a pair is set. The next source could belong to another account, so it is not used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{there} is set without {missing} ({source}): set both or neither", source = .source_name)]
pub(super) struct HalfGiven {
    there: String,
    missing: String,
    source_name: String,
}

/// Reads the variables of one tool. An empty variable counts as unset, because pipelines set variables that have no
/// value. They also end secrets with line breaks, which are removed.
pub(super) fn read(variables: &Variables, environment: &dyn Fn(&str) -> Option<String>) -> Found {
    let Variables { prefix, access_key, secret_key, security_token, token, .. } = *variables;
    let Variables { endpoint, iam_endpoint, cloud, region, project_id, project_name, .. } = *variables;
    let one = |name: &str| Some(environment(name)?.trim().to_owned()).filter(|value| !value.is_empty());
    let first = |names: &[&str]| names.iter().find_map(|name| Some(Setting::new(one(name)?, *name)));
    Found {
        source: Source {
            name: format!("{prefix}_* variables"),
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            security_token: security_token.to_owned(),
        },
        access_key: one(access_key),
        secret_key: one(secret_key).map(Into::into),
        security_token: one(security_token).map(Into::into),
        token: first(token).map(|token| token.value.into()),
        settings: AccountSettings {
            endpoint: first(endpoint),
            iam_endpoint: first(iam_endpoint),
            cloud: first(cloud),
            region: first(region),
            project_id: first(project_id),
            project_name: first(project_name),
        },
    }
}

impl Found {
    /// The credentials of this source, if it has any. A token takes precedence over keys.
    pub(super) fn credentials(&self) -> Result<Option<Credentials>, HalfGiven> {
        let Self { source, access_key, secret_key, security_token, token, settings: _ } = self;
        let half = |there: &str, missing: &str| HalfGiven {
            there: there.to_owned(),
            missing: missing.to_owned(),
            source_name: source.name.clone(),
        };
        let keys = match (access_key, secret_key) {
            (Some(access_key), Some(secret_key)) => Some(Credentials::Keys {
                access_key: access_key.clone(),
                secret_key: secret_key.clone(),
                security_token: security_token.clone(),
            }),
            (Some(_), None) => return Err(half(&source.access_key, &source.secret_key)),
            (None, Some(_)) => return Err(half(&source.secret_key, &source.access_key)),
            (None, None) if security_token.is_some() => {
                return Err(half(&source.security_token, &source.access_key));
            }
            (None, None) => None,
        };
        Ok(token.clone().map(Credentials::Token).or(keys))
    }
}

/// The first source that has credentials.
pub(super) fn choose<'a>(
    found: impl IntoIterator<Item = &'a Found>,
) -> Result<Option<(Credentials, Source)>, HalfGiven> {
    for found in found {
        if let Some(credentials) = found.credentials()? {
            return Ok(Some((credentials, found.source.clone())));
        }
    }
    Ok(None)
}

impl AccountSettings {
    /// Takes what is not set from an environment. The id of its project takes precedence over a name, which would have to
    /// be looked up.
    pub(super) fn in_environment(self, environment: &Environment) -> Self {
        let Environment { name, region, project, .. } = environment;
        let setting = |value: String| Setting::new(value, format!("the environment `{name}`"));
        let region = self.region.or_else(|| region.as_ref().map(|region| setting(region.to_string())));
        let project_id = self.project_id.or_else(|| project.as_ref().map(|project| setting(project.to_string())));
        let project_name = self.project_name.filter(|_| project_id.is_none());
        Self { region, project_id, project_name, ..self }
    }

    /// Takes each setting from the first source that has it.
    pub(super) fn first_of<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        all.into_iter().cloned().fold(Self::default(), |stronger, weaker| {
            // An id and a name both select a project, so an id from a weaker source must not override a stronger name.
            let names_project = stronger.project_id.is_some() || stronger.project_name.is_some();
            let of_project = if names_project { &stronger } else { &weaker };
            let (project_id, project_name) = (of_project.project_id.clone(), of_project.project_name.clone());
            Self {
                endpoint: stronger.endpoint.or(weaker.endpoint),
                iam_endpoint: stronger.iam_endpoint.or(weaker.iam_endpoint),
                cloud: stronger.cloud.or(weaker.cloud),
                region: stronger.region.or(weaker.region),
                project_id,
                project_name,
            }
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::credential::VARIABLES;
    use secrecy::ExposeSecret;

    /// The source and the kind of credentials that these variables give.
    fn chosen(variables: &[(&str, &str)]) -> Result<Option<(String, String)>, HalfGiven> {
        let environment =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let found = VARIABLES.each_ref().map(|variables| read(variables, &environment));
        let word = |credentials| match credentials {
            Credentials::Token(token) => format!("token {}", token.expose_secret()),
            Credentials::Keys { access_key, secret_key, security_token } => {
                let token = security_token.map(|token| format!(" {}", token.expose_secret())).unwrap_or_default();
                format!("{access_key} {}{token}", secret_key.expose_secret())
            }
        };
        let chosen = choose(&found)?;
        Ok(chosen.map(|(credentials, source)| (source.name, word(credentials))))
    }

    #[test]
    fn the_first_source_with_credentials_wins() {
        for (variables, source, credentials) in [
            (
                &[("FGCTL_ACCESS_KEY", "A"), ("FGCTL_SECRET_KEY", "B"), ("HW_ACCESS_KEY", "C"), ("HW_SECRET_KEY", "D")]
                    [..],
                "FGCTL_* variables",
                "A B",
            ),
            (
                &[("HW_ACCESS_KEY", "A"), ("HW_SECRET_KEY", "B"), ("HW_SECURITY_TOKEN", "T"), ("OS_ACCESS_KEY", "C")],
                "HW_* variables",
                "A B T",
            ),
            (
                &[("HUAWEICLOUD_SDK_AK", "A"), ("HUAWEICLOUD_SDK_SK", "B"), ("OS_AUTH_TOKEN", "T")],
                "HUAWEICLOUD_SDK_* variables",
                "A B",
            ),
            (&[("OS_ACCESS_KEY", "A"), ("OS_SECRET_KEY", "B")], "OS_* variables", "A B"),
            (&[("OS_TOKEN", "T")], "OS_* variables", "token T"),
            (&[("HW_AUTH_TOKEN", "T"), ("HW_ACCESS_KEY", "A"), ("HW_SECRET_KEY", "B")], "HW_* variables", "token T"),
            // An empty variable counts as unset.
            (
                &[("HW_ACCESS_KEY", ""), ("HW_SECRET_KEY", ""), ("OS_ACCESS_KEY", "A"), ("OS_SECRET_KEY", "B")],
                "OS_* variables",
                "A B",
            ),
            (&[("HW_ACCESS_KEY", "A\n"), ("HW_SECRET_KEY", " B\r\n"), ("OS_TOKEN", "\n")], "HW_* variables", "A B"),
            // A security token belongs to the keys of its own source.
            (&[("HW_ACCESS_KEY", "A"), ("HW_SECRET_KEY", "B"), ("OS_SECURITY_TOKEN", "T")], "HW_* variables", "A B"),
        ] {
            assert_eq!(chosen(variables), Ok(Some((source.to_owned(), credentials.to_owned()))), "{variables:?}");
        }
        assert_eq!(chosen(&[("HW_REGION_NAME", "eu-de")]), Ok(None));
    }

    #[test]
    fn an_incomplete_pair_is_an_error_despite_later_sources() {
        for (variables, there, missing) in [
            (&[("FGCTL_ACCESS_KEY", "A")][..], "FGCTL_ACCESS_KEY", "FGCTL_SECRET_KEY"),
            (&[("HW_SECRET_KEY", "B"), ("OS_TOKEN", "T")], "HW_SECRET_KEY", "HW_ACCESS_KEY"),
            (&[("HUAWEICLOUD_SDK_AK", "A"), ("HUAWEICLOUD_SDK_SK", "")], "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"),
            (&[("OS_SECURITY_TOKEN", "T")], "OS_SECURITY_TOKEN", "OS_ACCESS_KEY"),
        ] {
            let error = chosen(variables).expect_err("half a pair").to_string();
            assert!(error.starts_with(&format!("{there} is set without {missing} (")), "{error}");
        }
    }

    #[test]
    fn each_setting_comes_from_the_first_source_that_has_it() {
        let settings = |region: Option<&str>, project: Option<&str>| AccountSettings {
            region: region.map(|value| Setting::new(value, "--region")),
            project_id: project.map(|value| Setting::new(value, "--project-id")),
            ..AccountSettings::default()
        };
        let all = [settings(None, Some("p1")), settings(Some("r2"), Some("p2")), settings(Some("r3"), None)];
        assert_eq!(AccountSettings::first_of(&all), settings(Some("r2"), Some("p1")));
    }
}
