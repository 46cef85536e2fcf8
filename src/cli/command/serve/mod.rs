//! `fgctl serve`: runs the local server until it is stopped.

mod journal;

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::ValueHint;
use clap::builder::NonEmptyStringValueParser;
use reqwest::Url;
use secrecy::SecretString;

use crate::cli::account::secret;
use crate::cli::failure::{advised, stated};
use crate::cli::flag_value::{FlagError, duration, number};
use crate::cli::help;
use crate::cli::interruption::Signals;
use crate::server::{
    self, Concurrency, Detail, DirectoryError, Exposure, ObjectStore, Options, Overrides, Publish, RemoteStore,
    Settings, StartError, StorageError, Subscription,
};

use self::journal::{LogFormat, Writer};

const EXAMPLES: &str = "\
Examples:
  # Serve on a free port, with the data in .fgctl
  fgctl serve

  # Serve on a fixed port, and print each request and each attempt
  fgctl serve --listen 127.0.0.1:8080 --verbose

  # Post the messages of the topic `pager` to a program on this machine
  fgctl serve --subscribe pager=http://127.0.0.1:9000/";

/// Run the embedded server, for development and tests
///
/// The server implements the FunctionGraph API, and stores everything in one directory. Only this machine can reach it,
/// unless you give --expose. Clients need the keys or the token in `credentials.json`, which the server creates in that
/// directory. Commands with --local use this server automatically if it runs on their data directory.
///
/// Policies and triggers can form a cycle. A chain of notifications from function to function therefore ends after 16
/// hops: the server starts no further function, and `fgctl invoke --follow` shows the chain. The server also drops a
/// notification to a function if it is larger than 256 KB, which is the limit of asynchronous events.
///
/// Functions that use a container image run with podman or docker, whichever has the image locally. The server does not
/// pull images. All users of this machine can reach the containers; other machines normally cannot.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The directory that contains all data
    #[arg(long, value_name = "DIR", default_value = ".fgctl", value_hint = ValueHint::DirPath)]
    data: PathBuf,
    /// The address and the port to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0", value_parser = socket_address)]
    listen: SocketAddr,
    /// Allow --listen to use an address that other machines can reach
    ///
    /// This is for networks that you trust, such as a Compose network. Every request still needs a signature or the token.
    /// But the connection is not encrypted, so others on the network can read the token. Anyone who has the keys or the
    /// token can run code on this machine as your user.
    #[arg(long)]
    expose: bool,
    /// Enforce a quota of N functions, as the service does
    #[arg(long, value_name = "functions=N", hide_short_help = true, value_parser = function_quota)]
    quota: Option<u32>,
    /// Print a line to standard error for each request and each attempt
    #[arg(short, long, help_heading = help::OUTPUT)]
    verbose: bool,
    /// The format of warnings and of the lines of --verbose; json prints one object per line
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, hide_short_help = true, help_heading = help::OUTPUT)]
    log_format: LogFormat,
    /// The region of the server, instead of the one in `credentials.json`
    #[arg(long, value_name = "REGION", hide_short_help = true, help_heading = help::CONNECTION, value_parser = NonEmptyStringValueParser::new())]
    region: Option<String>,
    /// The project of the server, instead of the one in `credentials.json`
    #[arg(long, value_name = "ID", hide_short_help = true, help_heading = help::CONNECTION, value_parser = NonEmptyStringValueParser::new())]
    project_id: Option<String>,
    /// An access key that the server accepts, besides the one in `credentials.json`
    ///
    /// Default: the value of `FGCTL_ACCESS_KEY`.
    #[arg(long, value_name = "KEY", env = "FGCTL_ACCESS_KEY", hide_env = true, hide_short_help = true, help_heading = help::CONNECTION, value_parser = NonEmptyStringValueParser::new())]
    access_key: Option<String>,
    /// The secret key for --access-key
    ///
    /// Set the variable `FGCTL_SECRET_KEY` instead if you can, because other users of the machine can see options.
    #[arg(long, value_name = "KEY", env = "FGCTL_SECRET_KEY", hide_env = true, hide_short_help = true, help_heading = help::CONNECTION, value_parser = secret())]
    secret_key: Option<SecretString>,
    /// The maximum number of concurrent runs
    ///
    /// Default: 16, or 4 for each processor if that is more. If both synchronous and asynchronous runs are waiting, each
    /// kind gets half of the capacity. A synchronous call waits for at most a minute; then the server answers with 429. An
    /// asynchronous request waits at most until its validity period ends.
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = help::SPEED, value_parser = |text: &str| number::<u16>(text, 1..=u16::MAX.into()))]
    max_concurrency: Option<u16>,
    /// The maximum number of concurrent runs of one function
    ///
    /// This applies even if `scaling.max_instances` of the function is higher. Default: half of --max-concurrency, so 8
    /// of 16.
    #[arg(long, value_name = "N", allow_negative_numbers = true, hide_short_help = true, help_heading = help::SPEED, value_parser = |text: &str| number::<u16>(text, 1..=u16::MAX.into()))]
    max_concurrency_per_function: Option<u16>,
    /// The wait before the first retry of a failed attempt or delivery
    ///
    /// Each further wait is twice as long.
    #[arg(long, value_name = "TIME", help_heading = help::SPEED, default_value = "1s", value_parser = wait)]
    retry_wait: Duration,
    /// Post each message of a topic to a URL on this machine or in a private network
    ///
    /// You can repeat this option.
    #[arg(long, value_name = "TOPIC=URL", help_heading = help::NOTIFICATION, value_parser = Subscription::parse)]
    subscribe: Vec<Subscription>,
    /// Put notifications for OBS into an S3-compatible store instead of the data directory
    #[arg(long, value_name = "URL", help_heading = help::NOTIFICATION, requires_all = ["obs_access_key", "obs_secret_key"])]
    obs_endpoint: Option<Url>,
    /// The region for signing requests to the store of --obs-endpoint
    #[arg(long, value_name = "REGION", hide_short_help = true, help_heading = help::NOTIFICATION, default_value = "us-east-1", value_parser = NonEmptyStringValueParser::new())]
    obs_region: String,
    /// The access key for the store of --obs-endpoint
    ///
    /// Default: the value of `FGCTL_OBS_ACCESS_KEY`.
    #[arg(long, value_name = "KEY", env = "FGCTL_OBS_ACCESS_KEY", hide_env = true, hide_short_help = true, help_heading = help::NOTIFICATION, value_parser = NonEmptyStringValueParser::new())]
    obs_access_key: Option<String>,
    /// The secret key for the store of --obs-endpoint
    ///
    /// Set the variable `FGCTL_OBS_SECRET_KEY` instead if you can, because other users of the machine can see options.
    #[arg(long, value_name = "KEY", env = "FGCTL_OBS_SECRET_KEY", hide_env = true, hide_short_help = true, help_heading = help::NOTIFICATION, value_parser = secret())]
    obs_secret_key: Option<SecretString>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<crate::cli::Exit> {
    let (object_store, concurrency) = (object_store(&arguments), concurrency(&arguments));
    let detail = if arguments.verbose { Detail::Everything } else { Detail::Warnings };
    let exposure = if arguments.expose { Exposure::Network } else { Exposure::Loopback };
    let (writer, journal) = Writer::start(detail, arguments.log_format).context("the log cannot be written")?;
    let Arguments { data, listen, region, project_id, access_key, secret_key, quota, retry_wait, subscribe, .. } =
        arguments;
    let settings = crate::cli::connection::local_settings(data, "fgctl serve");
    let options = Options {
        journal,
        overrides: Overrides { region, project_id, access_key, secret_key },
        function_quota: quota,
        concurrency,
        retry_wait,
        subscriptions: subscribe,
        object_store,
        ..settings.options
    };
    let settings = Settings { listen, exposure, publish: Publish::Address, options, ..settings };
    // Register before printing "ready", because the reader may stop the server at once.
    let mut signals = Signals::listen().context("signals cannot be received")?;
    let running = server::start(settings).await.map_err(with_advice)?;
    if !running.address.ip().is_loopback() {
        errln!(
            "warning: other machines can reach {} without encryption: anyone with the keys or the token can run code here as your user.",
            running.address
        );
    }
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{}", running.address)?;
    stdout.flush()?;
    let told_to_end = signals.any();
    tokio::pin!(told_to_end);
    tokio::select! {
        isolation = running.function_graph.isolation() => {
            if let Some(isolation) = isolation {
                errln!("{isolation}");
            }
            told_to_end.await;
        }
        () = &mut told_to_end => {}
    }
    if tokio::time::timeout(crate::cli::connection::PATIENCE, running.function_graph.finish()).await.is_err() {
        errln!("Stopping: functions that are still running have a few seconds to end; after that, their runs fail.");
    }
    for process in running.stop().await {
        errln!("Process {process} of a function could not be killed and is still running.");
    }
    writer.finish();
    Ok(crate::cli::Exit::Done)
}

