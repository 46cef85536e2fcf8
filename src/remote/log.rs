//! Functions' logs, if the endpoint returns them.

use crate::model::invocation::LogLine;
use crate::model::urn::FunctionUrn;
use crate::wire::invocation as wire;
use crate::wire::log::LogDetail;

use super::{Error, Remote};

/// The endpoint's data about a function's log.
#[derive(Debug)]
pub enum Log {
    /// From the local server: lines, and the cursor of the next ones.
    Lines { lines: Vec<LogLine>, cursor: u64 },
    /// The service stores the log in LTS, in this group and stream. Both are empty if it stores none.
    Elsewhere { group: String, stream: String },
}

impl Remote {
    /// The lines after a cursor; 0 is the start of the log.
    pub async fn read_log(&self, function: &FunctionUrn, cursor: u64) -> Result<Log, Error> {
        match self.client.show_log(&function.to_string(), cursor).await {
            Ok(wire::LogPage { lines, cursor }) => {
                Ok(Log::Lines { lines: lines.into_iter().map(line).collect(), cursor })
            }
            Err(error) if error.is_unknown_api() => {
                let detail = self.client.show_log_detail(&function.to_string()).await?;
                let LogDetail { group_id: _, group_name: group, stream_id: _, stream_name: stream } = detail;
                Ok(Log::Elsewhere { group, stream })
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn line(line: wire::LogLine) -> LogLine {
    let wire::LogLine { request_id, time, text } = line;
    LogLine { request_id, time: time.parse().ok(), text }
}
