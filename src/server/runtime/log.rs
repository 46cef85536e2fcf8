//! The log of one run: limited, and with the service's first and last lines.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::Deployment;
use super::environment::millicores;

/// The number of bytes that are kept from the start and from the end.
const HEAD: usize = 256 * 1024;
const TAIL: usize = 768 * 1024;

/// The output of a run, without its middle if it is too long.
#[derive(Default)]
pub(super) struct Log {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: usize,
}

impl Log {
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(HEAD - self.head.len()));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..excess);
        self.left_out += excess;
    }

    /// Writes a separate line, whatever was written before.
    pub(super) fn line(&mut self, line: &str) {
        let last = self.tail.back().or(self.head.last());
        if last.is_some_and(|last| *last != b'\n') {
            self.write(b"\n");
        }
        self.write(line.as_bytes());
        self.write(b"\n");
    }

    pub(super) fn start(&mut self, now: Timestamp, request_id: &str, version: &str) {
        self.line(&format!("{now:.0} Start invoke request '{request_id}', version: {version}"));
    }

    pub(super) fn finish(&mut self, now: Timestamp, request_id: &str, usage: &Usage<'_>) {
        let Usage { deployment: Deployment { memory, .. }, duration, memory_used } = usage;
        let milliseconds = duration.as_secs_f64() * 1000.0;
        self.line(&format!(
            "{now:.0} Finish invoke request '{request_id}', duration: {milliseconds:.3}ms, billing duration: \
             {:.0}ms, memory used: {memory_used:.3}MB, billing memory: {memory}MB, cpu used: {:.3}U",
            milliseconds.ceil(),
            f64::from(millicores(*memory)) / 1000.0
        ));
    }

    /// Everything that was kept, as text. Invalid UTF-8 is replaced.
    pub(super) fn into_text(self) -> String {
        let Self { mut head, tail, left_out } = self;
        if left_out > 0 {
            head.extend_from_slice(format!("\n… {left_out} bytes are left out …\n").as_bytes());
        }
        head.extend(tail);
        String::from_utf8_lossy(&head).into_owned()
    }
}

/// The resources that a run used.
pub(super) struct Usage<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) duration: Duration,
    /// MB.
    pub(super) memory_used: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_keeps_its_beginning_and_its_end() {
        let mut log = Log::default();
        log.write(b"first\n");
        for _ in 0..300 {
            log.write(&[b'x'; 10_000]);
        }
        log.line("last");
        let text = log.into_text();
        assert!(text.len() < HEAD + TAIL + 100);
        assert!(text.starts_with("first\nxxx") && text.ends_with("xxx\nlast\n"));
        let kept = text.len() - "\n… 1951436 bytes are left out …\n".len();
        assert!(text.contains(&format!("… {} bytes are left out …", 6 + 3_000_000 + 6 - kept)), "{}", kept);
    }

    #[test]
    fn invalid_utf_8_is_replaced() {
        let mut log = Log::default();
        log.write(b"a\xff\xfeb");
        assert_eq!(log.into_text(), "a\u{fffd}\u{fffd}b");
    }
}
