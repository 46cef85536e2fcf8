//! Connections to the API: limited in number and time, so that a client that does not finish its request does not block
//! others.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::journal::Journal;

/// The wait after a connection could not be accepted, for example for lack of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// How connections are served.
#[derive(Clone)]
pub(crate) struct ConnectionSettings {
    /// The number of concurrent connections. Above it, the connection that has been unused longest is closed.
    pub(crate) connections: usize,
    /// The time for the head of a request, and for an unused connection.
    pub(crate) patience: Duration,
    /// Records connections that cannot be accepted.
    pub(crate) journal: Journal,
}

/// Serves until `ended`, and then until all requests in progress are answered.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ConnectionSettings,
    ended: CancellationToken,
) {
    let mut connections = Connections::new(settings, ended.clone());
    loop {
        let has_room = connections.make_room();
        let freed = Arc::clone(&connections.freed);
        tokio::select! {
            () = ended.cancelled() => break,
            Some(task) = connections.tasks.join_next_with_id() => {
                connections.forget(task.map_or_else(|error| error.id(), |(id, ())| id));
            }
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, _)) => connections.add(stream, router.clone()),
                Err(error) => {
                    connections.settings.journal.warn(|| format!("a connection cannot be accepted: {error}"));
                    connections.end_oldest();
                    tokio::time::sleep(PAUSE).await;
                }
            },
            () = freed.notified(), if !has_room => {}
        }
    }
    drop(listener);
    connections.finish().await;
}

struct Connections {
    settings: ConnectionSettings,
    began: Instant,
    tasks: JoinSet<()>,
    open: HashMap<Id, Connection>,
    /// Rings when a connection has answered a request, and can be closed to make room.
    freed: Arc<Notify>,
    /// Ends all connections after their current requests.
    ended: CancellationToken,
}

struct Connection {
    unused: Arc<Unused>,
    abort: AbortHandle,
}

/// Since when a connection has been unused, in milliseconds since the server's start; [`BUSY`] during a request.
struct Unused(AtomicU64);

const BUSY: u64 = u64::MAX;

impl Connections {
    fn new(settings: ConnectionSettings, ended: CancellationToken) -> Self {
        let (tasks, open, freed) = (JoinSet::new(), HashMap::new(), Arc::default());
        Self { settings, began: Instant::now(), tasks, open, freed, ended }
    }

    /// Whether another connection is possible, if necessary by closing an unused one.
    fn make_room(&mut self) -> bool {
        self.open.len() < self.settings.connections || self.end_oldest()
    }

    /// Closes the connection that has been unused longest, if any is unused.
    fn end_oldest(&mut self) -> bool {
        let unused = self.open.iter().map(|(id, connection)| (connection.unused.0.load(Ordering::Relaxed), *id));
        let oldest = unused.filter(|(since, _)| *since != BUSY).min_by_key(|(since, _)| *since);
        let Some(connection) = oldest.and_then(|(_, id)| self.open.remove(&id)) else { return false };
        connection.abort.abort();
        true
    }

    fn add(&mut self, stream: TcpStream, router: Router) {
        // This affects only speed.
        let _ = stream.set_nodelay(true);
        end_with_reader(&stream, self.settings.patience);
        let unused = Arc::new(Unused(AtomicU64::new(milliseconds(self.began))));
        let (began, state, freed) = (self.began, Arc::clone(&unused), Arc::clone(&self.freed));
        let router = TowerToHyperService::new(router);
        let answer = service_fn(move |request: hyper::Request<Incoming>| {
            let (answering, state, freed) = (router.call(request), Arc::clone(&state), Arc::clone(&freed));
            state.0.store(BUSY, Ordering::Relaxed);
            async move {
                let answer = answering.await;
                state.0.store(milliseconds(began), Ordering::Relaxed);
                freed.notify_one();
                answer
            }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.settings.patience);
        let ended = self.ended.clone();
        let abort = self.tasks.spawn(async move {
            let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), answer));
            // The result does not matter: a client that disconnects or is too slow harms only itself.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = ended.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
        });
        self.open.insert(abort.id(), Connection { unused, abort });
    }

    fn forget(&mut self, id: Id) {
        self.open.remove(&id);
    }

    async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Has the system end a connection whose client stops reading an answer for so long. Elsewhere than on Linux, such a
/// connection ends when room is needed.
#[cfg(target_os = "linux")]
fn end_with_reader(stream: &TcpStream, patience: Duration) {
    let patience = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
    // Without it, the connection still ends when room is needed.
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, patience);
}

#[cfg(not(target_os = "linux"))]
fn end_with_reader(_: &TcpStream, _: Duration) {}

fn milliseconds(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(BUSY - 1)
}
