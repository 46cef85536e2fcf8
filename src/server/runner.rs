//! Runs functions from the store. Does not decide when a run may start.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::claim::{self, Callee};
use super::core::Core;
use super::failure::{Failure, Outcome};
use super::journal::{AttemptEntry, Entry};
use super::runtime::{Archive, Call, Deployment, Ended, Fault, Part};
use super::store::{StoreFailure, code, dependency};

/// How often the code may be replaced while a run starts.
const MOST_REPLACEMENTS: usize = 10;
const ELSEWHERE: &str =
    "the code is in OBS or in an image, which this server cannot access; upload it as a zip to run it here";
/// The function's metadata was not found.
const FUNCTION_GONE: i32 = 4024;

impl Core {
    /// Runs a function once. If its code is replaced before the run could start, the new code runs.
    pub(crate) async fn run(&self, function_id: i64, mut deployment: Arc<Deployment>, call: Call) -> Ended {
        for _ in 0..MOST_REPLACEMENTS {
            let archive = |part| self.archive(function_id, Arc::clone(&deployment), part);
            let ended = self.runtimes.run(&deployment, call.clone(), archive).await;
            if !ended.is_stale() {
                return ended;
            }
            deployment = match self.redeployed(function_id, deployment, &call.request_id).await {
                Ok(deployment) => deployment,
                Err(failure) => return not_run(&failure),
            };
        }
        let archive = |part| self.archive(function_id, Arc::clone(&deployment), part);
        self.runtimes.run(&deployment, call, archive).await
    }

    async fn redeployed(
        &self,
        function_id: i64,
        deployment: Arc<Deployment>,
        request_id: &str,
    ) -> Outcome<Arc<Deployment>> {
        let request_id = request_id.to_owned();
        let redeployed = self.transact_unflushed(move |transaction| {
            let callee = Callee { function_id, urn: &deployment.identity.urn };
            claim::redeployed(transaction, callee, &request_id)
        });
        redeployed.await
    }

    /// The archive to unpack.
    async fn archive(&self, function_id: i64, deployment: Arc<Deployment>, part: Part) -> Archive {
        let read = move |store: &Connection| {
            if let Part::Dependency(id) = part {
                let missing =
                    || Archive::Elsewhere(format!("this server has no archive of the dependency {id}; upload it here"));
                return Ok(dependency::archive(store, &id)?.map_or_else(missing, Archive::Zip));
            }
            let version = &deployment.identity.version;
            if !code::has_digest(store, function_id, version, &deployment.digest)? {
                return Ok(Archive::Replaced);
            }
            Ok(code::read(store, function_id, version)?
                .map_or_else(|| Archive::Elsewhere(ELSEWHERE.to_owned()), Archive::Zip))
        };
        self.store.run_unflushed(read).await.unwrap_or_else(|failure| match failure {
            StoreFailure::Unreadable(_) => Archive::Unreadable(failure.to_string()),
            StoreFailure::Failed(_) => Archive::NotNow(failure.to_string()),
        })
    }
}

/// The journal's entry about a run, without anything that the function wrote.
pub(crate) fn attempt_entry(request_id: &str, attempt: Option<u32>, deployment: &Deployment, ended: &Ended) -> Entry {
    let result_code = ended.result.as_ref().map_or_else(|fault| fault.code, |_| 0);
    let (request_id, function) = (request_id.to_owned(), deployment.identity.urn.clone());
    Entry::Attempt(AttemptEntry { request_id, function, attempt, result_code, duration: ended.duration })
}

/// The end of an attempt that has nothing to run. If the store fails, only a damaged row is the function's own problem.
pub(crate) fn not_run(failure: &Failure) -> Ended {
    let message = failure.to_string();
    let fault = match failure {
        Failure::Refused(_) | Failure::Internal(_) => Fault::new(FUNCTION_GONE, "FunctionNotFound", message),
        Failure::Store(StoreFailure::Unreadable(_)) => Fault::disk(message),
        Failure::Store(StoreFailure::Failed(_)) => Fault::not_now(&message),
    };
    Ended { result: Err(fault), duration: Duration::ZERO, memory_used: 0.0, log: String::new() }
}
