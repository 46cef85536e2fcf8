//! `--report FORMAT=FILE`: reports in files, beside the output for people.
//!
//! A file is written however the command ends, so that a pipeline can show why it failed. A file that cannot be written
//! makes the command fail, but only after everything else is done.

use clap::ValueEnum;
use clap_complete::ArgValueCompleter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::manifest::Manifest;
use crate::render::Detail;

use super::completion;
use super::failure::{self, Advised, advised};
use super::flag_value::FlagError;
use super::help;
use super::manifest_arguments::ManifestArguments;
use super::output::{Format, ReportOutput, Subject};
use super::shared_arguments::SharedArguments;
use super::streams;
use super::whole_file::{self, Access};

/// The formats in the order of `-o`.
const FORMATS: &str = "json, markdown, sarif, junit, code-quality and gitlab";

/// Whether a report could not be written.
static IS_INCOMPLETE: AtomicBool = AtomicBool::new(false);

/// A report to write into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReportFile {
    pub(super) format: Format,
    pub(super) path: PathBuf,
}

/// The flag for reports in files.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ReportArguments {
    /// Also write a report to a file, in one of the formats of -o except `human`. Repeatable. The file is written even if
    /// the command fails
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = parse, add = ArgValueCompleter::new(completion::reports), help_heading = help::OUTPUT)]
    pub(super) files: Vec<ReportFile>,
}

/// Where a command's results go.
#[derive(Debug, Clone, Default)]
pub(super) struct Reporting {
    pub(super) output: ReportOutput,
    pub(super) files: Vec<ReportFile>,
    /// The manifests whose first file findings without a place are about.
    pub(super) manifest: Option<ManifestArguments>,
    /// How much of a long result a comment shows.
    pub(super) detail: Detail,
}

fn parse(text: &str) -> Result<ReportFile, FlagError> {
    let wrong = FlagError::Report { formats: FORMATS };
    let (format, path) = text.split_once('=').ok_or(wrong)?;
    let format = ReportOutput::from_str(format, false).ok().and_then(ReportOutput::format).ok_or(wrong)?;
    if matches!(path, "" | "-") { Err(FlagError::NoFile) } else { Ok(ReportFile { format, path: path.into() }) }
}

impl From<&SharedArguments> for Reporting {
    fn from(shared: &SharedArguments) -> Self {
        let SharedArguments { manifest, connection: _, output, report, quiet: _, detail } = shared;
        let files = report.files.clone();
        Self { output: *output, files, manifest: Some(manifest.clone()), detail: detail.detail() }
    }
}

impl<O: Into<ReportOutput>> From<O> for Reporting {
    fn from(output: O) -> Self {
        Self { output: output.into(), ..Self::default() }
    }
}

impl Reporting {
    /// Refuses reports that could not say anything, and files that could not be written, before the command starts. `plan` is
    /// the file of the saved plan.
    pub(super) fn refuse(&self, subject: Subject, plan: Option<&Path>) -> anyhow::Result<()> {
        let Self { output, files, manifest: _, detail: _ } = self;
        if let Some(format) = output.format() {
            format.refuse(subject, &format!("-o {}", name(format)))?;
        }
        let mut paths: Vec<&Path> = Vec::new();
        for ReportFile { format, path } in files {
            format.refuse(subject, &format!("--report {}", name(*format)))?;
            whole_file::refuse(path, "the report", "--report")?;
            if plan.is_some_and(|plan| is_same(plan, path)) {
                let message = format!("the report would replace the plan {}", path.display());
                return Err(advised(message, "give --report another path"));
            }
            if paths.iter().any(|other| is_same(other, path)) {
                let message = format!("two reports would be written to {}", path.display());
                return Err(advised(message, "give each report its own file"));
            }
            paths.push(path);
        }
        Ok(())
    }

    /// Leaves out the reports that this error refuses.
    #[must_use]
    pub(super) fn permitted_by(mut self, error: &anyhow::Error) -> Self {
        if let Some(InCode(refused)) = error.downcast_ref() {
            self.files.retain(|file| !refused.contains(&file.path));
        }
        self
    }

    /// Whether a document in this format is needed.
    pub(super) fn has(&self, format: Format) -> bool {
        self.output.format() == Some(format) || self.files.iter().any(|file| file.format == format)
    }

    /// Writes the files. `document` makes the text of a format.
    pub(super) fn write(&self, document: impl Fn(Format) -> String) {
        for ReportFile { format, path } in &self.files {
            if let Err(error) = whole_file::write(path, &streams::hidden(&document(*format)), Access::Umask) {
                failure::show(&error.context("a report is missing"));
                IS_INCOMPLETE.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Reports that would be part of a function's code: the plan would be stale at once, and the next apply would deploy them.
#[derive(Debug, thiserror::Error)]
#[error("no report is written into packed code")]
struct InCode(Vec<PathBuf>);

/// Refuses reports in directories that are packed. They are not written even to report this.
pub(super) fn refuse_in_code(files: &[ReportFile], manifest: &Manifest) -> anyhow::Result<()> {
    let packed = files.iter().filter_map(|file| Some((&file.path, manifest.packing(&file.path)?)));
    let packed: Vec<_> = packed.collect();
    let Some((path, function)) = packed.first() else { return Ok(()) };
    let message = format!("the report {} would be packed into the code of function {function}", path.display());
    let help = "give --report a path in a directory that no function packs, or list the file in .fgctlignore";
    let all = packed.iter().map(|(path, _)| (*path).clone()).collect();
    Err(anyhow::Error::new(InCode(all)).context(Advised::instead(message, help)))
}

/// Whether a report could not be written. The error was shown.
pub(super) fn is_incomplete() -> bool {
    IS_INCOMPLETE.load(Ordering::Relaxed)
}

/// The formats as users write them.
pub(super) fn formats() -> impl Iterator<Item = String> {
    ReportOutput::value_variants().iter().filter_map(|output| output.format()).map(name)
}

/// A format as users write it.
fn name(format: Format) -> String {
    let outputs = ReportOutput::value_variants().iter().filter(|output| output.format() == Some(format));
    outputs.filter_map(|output| Some(output.to_possible_value()?.get_name().to_owned())).collect()
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (std::path::absolute(one), std::path::absolute(other)) {
        (Ok(one), Ok(other)) => one.components().eq(other.components()),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_format_and_a_file() {
        assert_eq!(parse("junit=a=b.xml"), Ok(ReportFile { format: Format::Junit, path: "a=b.xml".into() }));
        assert_eq!(parse("json="), Err(FlagError::NoFile));
        assert_eq!(parse("json=-"), Err(FlagError::NoFile));
        for wrong in ["junit", "human=a", "xml=a", "=a", ""] {
            assert_eq!(parse(wrong), Err(FlagError::Report { formats: FORMATS }), "{wrong}");
        }
    }

    #[test]
    fn the_message_about_formats_names_all_of_them() {
        let names: Vec<String> = formats().collect();
        let (last, others) = names.split_last().expect("formats");
        assert_eq!(format!("{} and {last}", others.join(", ")), FORMATS);
    }
}
