//! The commands, each in its own file or folder: their flags, and what they do.

mod apply;
mod completions;
mod destroy;
mod drift;
mod explain;
mod export;
mod forget;
mod graph;
mod import;
mod invocations;
mod invoke;
mod logs;
mod man;
mod plan;
mod schema;
mod serve;
mod show;
mod validate;
mod whoami;

use clap::Subcommand;

use super::Exit;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Validate(validate::Arguments),
    Plan(plan::Arguments),
    Apply(apply::Arguments),
    Show(show::Arguments),
    Destroy(destroy::Arguments),
    Drift(drift::Arguments),
    Graph(graph::Arguments),
    Export(export::Arguments),
    Import(import::Arguments),
    Forget(forget::Arguments),
    Invoke(invoke::Arguments),
    Logs(logs::Arguments),
    Invocations(invocations::Arguments),
    Serve(serve::Arguments),
    Whoami(whoami::Arguments),
    Explain(explain::Arguments),
    Schema(schema::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

impl Command {
    /// Runs the command.
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Validate(arguments) => validate::run(&arguments).await,
            Self::Plan(arguments) => plan::run(&arguments).await,
            Self::Apply(arguments) => Box::pin(apply::run(&arguments)).await,
            Self::Show(arguments) => show::run(&arguments).await,
            Self::Destroy(arguments) => destroy::run(&arguments).await,
            Self::Drift(arguments) => drift::run(&arguments).await,
            Self::Graph(arguments) => graph::run(&arguments).await,
            Self::Export(arguments) => export::run(&arguments).await,
            Self::Import(arguments) => import::run(&arguments).await,
            Self::Forget(arguments) => forget::run(&arguments).await,
            Self::Invoke(arguments) => invoke::run(&arguments).await,
            Self::Logs(arguments) => logs::run(&arguments).await,
            Self::Invocations(arguments) => invocations::run(&arguments).await,
            Self::Serve(arguments) => serve::run(arguments).await,
            Self::Whoami(arguments) => whoami::run(&arguments).await,
            Self::Explain(arguments) => explain::run(&arguments),
            Self::Schema(arguments) => schema::run(&arguments),
            Self::Completions(arguments) => completions::run(&arguments),
            Self::Man(arguments) => man::run(&arguments),
        }
    }
}
