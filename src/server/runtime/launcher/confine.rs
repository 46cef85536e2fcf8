//! Removes capabilities, most of the file system, and signals to others from a function before it starts.
//!
//! This applies to the calling thread and everything that it starts, as far as the system supports it.

use std::io;

use landlock::{ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope, path_beneath_rules};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use super::Confinement;

/// The Landlock version whose file rights are used; older systems support fewer of them. Later versions add control of
/// devices, which functions do not have.
const FILE_RIGHTS: ABI = ABI::V4;

/// Limits each process of the function.
pub(super) fn limit(confinement: &Confinement) -> io::Result<()> {
    for (resource, limit) in [(Resource::Nofile, confinement.files), (Resource::Core, 0)] {
        let lowered = rustix::process::getrlimit(resource).maximum.map_or(limit, |most| most.min(limit));
        setrlimit(resource, Rlimit { current: Some(lowered), maximum: Some(lowered) })?;
    }
    Ok(())
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
