//! File descriptors: connections, workers and files use them, and their number is limited.

/// The largest number that a server can use.
const MOST: u64 = 65_536;
/// The number to assume if the system does not report its limit.
const LEAST: u64 = 256;
/// The maximum number of concurrent connections, even with more descriptors.
const MOST_CONNECTIONS: u64 = 1024;

/// Raises this process's limit as far as possible, and returns the number of connections: a quarter of the descriptors,
/// so that enough are left for functions.
pub(crate) fn connections() -> usize {
    usize::try_from((raise() / 4).clamp(16, MOST_CONNECTIONS)).unwrap_or(16)
}

#[cfg(unix)]
fn raise() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(MOST).min(MOST);
    if current.is_some_and(|current| current < wanted) {
        // If this fails, the limit stays unchanged.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(MOST).max(LEAST.min(wanted))
}

#[cfg(not(unix))]
fn raise() -> u64 {
    MOST
}
