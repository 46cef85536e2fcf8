//! Isolates functions from the server: finds the best mechanism that works on this system by trying, and decides what
//! each worker can access.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::super::RuntimeOptions;
use super::super::fault::{is_shortage, os_error};
use super::super::isolation::{Gap, Isolation};
use super::super::launcher::{Confinement, Containment, Report, Spec};
use super::process::Launched;

/// The number of files that a function may open, as in the service.
pub(super) const MOST_OPEN_FILES: u64 = 1024;
/// The number of processes and threads of one worker, as in the service.
pub(super) const MOST_PROCESSES: u64 = 1024;
/// The timeout of a trial, long enough for a very busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Folders with programs, libraries and their settings.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/sys",
    "/proc",
    "/nix/store",
    "/gnu/store",
    "/snap",
    "/home/linuxbrew/.linuxbrew",
    // Targets of links in /etc, for host names and certificates.
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager/resolv.conf",
    "/var/lib/ca-certificates",
];
/// Devices that store nothing.
const DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts"];
/// Folders for temporary files. With namespaces, every worker has its own.
const TEMPORARY: &[(&str, &str)] = &[("/tmp", "tmp"), ("/var/tmp", "var-tmp"), ("/dev/shm", "shm")];
/// Folders in a worker's own folder: its home, and the folders that cover others which it must not see.
pub(super) const HOME: &str = "home";
const EMPTY: &str = "empty";

/// Tries to access what a function must not access, and prints what works.
const TRIAL: &str = "true < \"$1\" && echo files; true < \"/proc/$2/environ\" && echo variables; \
                     true < \"/proc/$2/cmdline\" && echo processes; kill -0 \"$2\" && echo signals; true";

/// How workers are started.
pub(super) struct Way {
    /// `None` without a launcher; then there are only process groups.
    pub(super) launcher: Option<(PathBuf, Containment)>,
    /// Files and folders that every worker may read.
    system: Vec<OsString>,
    /// Files and folders of the server.
    secret: Vec<PathBuf>,
    pub(super) isolation: Isolation,
}

/// The folders that one worker needs.
#[derive(Clone, Copy)]
pub(super) struct Needs<'a> {
    /// Its own folder.
    pub(super) folder: &'a Path,
    /// Folders of the server that it may read: its code.
    pub(super) code: &'a [&'a Path],
    /// The folders of its interpreter.
    pub(super) interpreter: &'a [PathBuf],
}

impl Way {
    /// Finds the best mechanism that works, unless the machine lacks the resources for a trial. `probe` is a file of
    /// the server.
    pub(super) async fn find(settings: &RuntimeOptions, probe: &Path) -> io::Result<Self> {
        // Only root can then read the memory and the variables of this process.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
        let secret = [settings.data.clone(), settings.directory.clone()].map(|path| canonical(&path)).to_vec();
        let (paths, excluded) = (settings.search_path.clone(), secret.clone());
        let reading = tokio::task::spawn_blocking(move || readable(&paths, &excluded));
        let system = reading.await.unwrap_or_default();
        let gaps = Gap::ALL.to_vec();
        let mut way =
            Self { launcher: None, system, secret, isolation: Isolation { means: "process groups only", gaps } };
        let Some(program) = settings.launcher.clone().filter(|_| cfg!(target_os = "linux")) else { return Ok(way) };
        let folder = probe.with_file_name(format!("trial-{}", settings.ids.new_id()));
        let making = folder.clone();
        tokio::task::spawn_blocking(move || make(&making)).await??;
        let tried = way.try_all(&program, probe, &folder).await;
        super::on_disk(move || super::code::remove(&folder)).await;
        tried.map(|()| way)
    }

    /// Uses the first containment that works.
    async fn try_all(&mut self, program: &Path, probe: &Path, folder: &Path) -> io::Result<()> {
        for containment in Containment::ALL {
            self.launcher = Some((program.to_owned(), containment));
            match self.attempt(containment, probe, folder).await {
                Ok(gaps) => {
                    self.isolation = Isolation { means: means(containment, &gaps), gaps };
                    return Ok(());
                }
                Err(error) if is_shortage(&error) && !may_be_forbidden(containment, &error) => return Err(error),
                Err(_) => {}
            }
        }
        self.launcher = None;
        Ok(())
    }

    /// Runs a trial in this folder as a function runs, and returns what it could access.
    async fn attempt(&self, containment: Containment, probe: &Path, folder: &Path) -> io::Result<Vec<Gap>> {
        let needs = Needs { folder, code: &[], interpreter: &[] };
        let arguments = ["-c".into(), TRIAL.into(), "sh".into(), probe.into(), std::process::id().to_string().into()];
        let spec = Spec {
            program: "/bin/sh".into(),
            arguments: arguments.to_vec(),
            environment: Vec::new(),
            directory: "/".into(),
            confinement: self.confinement(needs),
        };
        let text = tokio::time::timeout(PATIENCE, self.output(&spec)).await??;
        let can = |what: &str| text.lines().any(|line| line == what);
        let gaps = [
            (Gap::Variables, can("variables")),
            (Gap::Files, can("files")),
            // Inside namespaces, the id belongs to another process or to none.
            (Gap::Processes, !containment.has_namespaces() && can("processes")),
            (Gap::Signals, !containment.has_namespaces() && can("signals")),
        ];
        Ok(gaps.into_iter().filter_map(|(gap, is_there)| is_there.then_some(gap)).collect())
    }

