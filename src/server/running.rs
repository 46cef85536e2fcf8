//! A server's life: take the directory, open the store, listen, serve, end.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

use super::completion;
use super::connections::{self, Limits};
use super::courier::Courier;
use super::credentials::{self, Credentials, CredentialsError};
use super::damage;
use super::descriptors;
use super::directory::{DataDirectory, DirectoryError, Owner};
use super::dispatcher::{Dispatcher, Equipment};
use super::identity::ServiceIdentity;
use super::journal::Journal;
use super::keys::Keys;
use super::lifecycle::Backoff;
use super::routes;
use super::runtime::{self, Isolation, Runtimes};
use super::service::Service;
use super::settings::{Backlog, Exposure, Overrides, Publish, Settings};
use super::store::{self, OpenError, Store, StoreFailure, notification, queue};
use super::transaction::{Context, Transaction};

const DATABASE: &str = "store.db";
/// Workers that may live at one time, for each that may run: the others wait for a call of their function.
const WORKERS_PER_PLACE: usize = 2;
/// The longest wait between two attempts.
const LONGEST_RETRY_WAIT: Duration = Duration::from_mins(1);
/// The longest wait between two tries to deliver a notification.
const LONGEST_REDELIVERY_WAIT: Duration = Duration::from_mins(5);
/// Between two looks at whether there is anything left to do.
const QUIET_LOOK: Duration = Duration::from_millis(25);
/// How long requests that have begun may take to end, when the server does.
const GRACE: Duration = Duration::from_secs(5);

/// A server that accepts requests. Dropping it ends it too, without waiting for that.
pub struct Running {
    pub address: SocketAddr,
    pub region: String,
    pub project_id: String,
    pub access_key: String,
    pub secret_key: SecretString,
    /// Accepted in `X-Auth-Token`, instead of a signature.
    pub token: SecretString,
    store: Store,
    store_thread: std::thread::JoinHandle<()>,
    accepting: JoinHandle<()>,
    end: oneshot::Sender<()>,
    work: Work,
}

/// What goes on besides answering requests.
struct Work {
    dispatching: JoinHandle<()>,
    delivering: JoinHandle<()>,
    runtimes: Runtimes,
    backlog: Backlog,
    /// Tells both to begin nothing more, and when it is dropped, that nobody waits for what has begun.
    ended: watch::Sender<bool>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "{0} is reachable from other machines, and who has the server's keys runs code here: listen on a loopback address, such as 127.0.0.1:0, or give --expose and read what it says"
    )]
    NotLoopback(SocketAddr),
    #[error("{0}")]
    Setting(&'static str),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("{path}: {source}", path = path.display())]
    Store { path: PathBuf, source: OpenError },
    #[error("the server cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the store's thread does not start: {0}")]
    Thread(io::Error),
    #[error("what the last server left unfinished cannot be taken up: {0}")]
    Recovery(String),
    #[error("the server cannot make HTTP requests: {0}")]
    Http(#[from] reqwest::Error),
}

/// Starts a server in this process; when this returns, it accepts requests.
///
/// A directory that is in use is [`DirectoryError::Taken`], which says by whom and, if it is published, at what address.
/// A lock that a killed server's child still holds is waited for.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    let Settings { listen, exposure, .. } = settings;
    if exposure == Exposure::Loopback && !listen.ip().is_loopback() {
        return Err(StartError::NotLoopback(listen));
    }
    check(&settings.overrides)?;
    let Settings { directory, overrides, function_quota, publish, command, clock, .. } = &settings;
    let claimed = DataDirectory::claim(directory).await?;
    let mut owner = Owner::this_process(command.clone(), super::clock::timestamp(clock.now().as_second()));
    claimed.announce(&owner)?;
    let kept = credentials::ensure(directory)?;
    let Credentials { region, project_id, access_key, secret_key, token } = overridden(&kept, overrides);
    let path = claimed.private_file(DATABASE)?;
    let connection = store::open(&path).map_err(|source| StartError::Store { path, source })?;
    let (listener, address) = bind(listen).await?;
    if *publish == Publish::Address {
        owner.address = Some(address);
        owner.region = Some(region.clone());
        owner.project_id = Some(project_id.clone());
        claimed.announce(&owner)?;
    }
    let keys = Keys::new([(access_key.clone(), secret_key.clone()), (kept.access_key, kept.secret_key)], &token);
    let (store, store_thread) = Store::spawn(connection, claimed).map_err(StartError::Thread)?;
    let wait = |longest: Duration| Backoff { first: settings.retry_wait, longest: longest.max(settings.retry_wait) };
    let (retry, redelivery) = (wait(LONGEST_RETRY_WAIT), wait(LONGEST_REDELIVERY_WAIT));
    let identity = ServiceIdentity { region: region.clone(), project_id: project_id.clone() };
    let context = Arc::new(Context { identity: identity.clone(), retry, redelivery });
    if settings.backlog == Backlog::Worked {
        recover(&store, &context, (clock.now().as_millisecond(), &settings.journal)).await?;
    }
    let (function_quota, clock, client_patience) = (*function_quota, clock.clone(), settings.client_patience);
    let journal = settings.journal.clone();
    let (work, dispatcher, courier) = work(settings, store.clone(), Arc::clone(&context))?;
    let service = Service {
        store: store.clone(),
        identity,
        keys,
        function_quota,
        clock,
        context,
        runtimes: work.runtimes.clone(),
        dispatcher,
        courier,
        journal: journal.clone(),
        client_patience,
    };
    let (end, ended) = oneshot::channel();
    let limits = Limits { connections: descriptors::connections(), patience: client_patience };
    let router = routes::router(Arc::new(service));
    let accepting = tokio::spawn(connections::serve(listener, router, (limits, journal), ended));
    Ok(Running {
        address,
        region,
        project_id,
        access_key,
        secret_key,
        token,
        store,
        store_thread,
        accepting,
        end,
        work,
    })
}

