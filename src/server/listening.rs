//! A FunctionGraph that listens on a port.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::connections::{self, ConnectionSettings};
use super::descriptors;
use super::directory::Owner;
use super::function_graph::{FunctionGraph, FunctionGraphError};
use super::settings::{Exposure, Publish, Settings};
use super::storage::{Storage, StorageError};

/// How long requests in progress may take when the server ends.
const GRACE: Duration = Duration::from_secs(5);

/// A server that accepts requests. Dropping it stops it without waiting.
pub struct Server {
    pub address: SocketAddr,
    pub function_graph: FunctionGraph,
    accepting: JoinHandle<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("other machines can reach {0}, and anyone with the server's keys can run code here")]
    NotLoopback(SocketAddr),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    FunctionGraph(#[from] FunctionGraphError),
    #[error("the server cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
}

/// Starts a server in this process; when this returns, it accepts requests.
pub async fn start(settings: Settings) -> Result<Server, StartError> {
    let Settings { directory, command, listen, exposure, publish, clock, ids, options } = settings;
    if exposure == Exposure::Loopback && !listen.ip().is_loopback() {
        return Err(StartError::NotLoopback(listen));
    }
    options.overrides.check().map_err(FunctionGraphError::from)?;
    let storage = Storage::directory(&directory, &command, &clock).await?;
    // Listen before anything runs, so a server without a port has done nothing.
    let failed = |source| StartError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    if publish == Publish::Address {
        let address = listener.local_addr().map_err(failed)?;
        let credentials = options.overrides.applied_to(&storage.credentials);
        let (region, project_id) = (Some(credentials.region), Some(credentials.project_id));
        let published = |owner| Owner { address: Some(address), region, project_id, ..owner };
        storage.publish(published).map_err(StorageError::from)?;
    }
    let function_graph = Box::pin(FunctionGraph::open(storage, clock, ids, options)).await?;
    function_graph.listen(listener).map_err(failed)
}

impl FunctionGraph {
    /// Also answers requests on this port.
    pub fn listen(self, listener: TcpListener) -> io::Result<Server> {
        let address = listener.local_addr()?;
        let (connections, patience) = (descriptors::connections(), self.client_patience());
        let connections = ConnectionSettings { connections, patience, journal: self.journal().clone() };
        let ended = self.shutdown().serving.clone();
        let accepting = tokio::spawn(connections::serve(listener, self.api().into_router(), connections, ended));
        Ok(Server { address, function_graph: self, accepting })
    }
}

impl Server {
    /// Like [`FunctionGraph::stop`], but first answers the requests in progress.
    pub async fn stop(self) -> Vec<u32> {
        let Self { function_graph, mut accepting, .. } = self;
        let answering = async {
            if tokio::time::timeout(GRACE, &mut accepting).await.is_err() {
                accepting.abort();
            }
        };
        function_graph.stop_after(answering).await
    }
}
