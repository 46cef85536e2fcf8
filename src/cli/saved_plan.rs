//! Saved plans as files.

use anyhow::{Context, bail};
use std::fs;
use std::io::Write;
use std::path::Path;

use crate::plan::Planned;
use crate::plan::saved::{self, Moved, Options, SavedPlan};

use super::manifest_arguments::ManifestArguments;
use super::reconcile::Prepared;

/// Bytes of the largest file that is read: a plan of thousands of functions has a few megabytes.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// What a file would keep of a plan that has just been made.
pub(super) fn record(
    prepared: &Prepared,
    planned: &Planned<'_>,
    options: Options,
    manifest: &ManifestArguments,
) -> SavedPlan {
    let origin = (prepared.connection.place(), manifest.files(), prepared.salt.clone());
    SavedPlan::new((&prepared.desired, &prepared.live), planned, options, origin)
}

/// Writes a plan; a file that is there is replaced, at no moment by less than a whole one. Environment values of the
/// manifests may be in it, so that only its owner may read it.
pub(super) fn write(path: &Path, plan: &SavedPlan) -> anyhow::Result<()> {
    // Replacing would put a file in the place of a device or a pipe.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        bail!("the plan cannot be written to {}: it is there, and is no file", path.display());
    }
    let text = saved::text(plan).context("the plan cannot be saved")?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritable = || format!("the plan cannot be written to {}", path.display());
    // Private, and gone again if anything fails.
    let mut file = tempfile::NamedTempFile::new_in(directory).with_context(unwritable)?;
    file.write_all(text.as_bytes()).with_context(unwritable)?;
    file.as_file().sync_all().with_context(unwritable)?;
    file.persist(path).with_context(unwritable)?;
    Ok(())
}

pub(super) fn read(path: &Path) -> anyhow::Result<SavedPlan> {
    let unreadable = || format!("the plan {} cannot be used", path.display());
    if fs::metadata(path).with_context(unreadable)?.len() > MOST_BYTES {
        bail!("{}: it is too large for a plan", unreadable());
    }
    let bytes = fs::read(path).with_context(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("it is no text")).with_context(unreadable)?;
    saved::parse(&text).with_context(unreadable)
}

/// Why a saved plan is refused, line by line.
pub(super) fn explain(path: &Path, saved: &SavedPlan, now: &SavedPlan, moved: &[Moved]) -> String {
    let mut lines = vec![format!("error: the plan {} is stale, and nothing was changed:", path.display())];
    lines.extend(moved.iter().map(|moved| format!("  {moved}")));
    lines.push(if saved.is_done(now) {
        "It has probably been applied already: live is as it wanted it.".to_owned()
    } else {
        "Plan again to see what would change now.".to_owned()
    });
    lines.join("\n") + "\n"
}
