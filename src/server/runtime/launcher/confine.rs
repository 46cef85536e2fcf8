//! What a function loses before it starts: capabilities, most of the file system, and signals to others.
//!
//! It applies to the calling thread and to what that thread starts, as far as the system has it.

use std::io;

use landlock::{ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope, path_beneath_rules};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use super::Confinement;

/// The version of Landlock whose file rights are asked for; older systems have fewer of them. Later versions add control
/// of devices, of which a function has none.
const FILE_RIGHTS: ABI = ABI::V4;

/// Limits what each process of the function may take.
pub(super) fn limit(confinement: &Confinement) -> io::Result<()> {
    for (resource, limit) in [(Resource::Nofile, confinement.files), (Resource::Core, 0)] {
        let lowered = rustix::process::getrlimit(resource).maximum.map_or(limit, |most| most.min(limit));
        setrlimit(resource, Rlimit { current: Some(lowered), maximum: Some(lowered) })?;
    }
    Ok(())
}

/// Takes everything from this thread that the function must not have.
pub(super) fn restrict(confinement: &Confinement) -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    // Who has no capabilities may not do this, and need not.
    let _ = rustix::thread::set_capabilities_secure_bits(
        CapabilitiesSecureBits::NO_ROOT | CapabilitiesSecureBits::NO_ROOT_LOCKED,
    );
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    restrict_files(confinement).map_err(io::Error::other)
}

/// Where the kernel has no Landlock, this does nothing; the server finds out by trying.
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
