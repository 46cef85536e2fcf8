//! The log of `fgctl serve`: one line for each entry on standard error, as text or JSON.
//!
//! A separate thread writes it, so that a blocked terminal does not block requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::server::{AttemptEntry, Detail, Entry, Journal, RequestEntry};

/// The format of each line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// The number of entries that can wait to be written. Further entries are counted and dropped.
const QUEUE: usize = 4096;

type Line = (Timestamp, Entry);

/// The thread that writes. Drop its journal before calling `finish`.
pub(super) struct Writer {
    sender: Arc<Mutex<Option<SyncSender<Line>>>>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts the thread, and returns the journal that it writes in this format.
    pub(super) fn start(detail: Detail, format: LogFormat) -> std::io::Result<(Self, Journal)> {
        let (sender, receiver) = sync_channel(QUEUE);
        let left_out = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&left_out);
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            write(&receiver, format, &counted);
        })?;
        let sender = Arc::new(Mutex::new(Some(sender)));
        let sink = Arc::clone(&sender);
        let journal = Journal::new(detail, move |entry| {
            let sender = sink.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(sender) = &*sender
                && sender.try_send((Timestamp::now(), entry)).is_err()
            {
                left_out.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok((Self { sender, thread }, journal))
    }

    /// Writes the remaining entries.
    pub(super) fn finish(self) {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A thread that panicked has nothing left to write.
        let _ = self.thread.join();
    }
}

fn write(lines: &Receiver<Line>, format: LogFormat, left_out: &AtomicU64) {
    let mut last = Last::default();
    while let Ok((time, entry)) = lines.recv() {
        let missing = left_out.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let entry =
                Entry::Warning(format!("{missing} lines were dropped, because they could not be written fast enough"));
            errln!("{}", line(time, &entry, format));
        }
        if !last.repeats(time, &entry) {
            errln!("{}", line(time, &entry, format));
        }
    }
}

/// The last warning. A repeated warning is written once a minute.
#[derive(Default)]
struct Last {
    warning: String,
    until: Timestamp,
}

const SILENCE: Duration = Duration::from_mins(1);

impl Last {
    fn repeats(&mut self, time: Timestamp, entry: &Entry) -> bool {
        let Entry::Warning(warning) = entry else { return false };
        if *warning == self.warning && time < self.until {
            return true;
        }
        self.warning.clone_from(warning);
        self.until = time.checked_add(SILENCE).unwrap_or(time);
        false
    }
}

/// One entry on one line, whatever it contains.
fn line(time: Timestamp, entry: &Entry, format: LogFormat) -> String {
    match format {
        LogFormat::Text => format!("{time:.3} {}", plain(&text(entry))),
        LogFormat::Json => {
            let mut object = object(entry);
            object["time"] = json!(format!("{time:.3}"));
            object.to_string()
        }
    }
}

fn text(entry: &Entry) -> String {
    match entry {
        Entry::Request(RequestEntry { request_id, method, path, status, error_code, duration }) => {
            let refused = error_code.map(|code| format!(" {code}")).unwrap_or_default();
            format!("request {request_id} {method} {path} {status}{refused} {}", milliseconds(*duration))
        }
        Entry::Attempt(AttemptEntry { request_id, function, attempt, result_code, duration }) => {
            let kind = attempt.map_or("synchronous run".to_owned(), |number| format!("attempt {number}"));
            let end = if *result_code == 0 { "succeeded".to_owned() } else { format!("failed with {result_code}") };
            format!("{kind} of {request_id} {function} {end} {}", milliseconds(*duration))
        }
        Entry::Warning(message) => format!("warning: {message}"),
    }
}

fn object(entry: &Entry) -> Value {
    match entry {
        Entry::Request(RequestEntry { request_id, method, path, status, error_code, duration }) => json!({
            "event": "request", "request_id": request_id, "method": method, "path": plain(path), "status": status,
            "error_code": error_code, "duration_ms": in_milliseconds(*duration),
        }),
        Entry::Attempt(AttemptEntry { request_id, function, attempt, result_code, duration }) => json!({
            "event": "attempt", "request_id": request_id, "function": function, "attempt": attempt,
            "result_code": result_code, "duration_ms": in_milliseconds(*duration),
        }),
        Entry::Warning(message) => json!({ "event": "warning", "message": plain(message) }),
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

fn in_milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

/// Escapes line breaks and all other special characters, so that an entry cannot add lines to the log.
fn plain(text: &str) -> String {
    let escape =
        |c: char| if c == ' ' || c.is_ascii_graphic() { c.to_string() } else { c.escape_default().to_string() };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Entry {
        Entry::Request(RequestEntry {
            request_id: "r1".to_owned(),
            method: "GET".to_owned(),
            path: path.to_owned(),
            status: 404,
            error_code: Some("FSS.1051"),
            duration: Duration::from_micros(12_345),
        })
    }

    #[test]
    fn an_entry_is_one_line() {
        let time = Timestamp::from_second(0).unwrap();
        for format in [LogFormat::Text, LogFormat::Json] {
            let line = line(time, &request("/v2/p\r\n1970 request forged\u{2028}\u{1b}[2K"), format);
            assert!(line.is_ascii() && !line.contains(|c: char| c.is_control()), "{line}");
        }
        assert_eq!(
            line(time, &request("/v2/p"), LogFormat::Text),
            "1970-01-01T00:00:00.000Z request r1 GET /v2/p 404 FSS.1051 12.3 ms"
        );
        let object: Value = serde_json::from_str(&line(time, &request("/v2/p"), LogFormat::Json)).unwrap();
        assert_eq!((&object["event"], &object["duration_ms"]), (&json!("request"), &json!(12.3)));
    }

    #[test]
    fn a_repeated_warning_is_written_once_a_minute() {
        let (mut last, warning) = (Last::default(), Entry::Warning("no room".to_owned()));
        let at = |second| Timestamp::from_second(second).unwrap();
        let repeats = [0, 1, 59, 60].map(|second| last.repeats(at(second), &warning));
        assert_eq!(repeats, [false, true, true, false]);
        assert!(!last.repeats(at(61), &request("/")));
    }
}
