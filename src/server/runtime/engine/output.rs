//! Output that a process writes to stdout and stderr, through one pipe, so that its order is kept.

use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe::Receiver;

use super::super::log::Log;

const PART: usize = 16 * 1024;
/// The number of chunks that are read after an answer. They exceed the capacity of a pipe, so everything that was
/// written before the answer is read. A process that writes more than that is still writing.
const PARTS_AFTER_ANSWER: usize = 16;

pub(super) struct Output {
    /// `None` once no process can write to it any more.
    pipe: Option<Receiver>,
    part: Box<[u8]>,
}

impl Output {
    pub(super) fn pipe() -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let pipe = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        Ok((Self { pipe: Some(pipe), part: vec![0; PART].into() }, writer))
    }

    /// Waits for output and logs a chunk of it. Waits forever if there can be no more output.
    pub(super) async fn read(&mut self, log: &mut Log) {
        let Some(pipe) = &self.pipe else { return std::future::pending().await };
        if pipe.readable().await.is_err() {
            self.pipe = None;
            return;
        }
        match pipe.try_read(&mut self.part) {
            Ok(0) => self.pipe = None,
            Ok(length) => log.write(&self.part[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.pipe = None,
        }
    }

    /// Logs the available output without waiting.
    ///
    /// It reads the pipe directly, because the async runtime may not have noticed output that came before an answer.
    pub(super) fn drain(&mut self, log: &mut Log) {
        let Some(pipe) = &self.pipe else { return };
        for _ in 0..PARTS_AFTER_ANSWER {
            match rustix::io::read(pipe, &mut self.part[..]) {
                Ok(length) if length > 0 => log.write(&self.part[..length]),
                Ok(_) | Err(_) => return,
            }
        }
    }
}
