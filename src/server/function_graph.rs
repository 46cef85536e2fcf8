//! A FunctionGraph without a port: stores functions, runs them, and answers requests of this process.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use super::activity::Bell;
use super::clock::Clock;
use super::completion;
use super::core::Core;
use super::courier::{Courier, Outlets};
use super::credentials::Credentials;
use super::damage;
use super::dispatcher::{self, Dispatcher};
use super::identity::ServiceIdentity;
use super::ids::Ids;
use super::journal::Journal;
use super::keys::Keys;
use super::lifecycle::Backoff;
use super::routes::{Api, ApiRequest, ApiResponse};
use super::runtime::{self, Isolation, Runtimes};
use super::service::Service;
use super::settings::{Backlog, Options, OptionsError};
use super::shutdown::Shutdown;
use super::sources::{Folders, Sources};
use super::storage::Storage;
use super::store::{Store, StoreFailure, Stored, notification, queue};
use super::transaction::Context;

/// The number of workers per concurrent run. The additional ones stay idle until their function is called.
const WORKERS_PER_PLACE: usize = 2;
/// The longest wait between two attempts.
const LONGEST_RETRY_WAIT: Duration = Duration::from_mins(1);
/// The longest wait between two deliveries of a notification.
const LONGEST_REDELIVERY_WAIT: Duration = Duration::from_mins(5);

/// A running FunctionGraph. Dropping it stops it without waiting.
pub struct FunctionGraph {
    /// The credentials that it accepts, with its region and project.
    pub credentials: Credentials,
    core: Arc<Core>,
    api: Api,
    shutdown: Shutdown,
    backlog: Backlog,
    client_patience: Duration,
    store_thread: std::thread::JoinHandle<()>,
    dispatching: JoinHandle<()>,
    delivering: JoinHandle<()>,
    watching: JoinHandle<()>,
    _end: DropGuard,
}

