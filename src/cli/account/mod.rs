//! Resolves the account and the endpoint from flags, this process's environment and the files of other tools.

mod address;
mod credential_chain;
mod credential_file;
mod outline;

use anyhow::{Context, bail};
use clap::builder::{NonEmptyStringValueParser, TypedValueParser};
use clap_complete::ArgValueCandidates;
use reqwest::Url;
use secrecy::SecretString;
use std::path::{Path, PathBuf};

use crate::cli::completion;
use crate::cli::failure::{Advised, advised};
use crate::cli::{help, here};
use crate::client::region::{self, Service};
use crate::client::{Credentials, Endpoint, Options, is_loopback};
use crate::manifest;
use crate::manifest::environments::Environment;
use crate::model::credential::VARIABLES;
use crate::render::home::Known;

use self::address::Address;
pub(super) use self::credential_chain::Setting;
use self::credential_chain::{AccountSettings, Found, Source};
use self::credential_file::FileError;
pub(super) use self::outline::Outline;
use self::outline::region_of;

/// Flags for the account and the endpoint. They take precedence over variables and files.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = help::CONNECTION)]
pub(super) struct AccountArguments {
    /// The id of the region, such as eu-de
    ///
    /// Default: the value of `FGCTL_REGION`, `HW_REGION_NAME` or `OS_REGION_NAME`.
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), add = ArgValueCandidates::new(completion::regions))]
    region: Option<String>,
    /// The id of the project
    ///
    /// Default: the value of `FGCTL_PROJECT_ID`, `HW_PROJECT_ID`, `HUAWEICLOUD_SDK_PROJECT_ID`, `OS_PROJECT_ID` or
    /// `OS_TENANT_ID`. If no source sets an id, fgctl asks IAM for the id of the project with the name in
    /// --project-name.
    #[arg(long, value_name = "ID", hide_short_help = true, value_parser = NonEmptyStringValueParser::new())]
    project_id: Option<String>,
    /// The name of the project, if it differs from the name of the region
    ///
    /// Default: the value of `FGCTL_PROJECT_NAME`, `HW_PROJECT_NAME`, `OS_PROJECT_NAME` or `OS_TENANT_NAME`, or else the
    /// name of the region.
    #[arg(long, value_name = "NAME", hide_short_help = true, value_parser = NonEmptyStringValueParser::new())]
    project_name: Option<String>,
    /// The access key that signs requests
    ///
    /// Default: the value of `FGCTL_ACCESS_KEY`, `HW_ACCESS_KEY`, `HUAWEICLOUD_SDK_AK` or `OS_ACCESS_KEY`. If no variable
    /// contains credentials, fgctl reads the current KooCLI profile. If there is none, it reads the credentials file of the
    /// vendor's SDKs: the one that `HUAWEICLOUD_SDK_CREDENTIALS_FILE` names, or `~/.huaweicloud/credentials`.
    #[arg(long, value_name = "KEY", hide_short_help = true, value_parser = NonEmptyStringValueParser::new())]
    access_key: Option<String>,
    /// The secret key for the access key
    ///
    /// Set a variable instead if you can, because other users of the machine can see options. Default: the value of
    /// `FGCTL_SECRET_KEY`, `HW_SECRET_KEY`, `HUAWEICLOUD_SDK_SK` or `OS_SECRET_KEY`.
    #[arg(long, value_name = "KEY", hide_short_help = true, value_parser = secret())]
    secret_key: Option<SecretString>,
    /// The security token of temporary keys
    ///
    /// Default: the value of `FGCTL_SECURITY_TOKEN`, `HW_SECURITY_TOKEN`, `HUAWEICLOUD_SDK_SECURITY_TOKEN` or
    /// `OS_SECURITY_TOKEN`.
    #[arg(long, value_name = "TOKEN", hide_short_help = true, value_parser = secret())]
    security_token: Option<SecretString>,
    /// A token to use instead of keys
    ///
    /// Default: the value of `FGCTL_TOKEN`, `HW_AUTH_TOKEN`, `OS_AUTH_TOKEN` or `OS_TOKEN`.
    #[arg(long, hide_short_help = true, value_parser = secret())]
    token: Option<SecretString>,
    /// The KooCLI profile that contains the keys
    ///
    /// Its keys take precedence over variables. Default: the profile in `FGCTL_PROFILE`.
    #[arg(long, value_name = "NAME", hide_short_help = true, env = "FGCTL_PROFILE", hide_env = true, value_parser = NonEmptyStringValueParser::new(), conflicts_with_all = ["access_key", "secret_key", "token"])]
    profile: Option<String>,
    /// The domain of the cloud, if fgctl does not know the region
    ///
    /// Default: the value of `FGCTL_CLOUD` or `HW_CLOUD`.
    #[arg(long, value_name = "DOMAIN", hide_short_help = true, value_parser = NonEmptyStringValueParser::new())]
    cloud: Option<String>,
    /// The URL of the service, if region and cloud do not determine it
    ///
    /// Default: the value of `FGCTL_ENDPOINT`.
    #[arg(long, value_name = "URL", hide_short_help = true, value_parser = NonEmptyStringValueParser::new())]
    endpoint: Option<String>,
    /// The URL of IAM, which looks up the project's id
    ///
    /// Default: the value of `FGCTL_IAM_ENDPOINT`, `HW_AUTH_URL` or `OS_AUTH_URL`.
    #[arg(long, value_name = "URL", hide_short_help = true, value_parser = NonEmptyStringValueParser::new())]
    iam_endpoint: Option<String>,
}

