//! Reads and writes saved plans.

use anyhow::Context;
use std::io::Read;
use std::path::Path;

use crate::manifest::{is_yaml, open_regular};
use crate::plan::Planned;
use crate::plan::saved::{self, Options, Origin, SavedPlan, Warning};

use super::failure::{Advised, advised};
use super::manifest_arguments::ManifestArguments;
use super::reconcile::Prepared;
use super::whole_file::{self, Access};

/// The largest file that is read, in bytes. A plan for thousands of functions has a few megabytes.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// The saved form of a plan that was just made.
pub(super) fn record(
    prepared: &Prepared,
    planned: &Planned<'_>,
    options: Options,
    manifest: &ManifestArguments,
) -> anyhow::Result<SavedPlan> {
    let Prepared { desired, redaction, live, salt, environment, connection, unset, as_planned, .. } = prepared;
    let (desired, redaction) =
        as_planned.as_ref().map_or((desired, redaction), |then| (&then.desired, &then.redaction));
    let files = manifest.files(environment.as_ref()).context("the current directory cannot be found")?;
    let origin = Origin { project: connection.project(), files, options, salt: salt.clone(), unset: unset.clone() };
    let saved = SavedPlan::new(desired, live, &planned.plan, origin).hiding(redaction);
    let warnings = planned.diagnostics.iter().map(Warning::from).collect();
    Ok(SavedPlan { flow: planned.flow.clone(), warnings, ..saved })
}

/// Fails if a plan cannot be at this path.
pub(super) fn refuse(path: &Path) -> anyhow::Result<()> {
    if path == Path::new("-") {
        let help = "name a file, such as --out orders.plan; to print the plan, use -o json";
        return Err(advised("--out needs a file, because a plan is not written to standard output", help));
    }
    whole_file::refuse(path, "the plan", "--out")
}

/// Writes a plan. Only its owner can read the file, because it may contain environment values of the manifests.
pub(super) fn write(path: &Path, plan: &SavedPlan) -> anyhow::Result<()> {
    let text = saved::text(plan).context("the plan cannot be saved")?;
    whole_file::write(path, &text, Access::Owner).context("the plan cannot be saved")
}

pub(super) fn read(path: &Path) -> anyhow::Result<SavedPlan> {
    let unusable = || {
        let is_manifest = path.is_dir() || is_yaml(path);
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