#[derive(Debug, thiserror::Error)]
pub enum FunctionGraphError {
    #[error(transparent)]
    Options(#[from] OptionsError),
    #[error("the store's thread cannot be started: {0}")]
    Thread(std::io::Error),
    #[error("the last server's unfinished work cannot be continued: {0}")]
    Recovery(String),
    #[error("the server cannot make HTTP requests: {0}")]
    Http(#[from] reqwest::Error),
}

impl FunctionGraph {
    /// Opens the FunctionGraph of a store, and continues the unfinished work of an earlier one.
    pub async fn open(storage: Storage, clock: Clock, ids: Ids, options: Options) -> Result<Self, FunctionGraphError> {
        options.overrides.check()?;
        let Storage { connection, credentials: kept, folder } = storage;
        let credentials = options.overrides.applied_to(&kept);
        let data = folder.path();
        let shutdown = Shutdown::new();
        let runtimes = Runtimes::new(runtime::RuntimeOptions {
            launcher: options.launcher.clone(),
            tool_environment: options.tool_environment.clone(),
            workers: options.concurrency.total * WORKERS_PER_PLACE,
            clock: clock.clone(),
            ids: ids.clone(),
            runs: shutdown.runs.clone(),
            ..runtime::RuntimeOptions::new(data.clone(), options.search_path.clone())
        });
        let (store, store_thread) = Store::spawn(connection, folder).map_err(FunctionGraphError::Thread)?;
        let context = Arc::new(context(&credentials, ids, options.retry_wait));
        let core = Arc::new(Core { store, clock, context, runtimes, journal: options.journal.clone() });
        let Options { backlog, client_patience, function_quota, .. } = options;
        if backlog == Backlog::Worked {
            recover(&core).await?;
        }
        let folders = Arc::new(Folders::new(data.clone()));
        let outlets = Outlets::new(data, options.object_store, options.subscriptions)?;
        let owed = Arc::new(Bell::new(core.clock.activity().clone()));
        let settings =
            dispatcher::DispatcherSettings { concurrency: options.concurrency, backlog, courier: Arc::clone(&owed) };
        let (dispatcher, dispatching) = Dispatcher::new(Arc::clone(&core), settings, shutdown.clone());
        let changed = Arc::new(Bell::new(core.clock.activity().clone()));
        let watching = match backlog {
            Backlog::Worked => {
                let begun = Sources::begin(Arc::clone(&core), dispatcher.clone(), Arc::clone(&folders)).await;
                let sources = begun.map_err(|failure| FunctionGraphError::Recovery(failure.to_string()))?;
                tokio::spawn(sources.run(Arc::clone(&changed), shutdown.starting.clone()))
            }
            Backlog::Left => tokio::spawn(async {}),
        };
        let delivering = match backlog {
            Backlog::Worked => {
                let courier = Courier::new(Arc::clone(&core), dispatcher.clone(), outlets);
                tokio::spawn(courier.run(Arc::clone(&owed), shutdown.starting.clone()))
            }
            Backlog::Left => tokio::spawn(async {}),
        };
        let service = Service {
            core: Arc::clone(&core),
            keys: keys(&credentials, kept),
            function_quota,
            dispatcher,
            courier: owed,
            sources: changed,
            folders,
            shutdown: shutdown.clone(),
            client_patience,
        };
        Ok(Self {
            credentials,
            core,
            api: Api::new(Arc::new(service)),
            _end: shutdown.serving.clone().drop_guard(),
            shutdown,
            backlog,
            client_patience,
            store_thread,
            dispatching: tokio::spawn(dispatching),
            delivering,
            watching,
        })
    }

    /// Answers a request as on a port, with the same authentication and limits.
    pub async fn call(&self, request: ApiRequest) -> ApiResponse {
        self.answering()(request).await
    }

    /// Like [`Self::call`], as a function that does not depend on this type. It does not keep the server running.
    pub fn answering(&self) -> impl Fn(ApiRequest) -> BoxFuture<'static, ApiResponse> + use<> {
        let (api, core) = (self.api.clone(), Arc::clone(&self.core));
        move |request| {
            let (api, work) = (api.clone(), core.begin_work());
            Box::pin(async move {
                let answer = api.call(request).await;
                drop(work);
                answer
            })
        }
    }

    /// Waits until nothing is queued, running, or waiting for delivery.
    pub async fn quiet(&self) {
        let mut rests = self.core.clock.activity().rests();
        loop {
            rests.reached().await;
            let is_quiet = |store: &rusqlite::Connection| -> Stored<bool> {
                Ok(!queue::any_unfinished(store)? && !notification::any_owed(store)?)
            };
            // If the store fails, there is nothing to wait for.
            if self.core.store.run_unflushed(is_quiet).await != Ok(false) {
                return;
            }
            rests.next().await;
        }
    }

    /// What isolates functions from this server; `None` if functions cannot run.
    pub async fn isolation(&self) -> Option<Isolation> {
        self.core.runtimes.isolation().await
    }

    /// Starts no more runs, and waits until the current asynchronous runs have ended.
    pub async fn finish(&self) {
        self.shutdown.starting.cancel();
        if self.backlog == Backlog::Worked {
            self.shutdown.drained.cancelled().await;
        }
    }

    /// Waits for current runs, writes everything to disk and releases the store. Runs that take too long are cut off,
    /// and count as failed when the next server starts. Waiting requests stay in the store.
    ///
    /// Returns the ids of functions' processes that could not be killed.
    pub async fn stop(self) -> Vec<u32> {
        self.stop_after(async {}).await
    }

    /// Like [`Self::stop`], while another part stops too.
    pub(crate) async fn stop_after(self, other: impl Future<Output = ()>) -> Vec<u32> {
        let Self { core, shutdown, store_thread, dispatching, delivering, watching, api, .. } = self;
        shutdown.serving.cancel();
        drop(api);
        // Each of these ends within a limited time, even by a panic.
        let _ = tokio::join!(other, dispatching, delivering, watching);
        let left = core.runtimes.stop().await;
        core.store.close().await;
        let joined = tokio::task::spawn_blocking(move || store_thread.join());
        // A thread that panicked has also dropped the connection and the lock.
        let _ = joined.await;
        left
    }

    pub(crate) fn api(&self) -> Api {
        self.api.clone()
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.core.journal
    }

    pub(crate) fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    pub(crate) fn client_patience(&self) -> Duration {
        self.client_patience
    }
}

fn context(credentials: &Credentials, ids: Ids, retry_wait: Duration) -> Context {
    let Credentials { region, project_id, .. } = credentials;
    let wait = |longest: Duration| Backoff { first: retry_wait, longest: longest.max(retry_wait) };
    Context {
        identity: ServiceIdentity { region: region.clone(), project_id: project_id.clone() },
        ids,
        retry: wait(LONGEST_RETRY_WAIT),
        redelivery: wait(LONGEST_REDELIVERY_WAIT),
    }
}

/// Requests may use both this run's keys and the store's.
fn keys(credentials: &Credentials, kept: Credentials) -> Keys {
    let Credentials { access_key, secret_key, token, .. } = credentials;
    let pair: (String, SecretString) = (access_key.clone(), secret_key.clone());
    Keys::new([pair, (kept.access_key, kept.secret_key)], token)
}

/// Ends the running invocations of a killed server.
async fn recover(core: &Core) -> Result<(), FunctionGraphError> {
    let failed = |failure: StoreFailure| FunctionGraphError::Recovery(failure.to_string());
    let mended = core.transact(damage::mend).await.map_err(failed)?;
    if mended > 0 {
        core.journal.warn(|| {
            format!("{mended} rows of the store are damaged: the invocations that they belong to end as failed")
        });
    }
    while core.transact(completion::recover).await.map_err(failed)? {}
    Ok(())
}
