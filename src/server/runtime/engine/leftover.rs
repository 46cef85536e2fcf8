//! Processes that outlive the process group in which they started, such as daemons that a function left behind.

use std::path::Path;

/// Kills all processes whose [`super::super::environment::ROOT`] is this folder or below it. Only Linux provides that
/// information.
#[cfg(target_os = "linux")]
pub(super) fn end(scratch: &Path) {
    use rustix::process::{Signal, kill_process};
    // Processes may start others in the meantime, so repeat, but not endlessly.
    for _ in 0..10 {
        let found = with_root(scratch);
        if found.is_empty() {
            return;
        }
        for process in found {
            // It may have ended already.
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn end(_: &Path) {}

/// Processes of this user that were started with such a folder. Zombies have no environment.
#[cfg(target_os = "linux")]
fn with_root(scratch: &Path) -> Vec<rustix::process::Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| root(*id).is_some_and(|root| Path::new(&root).starts_with(scratch)))
        .filter_map(rustix::process::Pid::from_raw)
        .collect()
}

#[cfg(target_os = "linux")]
fn root(process: i32) -> Option<std::ffi::OsString> {
    use std::os::unix::ffi::OsStringExt;
    let environment = std::fs::read(format!("/proc/{process}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let value = variables
        .find_map(|variable| variable.strip_prefix(super::super::environment::ROOT.as_bytes())?.strip_prefix(b"="))?;
    Some(std::ffi::OsString::from_vec(value.to_vec()))
}
