//! Runs that can be ended by force, by the request that they are of.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// What ends each run that is under way.
#[derive(Default)]
pub(super) struct Cancels(Mutex<HashMap<String, oneshot::Sender<()>>>);

/// A run that can be canceled; it no longer can once this is dropped.
pub(super) struct Cancelable<'a> {
    cancels: &'a Cancels,
    request_id: &'a str,
    canceled: oneshot::Receiver<()>,
}

impl Cancels {
    pub(super) fn cancelable<'a>(&'a self, request_id: &'a str) -> Cancelable<'a> {
        let (cancel, canceled) = oneshot::channel();
        self.lock().insert(request_id.to_owned(), cancel);
        Cancelable { cancels: self, request_id, canceled }
    }

    pub(super) fn cancel(&self, request_id: &str) {
        // Whose sender is dropped is canceled.
        self.lock().remove(request_id);
    }

    pub(super) fn cancel_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cancelable<'_> {
    /// Waits until the run is canceled.
    pub(super) async fn canceled(&mut self) {
        // Nothing is ever sent.
        let _ = (&mut self.canceled).await;
    }
}

impl Drop for Cancelable<'_> {
    fn drop(&mut self) {
        self.cancels.lock().remove(self.request_id);
    }
}
