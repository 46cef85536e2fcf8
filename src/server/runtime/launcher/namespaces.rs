//! Namespaces of a function: it sees only its own processes, and private folders instead of shared ones.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

use super::start::INIT;
use super::{COMMAND, Confinement};

/// The source of the right to create namespaces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    Own,
    OfUserNamespace,
}

/// Starts the first process of new namespaces and waits until all their processes are gone.
pub(super) fn enter(rights: Rights) -> io::Result<()> {
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let flags = UnshareFlags::NEWPID | UnshareFlags::NEWNS | UnshareFlags::NEWIPC;
    match rights {
        Rights::Own => unshare(flags)?,
        Rights::OfUserNamespace => {
            unshare(flags | UnshareFlags::NEWUSER)?;
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
            fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
            keep_rights()?;
        }
    }
    // Passes on all three streams, because one of them is the socket to the server.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("fgctl").args([COMMAND, INIT]).env_clear().process_group(0);
    command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    command.spawn()?.wait().map(drop)
}

/// Passes the rights from a user namespace on to the next program, which would lose them unless its user is root.
fn keep_rights() -> io::Result<()> {
    let sets = rustix::thread::capabilities(None)?;
    rustix::thread::set_capabilities(None, CapabilitySets { inheritable: sets.permitted, ..sets })?;
    for capability in [CapabilitySet::SYS_ADMIN, CapabilitySet::SETPCAP] {
        rustix::thread::configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(())
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    #[expect(deprecated, reason = "it is unsafe only for FILES, which is not used here")]
    rustix::thread::unshare(flags)?;
    Ok(())
}

/// Makes this process see only its own processes, and covers folders.
pub(super) fn furnish(confinement: &Confinement) -> io::Result<()> {
    let Confinement { covered, visible, .. } = confinement;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    // Open the folders while they are still accessible, because they may be below covered ones.
    let covers: Vec<(&OsString, File)> =
        covered.iter().map(|(folder, cover)| Ok((folder, open(cover)?))).collect::<io::Result<_>>()?;
    let visible = below_covered(covered, visible)?;
    for (folder, cover) in &covers {
        // A folder inside a covered one is already gone.
        if Path::new(folder).is_dir() {
            bind(cover, folder)?;
        }
    }
    for (path, folder) in &visible {
        fs::create_dir_all(path)?;
        bind(folder, path)?;
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    Ok(mount("proc", "/proc", "proc", flags, None)?)
}

/// Folders that stay visible, opened while they are still accessible; outer ones come first.
fn below_covered(covered: &[(OsString, OsString)], visible: &[OsString]) -> io::Result<Vec<(PathBuf, File)>> {
    let is_covered = |path: &Path| covered.iter().any(|(folder, _)| path.starts_with(folder));
    let mut paths: Vec<PathBuf> = visible.iter().map(PathBuf::from).filter(|path| is_covered(path)).collect();
    paths.retain(|path| path.is_dir());
    paths.sort();
    paths.dedup();
    paths.into_iter().map(|path| Ok((path.clone(), open(path)?))).collect()
}

/// Opens a folder for [`bind`].
fn open(path: impl AsRef<Path>) -> io::Result<File> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path.as_ref(), flags, Mode::empty())?.into())
}

/// Mounts an open folder at a path.
fn bind(folder: &File, path: impl AsRef<Path>) -> io::Result<()> {
    Ok(mount_bind_recursive(format!("/proc/self/fd/{}", folder.as_raw_fd()), path.as_ref())?)
}
