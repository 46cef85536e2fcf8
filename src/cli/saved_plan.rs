//! Reads and writes saved plans.

use anyhow::{Context, bail};
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::manifest::open_regular;
use crate::plan::Planned;
use crate::plan::saved::{self, Options, Origin, SavedPlan};

use super::failure::{Advised, advised};
use super::manifest_arguments::ManifestArguments;
use super::reconcile::Prepared;

/// The largest file that is read, in bytes. A plan for thousands of functions has a few megabytes.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// The saved form of a plan that was just made.
pub(super) fn record(
    prepared: &Prepared,
    planned: &Planned<'_>,
    options: Options,
    manifest: &ManifestArguments,
) -> anyhow::Result<SavedPlan> {
    let Prepared { desired, live, salt, environment, connection, redaction, .. } = prepared;
    let files = manifest.files(environment.as_ref()).context("the current directory cannot be found")?;
    let origin = Origin { project: connection.project(), files, options, salt: salt.clone() };
    let saved = SavedPlan::new(desired, live, &planned.plan, origin).hiding(redaction);
    Ok(SavedPlan { flow: planned.flow.clone(), ..saved })
}

/// Writes a plan. An existing file is replaced atomically. Only its owner can read the file, because it may contain
/// environment values of the manifests.
pub(super) fn write(path: &Path, plan: &SavedPlan) -> anyhow::Result<()> {
    // Replacing a device or a pipe would leave a file in its place.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        bail!("cannot write the plan to {}: it exists but is not a regular file", path.display());
    }
    let text = saved::text(plan).context("the plan cannot be saved")?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritable = || format!("cannot write the plan to {}", path.display());
    if !directory.is_dir() {
        let message = format!("{}: the directory {} does not exist", unwritable(), directory.display());
        return Err(advised(message, "create it, or give --out another path"));
    }
    // Private, and deleted if anything fails.
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(without_path).with_context(unwritable)?;
    file.write_all(text.as_bytes()).with_context(unwritable)?;
    file.as_file().sync_all().with_context(unwritable)?;
    file.persist(path).map_err(|error| error.error).with_context(unwritable)?;
    Ok(())
}

/// The system's error, without the name of the temporary file.
fn without_path(error: io::Error) -> io::Error {
    error.raw_os_error().map_or(error, io::Error::from_raw_os_error)
}

pub(super) fn read(path: &Path) -> anyhow::Result<SavedPlan> {
    let unusable = || {
        let is_manifest = path.is_dir() || path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml");
        let help = if is_manifest {
            "to apply a manifest, name it with -f"
        } else {
            "save a plan with `fgctl plan --out FILE`"
        };
        Advised::new(format!("cannot use {} as a saved plan", path.display()), help)
    };
    let mut bytes = Vec::new();
    let file = open_regular(path).with_context(unusable)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).with_context(unusable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(anyhow::anyhow!("it is too large").context(unusable()));
    }
    saved::parse(&bytes).with_context(unusable)
}
