#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments) -> anyhow::Result<super::Exit> {
    Ok(super::Exit::Done)
}
