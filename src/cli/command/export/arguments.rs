//! The arguments of `fgctl export`, and which functions they select.

use clap::ValueHint;
use clap::builder::{NonEmptyStringValueParser, TypedValueParser};
use clap_complete::ArgValueCompleter;
use glob::Pattern;
use std::path::PathBuf;

use crate::model::text::StackName;
use crate::plan::export::Extent;

use crate::cli::completion;
use crate::cli::connection::ConnectionArguments;
use crate::cli::environment_arguments::EnvironmentArguments;
use crate::cli::help;
use crate::cli::output::Output;

const EXAMPLES: &str = "\
Examples:
  # Export all functions that no stack owns
  fgctl export --to exported

  # Export only the unowned functions whose names start with `order-`
  fgctl export --to orders --name 'order-*'

  # Export only policies and triggers of unowned functions, which another tool continues to deploy
  fgctl export --to policies --policies-only";

/// Write a manifest and code for live functions
///
/// By default, fgctl exports all unowned functions. With --name, it exports the unowned functions whose names match. With
/// --stack, it exports the functions that the stack owns. With both options, it exports both kinds of functions, under the
/// name of that stack. fgctl changes nothing in the service.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The directory to write to, which must be new or empty
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) to: PathBuf,
    /// Export the unowned functions whose name or package/name matches this pattern
    ///
    /// `*` matches any text, and `?` matches one character.
    #[arg(long, value_name = "GLOB", value_parser = pattern(), add = ArgValueCompleter::new(completion::live_functions))]
    pub(super) name: Option<Pattern>,
    /// Export the functions that this stack owns
    ///
    /// The exported manifest has this stack's name. Without this option, its name is `exported`, or `exported-policies` with
    /// --policies-only.
    #[arg(long, value_parser = |text: &str| StackName::new(text))]
    pub(super) stack: Option<StackName>,
    /// Export only the policies and triggers
    ///
    /// Use this if another tool deploys the functions. The exported manifest declares them with `existing: true`.
    #[arg(long)]
    pub(super) policies_only: bool,
    /// The output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, help_heading = help::OUTPUT)]
    pub(super) output: Output,
    #[command(flatten)]
    pub(super) environment: EnvironmentArguments,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}

/// Reads a pattern, which cannot be empty.
fn pattern() -> impl TypedValueParser<Value = Pattern> {
    NonEmptyStringValueParser::new().try_map(|text| Pattern::new(&text))
}

impl Arguments {
    /// Whether an unowned function of this name, with its package, is to be exported.
    pub(super) fn asks_for(&self, name: &str) -> bool {
        self.matches(name) && (self.name.is_some() || self.stack.is_none())
    }

    /// The name for the manifest if `--stack` gives none. Functions and policies alone are two stacks: with one name, applying
    /// the policies would delete the functions.
    pub(super) const fn default_stack(&self) -> &'static str {
        if self.policies_only { "exported-policies" } else { "exported" }
    }

    pub(super) const fn extent(&self) -> Extent {
        if self.policies_only { Extent::Policies } else { Extent::Functions }
    }

    /// Whether `--name` matches a function's name with its package. Without the flag, every name matches.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|pattern| {
            let is_of_package = pattern.as_str().contains('/');
            pattern.matches(if is_of_package { name } else { name.rsplit('/').next().unwrap_or_default() })
        })
    }
}
