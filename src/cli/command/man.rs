//! `fgctl man`: writes the man pages of all commands, for packages. They say what `--help` says.

use anyhow::Context;
use clap::{CommandFactory, ValueHint};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::io;
use std::path::PathBuf;

use crate::cli::Exit;
use crate::cli::failure::advised;

/// Write the man pages of all commands
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(in crate::cli) struct Arguments {
    /// The directory to write to
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { dir } = arguments;
    // The generator would leave out the text of options that the short help hides.
    let shown = |command: clap::Command| command.mut_args(|argument| argument.hide_short_help(false));
    let mut program = crate::cli::Arguments::command().disable_help_subcommand(true).mut_subcommands(shown);
    program.build();
    if dir.is_file() {
        return Err(advised(format!("{} is a file, not a directory", dir.display()), "give --dir a directory"));
    }
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make the directory {}", dir.display()))?;
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
    for command in std::iter::once(&program).chain(commands) {
        let page = Man::new(command.clone()).manual("fgctl");
        let path = dir.join(page.get_filename());
        let text = rendered(&page, command)?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Exit::Done)
}

/// The sections of a page. The generator would join the lines of examples.
fn rendered(page: &Man, command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut text)?;
    }
    let rest = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    as_it_is(&rest).to_writer(&mut text)?;
    Ok(text)
}

/// Text that keeps its lines. A line such as `Examples:` is a heading.
fn as_it_is(text: &str) -> Roff {
    let mut roff = Roff::new();
    for line in text.lines() {
        match line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
            Some(heading) => roff.control("fi", []).control("SH", [heading.to_uppercase().as_str()]).control("nf", []),
            None => roff.text([roman(line)]),
        };
    }
    roff.control("fi", []);
    roff
}
