//! The private channel to a worker: a socket pair, with one frame for each request and each answer.
//!
//! A frame consists of two 32-bit lengths, a JSON header and a body, so that events and results need no escaping.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::rules::quota::RESULT_BYTES;

/// In bytes. The headers of a worker have about 50.
const LARGEST_HEADER: usize = 4096;

/// A request to a worker. The workers' programs are `python/worker.py` and `nodejs/worker.js`.
#[derive(Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(super) enum WorkerRequest<'a> {
    Load(Load<'a>),
    Initialize {
        request_id: &'a str,
    },
    /// The body contains the event.
    Invoke {
        request_id: &'a str,
    },
}

/// The settings of a function that its worker needs.
#[derive(Serialize)]
pub(super) struct Load<'a> {
    /// The folder with the code.
    pub(super) root: &'a str,
    pub(super) runtime: &'a str,
    pub(super) handler: &'a str,
    pub(super) initializer: Option<&'a str>,
    /// Includes secrets.
    pub(super) user_data: BTreeMap<&'a str, &'a str>,
    /// Seconds.
    pub(super) timeout: u64,
    /// MB.
    pub(super) memory: u32,
    /// Millicores.
    pub(super) cpu: u32,
    pub(super) project_id: &'a str,
    pub(super) package: &'a str,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) alias: &'a str,
    /// The largest result in bytes.
    pub(super) largest: usize,
}

/// The answer of a worker: a result, or a failure object with an engine's code.
pub(super) struct WorkerAnswer {
    pub(super) header: Header,
    pub(super) body: Vec<u8>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    pub(super) ok: bool,
    /// Whether the result is JSON.
    pub(super) json: bool,
    pub(super) code: i32,
    /// Whether the worker cannot be used for another call.
    pub(super) spoiled: bool,
    /// The peak memory in kB.
    pub(super) peak: u64,
}

pub(super) struct Channel(BufReader<UnixStream>);

impl Channel {
    /// The server's end and the worker's end.
    pub(super) fn pair() -> io::Result<(Self, std::os::unix::net::UnixStream)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        Ok((Self(BufReader::new(UnixStream::from_std(ours)?)), theirs))
    }

    /// Returns an error if the answer has another format or the worker is gone.
    pub(super) async fn ask(&mut self, request: &WorkerRequest<'_>, body: &[u8]) -> io::Result<WorkerAnswer> {
        let header = serde_json::to_vec(request)?;
        let mut frame = Vec::with_capacity(8 + header.len() + body.len());
        for part in [header.as_slice(), body] {
            frame.extend_from_slice(&u32::try_from(part.len()).map_err(io::Error::other)?.to_be_bytes());
        }
        frame.extend_from_slice(&header);
        frame.extend_from_slice(body);
        self.0.write_all(&frame).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> io::Result<WorkerAnswer> {
        let header = self.0.read_u32().await? as usize;
        let body = self.0.read_u32().await? as usize;
        if header > LARGEST_HEADER || body > RESULT_BYTES {
            return Err(io::Error::other("the process wrote to the channel of its worker"));
        }
        let mut frame = vec![0; header + body];
        self.0.read_exact(&mut frame).await?;
        let body = frame.split_off(header);
        Ok(WorkerAnswer { header: serde_json::from_slice(&frame)?, body })
    }
}
