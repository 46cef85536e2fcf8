//! Removes capabilities, most of the file system, and signals to others from a function before it starts.
//!
//! This applies to the calling thread and everything that it starts, as far as the system supports it.

use std::io;

use landlock::{ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope, path_beneath_rules};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use super::super::processes::Table;
use super::Confinement;

/// The Landlock version whose file rights are used; older systems support fewer of them. Later versions add control of
/// devices, which functions do not have.
const FILE_RIGHTS: ABI = ABI::V4;

/// Limits each process of the function.
pub(super) fn limit(confinement: &Confinement) -> io::Result<()> {
    lower(Resource::Nofile, confinement.files)?;
    lower(Resource::Core, 0)
}

/// Bounds the processes of the function before anyone counts them, which only a user without rights can be held to. The
/// kernel counts all processes of the user, and here all that there are: the bound holds, and other programs of the user
/// leave the function its share.
pub(super) fn limit_processes(confinement: &Confinement) -> io::Result<()> {
    let limit = u64::try_from(Table::read().threads()).unwrap_or(u64::MAX).saturating_add(confinement.processes);
    lower(Resource::Nproc, limit)
}

fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let lowered = rustix::process::getrlimit(resource).maximum.map_or(limit, |most| most.min(limit));
    Ok(setrlimit(resource, Rlimit { current: Some(lowered), maximum: Some(lowered) })?)
}

/// Removes every right from this thread that the function must not have.
pub(super) fn restrict(confinement: &Confinement) -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    // Without capabilities this is not permitted, and not necessary.
    let _ = rustix::thread::set_capabilities_secure_bits(
        CapabilitiesSecureBits::NO_ROOT | CapabilitiesSecureBits::NO_ROOT_LOCKED,
    );
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    restrict_files(confinement).map_err(io::Error::other)
}

/// Has no effect if the kernel lacks Landlock. The server notices that in its trial.
fn restrict_files(confinement: &Confinement) -> Result<(), landlock::RulesetError> {
    let Confinement { read, write, .. } = confinement;
    Ruleset::default()
        .handle_access(AccessFs::from_all(FILE_RIGHTS))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .add_rules(path_beneath_rules(read, AccessFs::from_read(FILE_RIGHTS)))?
        .add_rules(path_beneath_rules(write, AccessFs::from_all(FILE_RIGHTS)))?
        .restrict_self()
        .map(drop)
}
