//! Calls for functions' logs.

use super::{Client, Error};
use crate::wire::invocation::LogPage;
use crate::wire::log::LogDetail;
use crate::wire::routes::Operation;

impl Client {
    /// Lines after a cursor; 0 is the start of the log. Only the local server has this API.
    pub async fn show_log(&self, urn: &str, cursor: u64) -> Result<LogPage, Error> {
        self.get(Operation::ShowLog, &[urn], &[("cursor", cursor.to_string())]).await
    }

    /// The log stream in which the service keeps a function's log.
    pub async fn show_log_detail(&self, urn: &str) -> Result<LogDetail, Error> {
        self.get(Operation::ShowLtsLogDetails, &[urn], &[]).await
    }
}