/// The endpoint, and the credentials for its requests.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) endpoint: Endpoint,
    pub(super) credentials: Credentials,
    /// The source of the credentials, as text.
    pub(super) source: String,
    pub(super) url_source: String,
    pub(super) region_source: String,
    pub(super) project: ProjectSource,
}

/// Where the project's id comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProjectSource {
    Given { source: String },
    LookedUp { name: String },
}

/// What to do without credentials.
const GIVE_CREDENTIALS: &str = "set FGCTL_ACCESS_KEY and FGCTL_SECRET_KEY, or FGCTL_TOKEN; fgctl also reads the variables of \
                                Terraform (HW_*), the SDKs (HUAWEICLOUD_SDK_*) and OpenStack (OS_*); to use the embedded \
                                server, give --local";
const SDK_FILE_VARIABLE: &str = "HUAWEICLOUD_SDK_CREDENTIALS_FILE";

impl AccountArguments {
    /// Looks the project up in IAM if its id is not given. An environment gives the region and the project, and refuses
    /// others.
    pub(super) async fn resolve(
        &self,
        options: &Options,
        environment: Option<&Environment>,
    ) -> anyhow::Result<Account> {
        let outline = self.outline(environment)?;
        if let Some(environment) = environment {
            outline.expect(environment)?;
            self.refuse_name(environment)?;
        }
        outline.refuse_two_regions()?;
        warn_of_plain(&outline.url.0);
        outline.account(options).await
    }

