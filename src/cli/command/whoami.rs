//! `fgctl whoami`: shows which account and endpoint commands use. It prints no secrets.

use serde_json::json;

use crate::client::{Credentials, Endpoint};
use crate::render::{self, printable};

use crate::cli::Exit;
use crate::cli::account::{Account, Outline, ProjectSource, Setting};
use crate::cli::connection::{Connection, ConnectionArguments};
use crate::cli::environment_arguments::EnvironmentArguments;
use crate::cli::failure::{Refused, reported};
use crate::cli::help;
use crate::cli::output::Output;

const EXAMPLES: &str = "\
Examples:
  # Show the account, and check the connection
  fgctl whoami

  # Show the account of a KooCLI profile
  fgctl whoami --profile production";

/// Show the credentials (without secrets), endpoint, region and project that commands use
///
/// fgctl also shows where each value comes from, such as a flag, a variable or a file. It shows no secrets. If fgctl
/// refuses to connect, for example because the environment is for another region, or if the connection fails, fgctl
/// shows the values and then the error.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, help_heading = help::OUTPUT)]
    output: Output,
    #[command(flatten)]
    environment: EnvironmentArguments,
    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.output, show(arguments)).await
}

async fn show(arguments: &Arguments) -> anyhow::Result<Exit> {
    let environment = arguments.environment.select()?;
    let name = environment.as_ref().map(|environment| environment.name.as_str());
    match Connection::open(&arguments.connection, environment.as_ref()).await {
        Ok(connection) => {
            print(&Shown { name, ..Shown::from(connection.account()) }, arguments.output);
            connection.close().await;
            Ok(Exit::Done)
        }
        Err(error) => match arguments.connection.outline(environment.as_ref()) {
            Some(outline) => unconnected(&Shown { name, ..Shown::from(&outline) }, error, arguments.output),
            None => Err(error),
        },
    }
}

/// Shows what is known although the connection is refused or fails, because this is what shows why.
fn unconnected(shown: &Shown<'_>, error: anyhow::Error, output: Output) -> anyhow::Result<Exit> {
    match (output, error.downcast_ref::<Refused>()) {
        (Output::Human, _) => print(shown, output),
        (Output::Json, Some(Refused { diagnostics })) => {
            let mut document = json(shown);
            document["diagnostics"] = render::diagnostic::json(diagnostics);
            outln!("{document:#}");
            err!("{}", render::diagnostic::human(diagnostics));
            return Ok(Exit::Failed);
        }
        // The document of a failure is the only one.
        (Output::Json, None) => {}
    }
    Err(error)
}

/// What is shown: values, and what gives them.
struct Shown<'a> {
    /// The name of the environment.
    name: Option<&'a str>,
    source: &'a str,
    credentials: &'a Credentials,
    endpoint: (&'a str, &'a str),
    region: (&'a str, &'a str),
    project: Project<'a>,
}

enum Project<'a> {
    Id {
        id: &'a str,
        source: &'a str,
    },
    LookedUp {
        id: &'a str,
        name: &'a str,
    },
    /// Its id is not known.
    Named {
        name: &'a str,
        source: &'a str,
    },
}

impl<'a> From<&'a Account> for Shown<'a> {
    fn from(account: &'a Account) -> Self {
        let Account { endpoint: Endpoint { url, region, project_id: id }, credentials, source, .. } = account;
        let project = match &account.project {
            ProjectSource::Given { source } => Project::Id { id, source },
            ProjectSource::LookedUp { name } => Project::LookedUp { id, name },
        };
        let (endpoint, region) = ((url.as_str(), &*account.url_source), (region.as_str(), &*account.region_source));
        Self { name: None, source, credentials, endpoint, region, project }
    }
}

impl<'a> From<&'a Outline> for Shown<'a> {
    fn from(outline: &'a Outline) -> Self {
        let Outline { credentials, source, url: (url, url_source), region, .. } = outline;
        let project = match outline.project() {
            Ok(Setting { value: id, source }) => Project::Id { id, source },
            Err(Setting { value: name, source }) => Project::Named { name, source },
        };
        let (endpoint, region) = ((url.as_str(), url_source.as_str()), (&*region.value, &*region.source));
        Self { name: None, source, credentials, endpoint, region, project }
    }
}

fn print(shown: &Shown<'_>, output: Output) {
    match output {
        Output::Human => out!("{}", human(shown)),
        Output::Json => outln!("{:#}", json(shown)),
    }
}

fn human(shown: &Shown<'_>) -> String {
    let Shown { name, source, credentials, endpoint, region, project } = shown;
    let project = match project {
        Project::Id { id, source } => format!("{id} ({source})"),
        Project::LookedUp { id, name } => format!("{id} (looked up by its name, {name})"),
        Project::Named { name, source } => format!("the one named {name} ({source}), whose id is not known"),
    };
    let credentials = match credentials {
        Credentials::Token(_) => "a token".to_owned(),
        Credentials::Keys { access_key, security_token: None, .. } => format!("access key {}", masked(access_key)),
        Credentials::Keys { access_key, security_token: Some(_), .. } => {
            format!("temporary access key {}", masked(access_key))
        }
    };
    let from = |(value, source): &(&str, &str)| format!("{value} ({source})");
    let rows = [
        ("source", (*source).to_owned()),
        ("credentials", credentials),
        ("endpoint", from(endpoint)),
        ("region", from(region)),
        ("project", project),
    ];
    let environment = name.map(|name| ("environment", name.to_owned()));
    // Names of profiles and projects come from files and the environment.
    let row = |(label, value): (&str, String)| format!("{label:<12} {}\n", printable(&value));
    environment.into_iter().chain(rows).map(row).collect()
}

fn json(shown: &Shown<'_>) -> serde_json::Value {
    let Shown { name, source, credentials, endpoint, region, project } = shown;
    let (kind, access_key) = match credentials {
        Credentials::Token(_) => ("token", None),
        Credentials::Keys { access_key, security_token: None, .. } => ("keys", Some(masked(access_key))),
        Credentials::Keys { access_key, security_token: Some(_), .. } => ("temporary_keys", Some(masked(access_key))),
    };
    let (id, id_source, looked_up_by) = match *project {
        Project::Id { id, source } => (Some(id), Some(source), None),
        Project::LookedUp { id, name } => (Some(id), None, Some(name)),
        Project::Named { name, source: _ } => (None, None, Some(name)),
    };
    json!({
        "format_version": "1.0",
        "environment": name,
        "source": source,
        "credentials": kind,
        "access_key": access_key,
        "endpoint": endpoint.0,
        "endpoint_source": endpoint.1,
        "region": region.0,
        "region_source": region.1,
        "project_id": id,
        "project_source": id_source,
        "project_looked_up_by": looked_up_by,
    })
}

/// Shows enough to recognize one's own keys.
fn masked(access_key: &str) -> String {
    let shown: String = access_key.chars().take((access_key.chars().count() / 2).min(4)).collect();
    format!("{shown}…")
}
