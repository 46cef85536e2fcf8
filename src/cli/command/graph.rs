//! `fgctl graph`: draws what starts each function and what its policy notifies. It writes nothing.

use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::model::address::FunctionAddress;
use crate::plan::events;
use crate::plan::flow::Flow;
use crate::render::{self, graph};

use crate::cli::Exit;
use crate::cli::connection::ConnectionArguments;
use crate::cli::failure::reported;
use crate::cli::github;
use crate::cli::help;
use crate::cli::manifest_arguments::{Checked, ManifestArguments};
use crate::cli::output::{GraphOutput, ReportOutput};
use crate::cli::reconcile::{self, Goal, Intent, Prepared};
use crate::cli::report_file::ReportArguments;
use crate::cli::saved_plan;
use crate::cli::shared_arguments::{DetailArguments, SharedArguments};
use crate::cli::streams;

/// The width of a tree that is not printed on a terminal.
const WIDTH: usize = 100;

const EXAMPLES: &str = "\
Examples:
  # Draw the functions of the manifest as a tree
  fgctl graph

  # Draw an image of what is live
  fgctl graph --live -o svg > orders.svg

  # Draw what a saved plan changes
  fgctl graph --plan orders.plan -o mermaid";

/// Draw what starts each function, and what it notifies
///
/// By default, fgctl draws what the manifest declares. This needs no account.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Draw what is live: the functions of the stack, and everything that their notifications reach
    #[arg(long)]
    live: bool,
    /// Draw what a saved plan changes, without reading the manifest
    #[arg(long, value_name = "FILE", conflicts_with_all = ["live", "paths"])]
    plan: Option<PathBuf>,
    #[command(flatten)]
    manifest: ManifestArguments,
    /// The format of the drawing
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, help_heading = help::OUTPUT)]
    output: GraphOutput,
    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.output, draw(arguments)).await
}

async fn draw(arguments: &Arguments) -> anyhow::Result<Exit> {
    if let Some(file) = &arguments.plan {
        let saved = saved_plan::read(file)?;
        return Ok(show(arguments.output, &saved.flow, saved.stack.as_str(), &[]));
    }
    if arguments.live { live(arguments).await } else { Ok(declared(arguments)) }
}

/// Draws as much of the manifests as can be resolved, because a drawing explains a cycle better than its message.
fn declared(arguments: &Arguments) -> Exit {
    let Checked { sources, mut diagnostics, manifest, partial, .. } = arguments.manifest.check().without_lints();
    sources.locate(&mut diagnostics);
    let Some(manifest) = manifest.or(partial) else {
        crate::cli::report::refused(&arguments.output.into(), &diagnostics);
        return Exit::Failed;
    };
    let flow = reconcile::flow(&events::declared(manifest.holders()), &sources, |_| true).as_it_is();
    show(arguments.output, &flow, manifest.stack.as_str(), &diagnostics)
}

async fn live(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { manifest, connection, .. } = arguments.clone();
    let shared = SharedArguments {
        manifest,
        connection,
        output: ReportOutput::Human,
        report: ReportArguments::default(),
        quiet: false,
        detail: DetailArguments::default(),
    };
    let prepared = reconcile::prepare(&shared, Intent::from(Goal::AsDeclared)).await?.without_lints();
    let Prepared { desired, live, sources, .. } = &prepared;
    let is_ours = |address: &FunctionAddress| {
        let found = live.functions.get(address);
        found.is_some_and(|found| desired.holder(address).is_some() || found.is_owned_by(&desired.stack))
    };
    let flow = reconcile::flow(&events::graph(desired, live, &[]), sources, is_ours).as_it_is();
    let mut diagnostics = prepared.warnings.clone();
    sources.locate(&mut diagnostics);
    let exit = show(arguments.output, &flow, desired.stack.as_str(), &diagnostics);
    prepared.connection.close().await;
    Ok(exit)
}

fn show(output: GraphOutput, flow: &Flow, stack: &str, diagnostics: &[Diagnostic]) -> Exit {
    github::annotate(diagnostics);
    if output != GraphOutput::Json {
        err!("{}", render::diagnostic::human(diagnostics));
    }
    match output {
        GraphOutput::Text => out!("{}", graph::text::text(flow, streams::width().unwrap_or(WIDTH))),
        GraphOutput::Mermaid => out!("{}", graph::mermaid::mermaid(flow)),
        GraphOutput::Dot => out!("{}", graph::dot::dot(flow, stack)),
        GraphOutput::Svg => out!("{}", graph::svg::svg(flow, stack)),
        GraphOutput::Json => outln!("{:#}", graph::json::json(flow, stack, &render::diagnostic::json(diagnostics))),
    }
    if diagnostics.iter().any(Diagnostic::is_error) { Exit::Failed } else { Exit::Done }
}
