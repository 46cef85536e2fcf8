//! What a process writes to stdout and stderr: one pipe for both, so that their order is kept.

use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe::Receiver;

use super::super::log::Log;

const PART: usize = 16 * 1024;
/// Parts that are read after an answer: more than a pipe holds, so that all written before it is there. Whoever writes
/// on after it does so without end.
const PARTS_AFTER_ANSWER: usize = 16;

pub(super) struct Output {
    /// None once nobody can write to it any more.
    pipe: Option<Receiver>,
    part: Box<[u8]>,
}

impl Output {
    pub(super) fn pipe() -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let pipe = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        Ok((Self { pipe: Some(pipe), part: vec![0; PART].into() }, writer))
    }

    /// Waits for output and takes a part of it down. Where there can be none, it waits forever.
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

    /// Takes down what is there without waiting.
    ///
    /// It asks the pipe itself, since the runtime may not have heard yet of output that came before an answer.
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
