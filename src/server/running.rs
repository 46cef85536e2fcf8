//! A server's life: take the directory, open the store, listen, serve, end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::authentication::Keys;
use super::credentials::{self, Credentials, CredentialsError};
use super::directory::{DataDirectory, DirectoryError, Owner};
use super::routes::{self, Service};
use super::settings::{Overrides, Publish, Settings};
use super::store::{self, OpenError, Store};

const DATABASE: &str = "store.db";
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
    accepting: tokio::task::JoinHandle<io::Result<()>>,
    end: oneshot::Sender<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "{0} is reachable from other machines, and whoever reaches the server runs code here: listen on a loopback address, such as 127.0.0.1:0"
    )]
    NotLoopback(SocketAddr),
    #[error("{0}")]
    Setting(&'static str),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("the server cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the store's thread does not start: {0}")]
    Thread(io::Error),
}

/// Starts a server in this process; when this returns, it accepts requests.
///
/// A directory that is in use is [`DirectoryError::Taken`], which says by whom and, if it is published, at what address.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    let Settings { directory, listen, overrides, function_quota, publish, command, clock } = settings;
    if !listen.ip().is_loopback() {
        return Err(StartError::NotLoopback(listen));
    }
    check(&overrides)?;
    let claimed = DataDirectory::claim(&directory)?;
    let mut owner = Owner::this_process(command, super::clock::timestamp(clock.now().as_second()));
    claimed.announce(&owner)?;
    let kept = credentials::ensure(&directory)?;
    let Credentials { region, project_id, access_key, secret_key, token } = overridden(&kept, overrides);
    let connection = store::open(&claimed.private_file(DATABASE)?)?;
    let (listener, address) = bind(listen).await?;
    if publish == Publish::Address {
        owner.address = Some(address);
        owner.region = Some(region.clone());
        owner.project_id = Some(project_id.clone());
        claimed.announce(&owner)?;
    }
    let keys = Keys::new([(access_key.clone(), secret_key.clone()), (kept.access_key, kept.secret_key)], &token);
    let (store, store_thread) = Store::spawn(connection, claimed).map_err(StartError::Thread)?;
    let service = Service {
        store: store.clone(),
        region: region.clone(),
        project_id: project_id.clone(),
        keys,
        function_quota,
        clock,
    };
    let (end, ended) = oneshot::channel();
    let accepting = accept(listener, service, ended);
    Ok(Running { address, region, project_id, access_key, secret_key, token, store, store_thread, accepting, end })
}

impl Running {
    /// Lets requests that have begun end, writes everything to disk and gives the directory back.
    pub async fn stop(self) {
        let Self { store, store_thread, mut accepting, end, .. } = self;
        drop(end);
        if tokio::time::timeout(GRACE, &mut accepting).await.is_err() {
            accepting.abort();
        }
        store.close().await;
        let joined = tokio::task::spawn_blocking(move || store_thread.join());
        // A thread that panicked has dropped the connection and the lock as well.
        let _ = joined.await;
    }
}

/// Serves until the other end of `ended` sends or is dropped.
fn accept(
    listener: TcpListener,
    service: Service,
    ended: oneshot::Receiver<()>,
) -> tokio::task::JoinHandle<io::Result<()>> {
    let listener = listener.tap_io(|stream| {
        // Only speed depends on it.
        let _ = stream.set_nodelay(true);
    });
    let serving = axum::serve(listener, routes::router(Arc::new(service)));
    tokio::spawn(serving.with_graceful_shutdown(async { drop(ended.await) }).into_future())
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

fn overridden(kept: &Credentials, overrides: Overrides) -> Credentials {
    let Overrides { region, project_id, access_key, secret_key } = overrides;
    Credentials {
        region: region.unwrap_or_else(|| kept.region.clone()),
        project_id: project_id.unwrap_or_else(|| kept.project_id.clone()),
        access_key: access_key.unwrap_or_else(|| kept.access_key.clone()),
        secret_key: secret_key.unwrap_or_else(|| kept.secret_key.clone()),
        token: kept.token.clone(),
    }
}
