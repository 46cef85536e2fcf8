//! The engine for systems without process groups and Unix sockets: every run fails with the reason.

use std::sync::Arc;

use super::{Call, Deployment, Fault, Run, RunResult, RuntimeOptions};

pub(super) struct Engine;

impl Engine {
    pub(super) fn new(_: RuntimeOptions) -> Arc<Self> {
        Arc::new(Self)
    }

    pub(super) async fn attempt<A>(&self, _: &Deployment, _: &Call, _: A, _: &mut Run) -> RunResult {
        Err(Fault::not_here("functions run only on Linux and macOS; the other calls of this server work"))
    }

    pub(super) fn close(&self) {}

    pub(super) async fn isolation(&self) -> Option<super::Isolation> {
        None
    }

    pub(super) async fn gone(&self) -> Vec<u32> {
        Vec::new()
    }
}