/// Ends what a server that was killed left running.
async fn recover(store: &Store, context: &Arc<Context>, (now, journal): (i64, &Journal)) -> Result<(), StartError> {
    let failed = |failure: StoreFailure| StartError::Recovery(failure.to_string());
    let mending = Arc::clone(context);
    let mended = store.run(move |store| damage::mend(Transaction { store, context: &mending, now })).await;
    let mended = mended.map_err(failed)?;
    if mended > 0 {
        journal.warn(|| format!("{mended} rows of the store are damaged: what they belong to ends as failed"));
    }
    loop {
        let context = Arc::clone(context);
        let some = store.run(move |store| completion::recover(Transaction { store, context: &context, now })).await;
        if !some.map_err(failed)? {
            return Ok(());
        }
    }
}

/// Begins to run what waits and to deliver what is owed.
fn work(
    settings: Settings,
    store: Store,
    context: Arc<Context>,
) -> Result<(Work, Dispatcher, Arc<Notify>), StartError> {
    let Settings {
        directory,
        clock,
        concurrency,
        search_path,
        launcher,
        subscriptions,
        object_store,
        backlog,
        journal,
        ..
    } = settings;
    // Failures name files below it, and runtimes say where those are without links and `..`.
    let directory = std::fs::canonicalize(&directory).unwrap_or(directory);
    let runtimes = Runtimes::new(runtime::Settings {
        launcher,
        workers: concurrency.total * WORKERS_PER_PLACE,
        ..runtime::Settings::new(directory.clone(), search_path, clock.clone())
    });
    let owed = Arc::new(Notify::new());
    let (ended, told) = watch::channel(false);
    let told_of_it = Arc::clone(&owed);
    let equipment = Equipment {
        store,
        clock,
        context,
        runtimes: runtimes.clone(),
        concurrency,
        backlog,
        owed: told_of_it,
        journal,
    };
    let (dispatcher, dispatching) = Dispatcher::new(equipment.clone(), told.clone());
    let courier = Courier::new(equipment, dispatcher.clone(), &directory, (object_store, subscriptions))?;
    let delivering = match backlog {
        Backlog::Worked => tokio::spawn(courier.run(Arc::clone(&owed), told)),
        Backlog::Left => tokio::spawn(async {}),
    };
    let work = Work { dispatching: tokio::spawn(dispatching), delivering, runtimes, backlog, ended };
    Ok((work, dispatcher, owed))
}