    /// Where the connection leads. Sends no request, and does not refuse contradictions, so that they can be shown.
    pub(super) fn outline(&self, environment: Option<&Environment>) -> anyhow::Result<Outline> {
        let (credentials, source, mut settings) = self.choose()?;
        if let Some(environment) = environment {
            settings = settings.in_environment(environment);
        }
        let named = |setting: &Option<Setting>| setting.as_ref().map(|setting| setting.value.clone());
        let (region, project_id) = (named(&settings.region), named(&settings.project_id));
        here::learn(Known { region, project_id, ..Known::NOTHING });
        if let Some(environment) = environment {
            here::learn(environment.into());
        }
        let endpoint = settings.endpoint.as_ref();
        let endpoint =
            endpoint.map(|it| Ok::<_, anyhow::Error>((address::parse(Address::Endpoint, &it.value)?, &it.source)));
        let endpoint = endpoint.transpose()?;
        let of_endpoint = || Some(Setting::new(region_of(&endpoint.as_ref()?.0)?, "derived from the endpoint"));
        let Some(region) = settings.region.clone().or_else(of_endpoint) else {
            let help = "set FGCTL_REGION, HW_REGION_NAME or OS_REGION_NAME, or give --region, such as eu-de";
            return Err(advised("no region is set", help));
        };
        if !region.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            let help = known_region(&region.value, "A region has only letters, digits and `-`");
            return Err(advised(format!("the region `{}` is not valid", region.value), help));
        }
        let url = match endpoint {
            Some((url, source)) => (url, source.clone()),
            None => (
                region_address(Service::FunctionGraph, &settings, &region.value)?,
                "derived from the region".to_owned(),
            ),
        };
        Ok(Outline { credentials, source: source.name, url, region, settings })
    }

    /// The environment's project needs no name. A name in a variable is probably for other commands, but not one in a flag.
    fn refuse_name(&self, environment: &Environment) -> anyhow::Result<()> {
        match (&self.project_name, &environment.project) {
            (Some(_), Some(_)) => {
                let message =
                    format!("--project-name names a project, but the environment `{}` gives its id", environment.name);
                Err(advised(message, "leave out --project-name, or remove `project` from the environment"))
            }
            (_, _) => Ok(()),
        }
    }

    /// Settings from a file are used only together with its credentials. With a profile, project settings from
    /// variables are ignored, because they may belong to another account.
    fn choose(&self) -> anyhow::Result<(Credentials, Source, AccountSettings)> {
        let environment = |name: &str| std::env::var(name).ok();
        let flags = self.flags();
        let variables = VARIABLES.each_ref().map(|variables| credential_chain::read(variables, &environment));
        if let Some(name) = &self.profile {
            let profile = profile(Some(name))?.ok_or_else(no_credentials)?;
            let (credentials, source) = credential_chain::choose([&profile])?.ok_or_else(no_credentials)?;
            let places =
                variables.map(|found| AccountSettings { project_id: None, project_name: None, ..found.settings });
            return Ok((
                credentials,
                source,
                AccountSettings::first_of([&flags.settings, &profile.settings].into_iter().chain(&places)),
            ));
        }
        let found = || std::iter::once(&flags).chain(&variables);
        let settings = found().map(|found| &found.settings);
        if let Some((credentials, source)) = credential_chain::choose(found())? {
            return Ok((credentials, source, AccountSettings::first_of(settings)));
        }
        let file = in_files()?;
        let (credentials, source) = credential_chain::choose([&file])?.ok_or_else(no_credentials)?;
        Ok((credentials, source, AccountSettings::first_of(settings.chain([&file.settings]))))
    }

    fn flags(&self) -> Found {
        let Self { region, cloud, endpoint, iam_endpoint, project_id, project_name, .. } = self;
        let Self { access_key, secret_key, security_token, token, profile: _, .. } = self;
        let setting = |value: &Option<String>, flag: &str| value.as_ref().map(|value| Setting::new(value, flag));
        Found {
            source: Source {
                name: "flags".to_owned(),
                access_key: "--access-key".to_owned(),
                secret_key: "--secret-key".to_owned(),
                security_token: "--security-token".to_owned(),
            },
            access_key: access_key.clone(),
            secret_key: secret_key.clone(),
            security_token: security_token.clone(),
            token: token.clone(),
            settings: AccountSettings {
                endpoint: setting(endpoint, "--endpoint"),
                iam_endpoint: setting(iam_endpoint, "--iam-endpoint"),
                cloud: setting(cloud, "--cloud"),
                region: setting(region, "--region"),
                project_id: setting(project_id, "--project-id"),
                project_name: setting(project_name, "--project-name"),
            },
        }
    }
}