/// What to do if the server does not start.
fn with_advice(error: StartError) -> anyhow::Error {
    let help = match &error {
        StartError::Listen { source, .. } if source.kind() == ErrorKind::AddrInUse => {
            "another program uses this port: choose another one, or port 0 for any free one"
        }
        StartError::Listen { source, .. } if source.kind() == ErrorKind::PermissionDenied => "choose a port above 1023",
        StartError::Listen { .. } => "give --listen an address of this machine, such as 127.0.0.1:0",
        StartError::Storage(StorageError::Directory(DirectoryError::Taken { .. })) => {
            "use that server with `--local`, end it, or give --data another directory"
        }
        StartError::NotLoopback(_) => {
            "listen on a loopback address, such as 127.0.0.1:0, or see --expose in `fgctl serve --help`"
        }
        StartError::Storage(StorageError::Directory(DirectoryError::Unusable { .. })) => {
            "give --data a directory that you can write to"
        }
        StartError::Storage(_) | StartError::FunctionGraph(_) => return stated(error),
    };
    advised(error.to_string(), help)
}

fn concurrency(arguments: &Arguments) -> Concurrency {
    let Arguments { max_concurrency, max_concurrency_per_function, .. } = arguments;
    let concurrency = max_concurrency.map_or_else(Concurrency::default, |total| Concurrency::of(total.into()));
    let per_function = max_concurrency_per_function.map_or(concurrency.per_function, usize::from);
    Concurrency { per_function, ..concurrency }
}

fn object_store(arguments: &Arguments) -> ObjectStore {
    let Arguments { obs_endpoint, obs_region, obs_access_key, obs_secret_key, .. } = arguments;
    match (obs_endpoint, obs_access_key, obs_secret_key) {
        (Some(endpoint), Some(access_key), Some(secret_key)) => ObjectStore::Remote(RemoteStore {
            endpoint: endpoint.clone(),
            region: obs_region.clone(),
            access_key: access_key.clone(),
            secret_key: secret_key.clone(),
        }),
        _ => ObjectStore::Local,
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, FlagError> {
    text.parse().map_err(|_| FlagError::SocketAddress)
}

fn wait(text: &str) -> Result<Duration, FlagError> {
    // Doubling a wait of zero would give zero.
    let wait = duration(text).ok().filter(|wait| *wait >= Duration::from_millis(1));
    wait.ok_or(FlagError::Wait)
}

fn function_quota(text: &str) -> Result<u32, FlagError> {
    let number = text.strip_prefix("functions=").and_then(|number| number.parse().ok());
    number.ok_or(FlagError::Quota)
}
