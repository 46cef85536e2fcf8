//! Finds the process that has a file open, as far as the operating system provides that information.

/// A running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    /// Its program's name.
    pub program: String,
}

impl std::fmt::Display for Process {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pid, program } = self;
        write!(formatter, "`{program}` (process {pid})")
    }
}

pub(super) use platform::{another_process_with, may_be_open_in};

#[cfg(target_os = "linux")]
mod platform {
    use std::fs::{self, File, Metadata};
    use std::io::ErrorKind;
    use std::os::unix::fs::MetadataExt;

    use super::Process;

    /// Whether a process is running and either has the file open or hides its open files.
    pub(in super::super) fn may_be_open_in(pid: u32, file: &File) -> bool {
        runs(pid) && file.metadata().is_ok_and(|file| is_open_in(pid, &file) != Some(false))
    }

    /// A process other than this one that has the file open.
    pub(in super::super) fn another_process_with(file: &File) -> Option<Process> {
        let file = file.metadata().ok()?;
        let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
        let mut others = processes
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
            .filter(|pid| *pid != std::process::id());
        let pid = others.find(|pid| is_open_in(*pid, &file) == Some(true))?;
        let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Some(Process { pid, program: program.trim_end().to_owned() })
    }

    /// A process that has ended stays in the table until its parent reaps it.
    fn runs(pid: u32) -> bool {
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
        // The fields follow the program's name, which can contain anything, including parentheses.
        let state = status.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
        !matches!(state, Some("Z" | "X"))
    }

    /// Returns `None` if the system does not say.
    fn is_open_in(pid: u32, file: &Metadata) -> Option<bool> {
        let open = match fs::read_dir(format!("/proc/{pid}/fd")) {
            Ok(open) => open,
            Err(error) if error.kind() == ErrorKind::NotFound => return Some(false),
            Err(_) => return None,
        };
        let is_it = |found: Metadata| (found.dev(), found.ino()) == (file.dev(), file.ino());
        Some(open.filter_map(Result::ok).any(|entry| fs::metadata(entry.path()).is_ok_and(is_it)))
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::fs::File;

    use super::Process;

    /// Whether a process is running; its open files are unknown.
    pub(in super::super) fn may_be_open_in(pid: u32, _file: &File) -> bool {
        #[cfg(unix)]
        return i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok());
        #[cfg(not(unix))]
        return true;
    }

    pub(in super::super) fn another_process_with(_file: &File) -> Option<Process> {
        None
    }
}