impl Running {
    /// Waits until nothing is queued, runs, or is still to be delivered.
    pub async fn quiet(&self) {
        let is_quiet = |store: &rusqlite::Connection| {
            Ok::<_, StoreFailure>(!queue::any_unfinished(store)? && !notification::any_owed(store)?)
        };
        while self.store.run_unflushed(is_quiet).await == Ok(false) {
            tokio::time::sleep(QUIET_LOOK).await;
        }
    }

    /// What keeps functions apart from this server; none where no function can run.
    pub async fn isolation(&self) -> Option<Isolation> {
        self.work.runtimes.isolation().await
    }

    /// Begins nothing more, and waits for the runs that have begun, however long they take.
    pub async fn finish(&self) {
        self.work.ended.send_replace(true);
        if self.work.backlog == Backlog::Left {
            // What the store has as running is what another server left behind.
            return;
        }
        let runs = |store: &rusqlite::Connection| Ok::<_, StoreFailure>(!queue::running(store, 1)?.is_empty());
        while self.store.run_unflushed(runs).await == Ok(true) {
            tokio::time::sleep(QUIET_LOOK).await;
        }
    }

    /// Lets requests and runs that have begun end, writes everything to disk and gives the directory back. What runs on
    /// is cut off, and has failed when the next server starts; what waits, waits for that.
    ///
    /// Answers the ids of functions' processes that could not be killed.
    pub async fn stop(self) -> Vec<u32> {
        let Self { store, store_thread, mut accepting, end, work, .. } = self;
        let Work { dispatching, delivering, runtimes, backlog: _, ended } = work;
        drop((end, ended));
        let answering = async {
            if tokio::time::timeout(GRACE, &mut accepting).await.is_err() {
                accepting.abort();
            }
        };
        // The ends of all three are bounded; one that panicked has ended as well.
        let _ = tokio::join!(answering, dispatching, delivering);
        let left = runtimes.stop().await;
        store.close().await;
        let joined = tokio::task::spawn_blocking(move || store_thread.join());
        // A thread that panicked has dropped the connection and the lock as well.
        let _ = joined.await;
        left
    }
}

async fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// URNs are split at colons and paths at slashes, so neither may occur in what they are made of.
fn check(overrides: &Overrides) -> Result<(), StartError> {
    let plain = |text: &Option<String>| {
        text.as_ref().is_none_or(|text| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
    };
    let Overrides { region, project_id, access_key, secret_key } = overrides;
    if !plain(region) {
        return Err(StartError::Setting("a region consists of letters, digits, - and _"));
    }
    if !plain(project_id) {
        return Err(StartError::Setting("a project id consists of letters, digits, - and _"));
    }
    if access_key.is_some() != secret_key.is_some() {
        return Err(StartError::Setting("an access key and a secret key are given together, or not at all"));
    }
    let has_secret = secret_key.as_ref().is_none_or(|secret_key| !secret_key.expose_secret().is_empty());
    if !plain(access_key) || !has_secret {
        return Err(StartError::Setting(
            "an access key consists of letters, digits, - and _, and a secret key is not empty",
        ));
    }
    Ok(())
}

fn overridden(kept: &Credentials, overrides: &Overrides) -> Credentials {
    let Overrides { region, project_id, access_key, secret_key } = overrides;
    Credentials {
        region: region.as_ref().unwrap_or(&kept.region).clone(),
        project_id: project_id.as_ref().unwrap_or(&kept.project_id).clone(),
        access_key: access_key.as_ref().unwrap_or(&kept.access_key).clone(),
        secret_key: secret_key.as_ref().unwrap_or(&kept.secret_key).clone(),
        token: kept.token.clone(),
    }
}