/// The current KooCLI profile, or otherwise the SDKs' file. KooCLI encrypts keys by default, so an encrypted profile is
/// an error only if there is no other source.
fn in_files() -> anyhow::Result<Found> {
    let unusable = match profile(None) {
        Ok(Some(found)) => return Ok(found),
        Ok(None) => None,
        Err(error) => match error.downcast_ref::<FileError>() {
            Some(FileError::Encrypted { .. } | FileError::NoKeys { .. }) => Some(error),
            _ => return Err(error),
        },
    };
    match (sdk_file()?, unusable) {
        (Some(found), _) => Ok(found),
        (None, Some(error)) => Err(error.context(Advised::new(NO_CREDENTIALS, GIVE_CREDENTIALS))),
        (None, None) => Err(no_credentials()),
    }
}

/// The named profile, which must exist, or the current one, if there is one.
fn profile(name: Option<&str>) -> anyhow::Result<Option<Found>> {
    let Some(path) = at_home(".hcloud/config.json") else { return Ok(None) };
    match (read(&path)?, name) {
        (Some(text), name) => Ok(credential_file::profile(&path.display().to_string(), &text, name)?),
        (None, None) => Ok(None),
        (None, Some(name)) => {
            let message = format!("there is no profile `{name}`: the file {} does not exist", path.display());
            Err(advised(message, "create it with `hcloud configure init`, or leave --profile out"))
        }
    }
}

fn sdk_file() -> anyhow::Result<Option<Found>> {
    let named = std::env::var(SDK_FILE_VARIABLE).ok().filter(|path| !path.is_empty()).map(PathBuf::from);
    let is_named = named.is_some();
    let Some(path) = named.or_else(|| at_home(".huaweicloud/credentials")) else { return Ok(None) };
    match read(&path)? {
        Some(text) => Ok(credential_file::sdk(&path.display().to_string(), &text)?),
        None if is_named => bail!("{SDK_FILE_VARIABLE} names {}, which does not exist", path.display()),
        None => Ok(None),
    }
}

/// Returns `None` if the file does not exist.
fn read(path: &Path) -> anyhow::Result<Option<String>> {
    let read = || manifest::open_regular(path).and_then(std::io::read_to_string);
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

fn at_home(path: &str) -> Option<PathBuf> {
    Some(std::env::home_dir()?.join(path))
}

const NO_CREDENTIALS: &str = "no credentials are set";

fn no_credentials() -> anyhow::Error {
    advised(NO_CREDENTIALS, GIVE_CREDENTIALS)
}

/// A service's address in a region of a known cloud.
fn region_address(service: Service, settings: &AccountSettings, region: &str) -> anyhow::Result<Url> {
    let cloud = settings.cloud.as_ref().map(|cloud| cloud.value.as_str()).or_else(|| region::cloud(region));
    let cloud = cloud.ok_or_else(|| {
        let help = known_region(region, "A region of another cloud needs --cloud DOMAIN or --endpoint URL");
        advised(format!("the region `{region}` is not known"), help)
    })?;
    address::parse(Address::Cloud, &region::url(service, region, cloud))
}

/// The region that was probably meant, or all known regions; then another sentence.
fn known_region(region: &str, more: &str) -> String {
    let known = manifest::suggestion(region, "known regions", region::known());
    let end = if known.ends_with('?') { "" } else { "." };
    format!("{known}{end} {more}")
}

/// Signatures protect the secret key. Without TLS, nothing protects code, secrets and tokens.
fn warn_of_plain(url: &Url) {
    if url.scheme() == "http" && !is_loopback(url) {
        errln!("warning: {url} does not use https: anyone on the network path can read what is sent");
    }
}

/// Reads a secret, which cannot be empty.
pub(super) fn secret() -> impl TypedValueParser<Value = SecretString> {
    NonEmptyStringValueParser::new().map(SecretString::from)
}
