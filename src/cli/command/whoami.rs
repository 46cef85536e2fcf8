//! `fgctl whoami`: shows which account and endpoint commands use. It prints no secrets.

use serde_json::json;

use crate::client::Credentials;
use crate::render::printable;

use crate::cli::Exit;
use crate::cli::account::{Account, ProjectSource};
use crate::cli::connection::{Connection, ConnectionArguments};
use crate::cli::environment_arguments::EnvironmentArguments;
use crate::cli::failure::reported;
use crate::cli::help;
use crate::cli::output::Output;

const EXAMPLES: &str = "\
Examples:
  # Show the account, and check the connection
  fgctl whoami

  # Show the account of a KooCLI profile
  fgctl whoami --profile production";

/// Show the account, endpoint, region and project that commands use
///
/// fgctl also shows where the credentials come from, but no secrets.
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
    let connection = Connection::open(&arguments.connection, environment.as_ref()).await?;
    match arguments.output {
        Output::Human => {
            let environment = environment.iter().map(|it| format!("environment  {}\n", printable(&it.name)));
            out!("{}{}", environment.collect::<String>(), human(connection.account()));
        }
        Output::Json => {
            let mut document = json(connection.account());
            document["environment"] = json!(environment.map(|environment| environment.name));
            outln!("{document:#}");
        }
    }
    connection.close().await;
    Ok(Exit::Done)
}

fn human(account: &Account) -> String {
    let Account { endpoint, credentials, source, project } = account;
    let project = match project {
        ProjectSource::Given => endpoint.project_id.clone(),
        ProjectSource::LookedUp { name } => format!("{} (looked up by its name, {name})", endpoint.project_id),
    };
    let credentials = match credentials {
        Credentials::Token(_) => "a token".to_owned(),
        Credentials::Keys { access_key, security_token: None, .. } => format!("access key {}", masked(access_key)),
        Credentials::Keys { access_key, security_token: Some(_), .. } => {
            format!("temporary access key {}", masked(access_key))
        }
    };
    let (url, region) = (&endpoint.url, &endpoint.region);
    // Names of profiles and projects come from files and the environment.
    let (source, project) = (printable(source), printable(&project));
    format!(
        "source       {source}\ncredentials  {credentials}\nendpoint     {url}\nregion       {region}\nproject      {project}\n"
    )
}

fn json(account: &Account) -> serde_json::Value {
    let Account { endpoint, credentials, source, project } = account;
    let (kind, access_key) = match credentials {
        Credentials::Token(_) => ("token", None),
        Credentials::Keys { access_key, security_token: None, .. } => ("keys", Some(masked(access_key))),
        Credentials::Keys { access_key, security_token: Some(_), .. } => ("temporary_keys", Some(masked(access_key))),
    };
    let looked_up_by = match project {
        ProjectSource::Given => None,
        ProjectSource::LookedUp { name } => Some(name),
    };
    json!({
        "format_version": "1.0",
        "source": source,
        "credentials": kind,
        "access_key": access_key,
        "endpoint": endpoint.url.as_str(),
        "region": endpoint.region,
        "project_id": endpoint.project_id,
        "project_looked_up_by": looked_up_by,
    })
}

/// Shows enough to recognize one's own keys.
fn masked(access_key: &str) -> String {
    let shown: String = access_key.chars().take((access_key.chars().count() / 2).min(4)).collect();
    format!("{shown}…")
}
