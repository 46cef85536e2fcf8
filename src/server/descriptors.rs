//! File descriptors: each connection, each worker and each file takes some, and a process may have only so many.

/// As many as a server can use.
const MOST: u64 = 65_536;
/// Where the system does not say how many there may be.
const LEAST: u64 = 256;
/// Connections at one time, however many descriptors there are.
const MOST_CONNECTIONS: u64 = 1024;

/// Raises this process's own limit as far as it may, and answers how many connections there may be: a quarter of the
/// descriptors, so that enough are left to run functions.
pub(crate) fn connections() -> usize {
    usize::try_from((raise() / 4).clamp(16, MOST_CONNECTIONS)).unwrap_or(16)
}

#[cfg(unix)]
fn raise() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(MOST).min(MOST);
    if current.is_some_and(|current| current < wanted) {
        // Where it fails, the limit stays what it was.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(MOST).max(LEAST.min(wanted))
}

#[cfg(not(unix))]
fn raise() -> u64 {
    MOST
}