    async fn output(&self, spec: &Spec) -> io::Result<String> {
        let Some((program, containment)) = &self.launcher else { return Err(io::ErrorKind::NotFound.into()) };
        let (reader, writer) = io::pipe()?;
        let mut launched = Launched::spawn(program, *containment, Stdio::null(), writer)?;
        launched.send(spec).await?;
        let report = launched.report().await;
        let mut text = String::new();
        let mut output = tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into())?;
        output.read_to_string(&mut text).await?;
        match report {
            Some(Report::Ended(0)) => Ok(text),
            Some(Report::Failed(reason, code)) => Err(Report::error(reason, code)),
            Some(Report::Ended(_)) | None => Err(io::Error::other("the launcher failed")),
        }
    }

    /// What a worker may access.
    pub(super) fn confinement(&self, needs: Needs<'_>) -> Confinement {
        let Needs { folder, code, interpreter } = needs;
        let is_secret = |path: &str| self.secret.iter().any(|secret| secret.starts_with(path));
        let has_own = self.launcher.as_ref().is_some_and(|(_, containment)| containment.has_namespaces());
        let temporary = TEMPORARY.iter().map(|(path, _)| *path).filter(|path| has_own || !is_secret(path));
        let home = OsString::from(folder.join(HOME));
        let interpreter = interpreter.iter().flat_map(|folder| without(canonical(folder), &self.secret));
        let more = interpreter.chain(code.iter().map(|folder| folder.to_path_buf())).map(OsString::from);
        let read: Vec<OsString> = self.system.iter().cloned().chain(more).collect();
        let cover = |name: &str| OsString::from(folder.join(name));
        let secret = self.secret.iter().map(|secret| (secret.into(), cover(EMPTY)));
        Confinement {
            write: DEVICES.iter().copied().chain(temporary).map(OsString::from).chain([home.clone()]).collect(),
            covered: TEMPORARY.iter().map(|(path, name)| ((*path).into(), cover(name))).chain(secret).collect(),
            visible: read.iter().cloned().chain([home]).collect(),
            read,
            files: MOST_OPEN_FILES,
            processes: MOST_PROCESSES,
        }
    }
}

/// Whether an apparent shortage may mean that the system forbids namespaces by allowing zero of them.
fn may_be_forbidden(containment: Containment, error: &io::Error) -> bool {
    use rustix::io::Errno;
    containment.has_namespaces()
        && [Errno::NOSPC, Errno::USERS]
            .map(io::Error::from)
            .iter()
            .any(|forbidden| os_error(error) == forbidden.raw_os_error())
}

fn means(containment: Containment, gaps: &[Gap]) -> &'static str {
    match (containment.has_namespaces(), gaps.contains(&Gap::Files)) {
        (true, _) => "namespaces",
        (false, false) => "Landlock",
        (false, true) => "no namespaces, no Landlock",
    }
}

/// Creates the folder of a worker.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    let names = TEMPORARY.iter().map(|(_, name)| *name).chain([HOME, EMPTY]);
    names.into_iter().try_for_each(|name| fs::create_dir(folder.join(name)))
}

/// What every function may read: the system, and the folders of its search path.
fn readable(search_path: &OsStr, secret: &[PathBuf]) -> Vec<OsString> {
    let programs = std::env::split_paths(search_path).filter(|folder| folder.is_absolute());
    let folders = SYSTEM.iter().map(PathBuf::from).chain(programs).filter(|folder| folder.exists());
    let mut found: Vec<OsString> =
        folders.flat_map(|folder| without(canonical(&folder), secret)).map(OsString::from).collect();
    found.sort();
    found.dedup();
    found
}

/// A folder, or if it contains a secret path, everything in it that does not. Links are then left out, because they may
/// lead back.
fn without(folder: PathBuf, secret: &[PathBuf]) -> Vec<PathBuf> {
    if secret.iter().any(|secret| folder.starts_with(secret)) {
        return Vec::new();
    }
    if !secret.iter().any(|secret| secret.starts_with(&folder)) {
        return vec![folder];
    }
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let entries = entries.filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()));
    entries.flat_map(|entry| without(entry.path(), secret)).collect()
}

fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_around_a_secret_is_replaced_by_its_other_entries() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = canonical(folder.path());
        for path in ["a", "b/c", "b/data/run", "b/data-2"] {
            fs::create_dir_all(root.join(path)).expect("a folder");
        }
        std::os::unix::fs::symlink(root.join("b/data"), root.join("link")).expect("a link");
        let mut found = without(root.clone(), &[root.join("b/data"), root.join("b/data/run")]);
        found.sort();
        assert_eq!(found, ["a", "b/c", "b/data-2"].map(|path| root.join(path)));
        assert!(without(root.join("b/data/run"), &[root.join("b/data")]).is_empty());
        assert_eq!(without(root.join("a"), &[root.join("b")]), [root.join("a")]);
    }
}
