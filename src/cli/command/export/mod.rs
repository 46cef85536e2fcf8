//! `fgctl export`: writes manifests and code for live functions. It does not change live state.

mod arguments;
mod existing;
mod obstacle;
mod report;

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::manifest::write::{self, Declaration, DeclaredCode, Export};
use crate::manifest::{self, UnpackError, Unpacked};
use crate::model::address::{Address, FunctionAddress};
use crate::model::field::Field;
use crate::model::state::LiveFunction;
use crate::model::text::{ImageAddress, ObsUrl, StackName};
use crate::plan::export::{self as plan, Choice, Criteria, Functions, Qualifiers};
use crate::plan::export_trigger;
use crate::remote::{Everything, Exported, LiveArchive, Remote};

pub(in crate::cli) use self::arguments::Arguments;
use crate::cli::Exit;
use crate::cli::connection::Connection;
use crate::cli::failure::{Interrupted, advised, reported};
use crate::cli::interruption;
use crate::cli::output::Output;
use crate::cli::progress::{Form, Progress};
use crate::cli::quoting::quoted;

use existing::Existing;
use report::{Ended, json, nothing, summary};

const MANIFEST: &str = "fgctl.yaml";
const CODE: &str = "functions";

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.output, show(arguments)).await
}

async fn show(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { environment, connection, to, output, .. } = arguments;
    let connected = Connection::open(connection, environment.select()?.as_ref()).await?;
    let remote = Remote::new(connected.client()?);
    let progress = Progress::reading(Form::of((*output).into(), false), &remote);
    let ended = export(arguments, &remote).await;
    drop(progress);
    connected.close().await;
    let ended = ended?;
    match output {
        Output::Json => outln!("{:#}", json(ended, remote.scope(), to)),
        Output::Human => {
            let local = connection.local_flag().map(|flag| format!("{flag} ")).unwrap_or_default();
            let command = format!("fgctl apply {local}-f {}", quoted(&to.display().to_string()));
            out!("{}", summary(&ended, remote.scope(), to, &command));
        }
    }
    Ok(Exit::Done)
}

/// What there is to export, before anything is written.
struct Found {
    /// Every function of the project.
    functions: Functions,
    /// The functions to declare as a whole.
    selected: BTreeSet<FunctionAddress>,
    /// The functions that something else deploys.
    existing: Vec<Existing>,
    left_out: Vec<String>,
    warnings: Vec<String>,
}

async fn export(arguments: &Arguments, remote: &Remote) -> anyhow::Result<Ended> {
    let stack = arguments.stack.clone().map_or_else(|| StackName::new(arguments.default_stack()), Ok)?;
    let found = find(arguments, remote, &stack).await?;
    let existing = found.existing.iter().map(|existing| &existing.live.address);
    if !found.selected.iter().chain(existing).any(|address| arguments.matches(&address.to_string())) {
        return Err(nothing(arguments, &found.left_out));
    }
    let interrupted = interruption::stoppable("the export is incomplete");
    let created = prepare(&arguments.to, !found.selected.is_empty())?;
    let declared = tokio::select! {
        declared = declare(arguments, remote, stack, found) => declared,
        () = interrupted => Err(Interrupted { consequence: "nothing was exported".to_owned() }.into()),
    };
    declared.inspect_err(|_| {
        // Remove unfinished code, so that the next try can start again.
        let _ = fs::remove_dir_all(arguments.to.join(CODE));
        if created {
            let _ = fs::remove_dir(&arguments.to);
        }
    })
}

async fn find(arguments: &Arguments, remote: &Remote, stack: &StackName) -> anyhow::Result<Found> {
    let Everything { functions, unnamed, unreadable_tags } = remote.everything().await?;
    let mut warnings = Vec::new();
    if let Some(error) = unreadable_tags {
        if !arguments.policies_only {
            return Err(error.into());
        }
        warnings.push(format!("the tags cannot be read, so some of this may belong to a stack ({error})"));
    }
    let is_asked_for = |name: &str| arguments.asks_for(name);
    let criteria = Criteria { stack, extent: arguments.extent(), is_asked_for: &is_asked_for };
    let chosen = plan::choose(&functions, &unnamed, &criteria);
    if arguments.policies_only {
        let help = "give --stack the name of a stack that owns no functions, or export without --policies-only";
        plan::check_policies_only(stack, &chosen).map_err(|owned| advised(owned.to_string(), help))?;
    }
    let Choice { functions: selected, existing, mut left_out } = chosen;
    let existing = existing.iter().filter_map(|address| functions.get(address));
    let (existing, of_others) = existing::read(remote, existing, &criteria).await?;
    left_out.extend(of_others);
    Ok(Found { functions, selected, existing, left_out, warnings })
}

async fn declare(arguments: &Arguments, remote: &Remote, stack: StackName, found: Found) -> anyhow::Result<Ended> {
    let Found { functions, selected, existing, mut left_out, warnings } = found;
    let keys = write::keys(selected.iter().chain(existing.iter().map(|existing| &existing.live.address)));
    let place = Place { to: &arguments.to, stack: &stack };
    let read = read(remote, place, &selected, &keys).await?;
    plan::check_left_out(&stack, &read.undeclarable)?;
    left_out.extend(read.undeclarable.iter().map(|(live, why)| format!("function {}: {why}", live.address)));
    let mut declarations = read.declarations;
    let live = declarations.iter().map(|one| &one.live).chain(existing.iter().map(|existing| &existing.live));
    let mut obstacles = obstacle::find(remote, &functions, live, read.qualifiers).await?;
    for declaration in &mut declarations {
        declaration.policy_obstacle = obstacles.remove(&declaration.live.address);
    }
    let (existing, undeclarable) = existing::declarations(&stack, existing, &mut obstacles);
    plan::check_left_out(&stack, &undeclarable)?;
    left_out.extend(undeclarable.iter().map(|(live, why)| format!("the policy of {}: {why}", live.address)));
    let whole = declarations.iter().map(|one| &one.live.address);
    let declared: BTreeSet<&FunctionAddress> = whole.clone().chain(existing.iter().map(|one| &one.address)).collect();
    if !declared.iter().any(|address| arguments.matches(&address.to_string())) {
        return Err(nothing(arguments, &left_out));
    }
    // Functions that are left out have no key for policies to name.
    let keys = keys.iter().filter(|(address, _)| declared.contains(address));
    let keys: BTreeMap<_, _> = keys.map(|(address, key)| (address.clone(), key.clone())).collect();
    let export = Export {
        stack: &stack,
        scope: remote.scope(),
        keys: &keys,
        declarations: &declarations,
        existing: &existing,
        left_out: &left_out,
    };
    let written = write::write(&export);
    for (address, left, why) in &written.triggers_left_out {
        // The list has the tags.
        let live =
            functions.get(address).map(|live| LiveFunction { triggers: Some(vec![left.clone()]), ..live.clone() });
        live.map_or(Ok(()), |live| export_trigger::check_left_out(&stack, &live, left, why))?;
    }
    create(&arguments.to.join(MANIFEST), &written.text)?;
    let functions = whole.map(Address::function).collect();
    let with_policies = existing.iter().filter(|one| one.policy.is_some());
    let policies = with_policies.map(|one| Address::async_policy(&one.address)).collect();
    Ok(Ended { stack, functions, policies, left_out, warnings, written })
}

/// Ensures that the directory is empty and has a place for code, if there is any. Returns whether it is new.
fn prepare(directory: &Path, has_code: bool) -> anyhow::Result<bool> {
    let shown = directory.display();
    let created = match fs::read_dir(directory) {
        Ok(mut entries) => match entries.next() {
            Some(_) => {
                let message = format!("the directory `{shown}` is not empty, and export does not overwrite files");
                return Err(advised(message, "give --to a new directory"));
            }
            None => false,
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            fs::create_dir_all(directory).with_context(|| format!("cannot create the directory `{shown}`"))?;
            true
        }
        Err(error) => return Err(error).with_context(|| format!("cannot write to the directory `{shown}`")),
    };
    if has_code {
        fs::create_dir(directory.join(CODE)).with_context(|| format!("cannot write to the directory `{shown}`"))?;
    }
    Ok(created)
}

/// Where an export writes, and for which stack.
#[derive(Clone, Copy)]
struct Place<'a> {
    to: &'a Path,
    stack: &'a StackName,
}

/// The functions, after their code was written.
#[derive(Default)]
struct Read {
    declarations: Vec<Declaration>,
    undeclarable: Vec<(LiveFunction, String)>,
    qualifiers: Qualifiers,
}

/// Writes code one function at a time, so that memory contains only the code being downloaded.
async fn read(
    remote: &Remote,
    place: Place<'_>,
    selected: &BTreeSet<FunctionAddress>,
    keys: &BTreeMap<FunctionAddress, String>,
) -> anyhow::Result<Read> {
    let mut read = Read::default();
    let mut functions = stream::iter(selected).map(|address| remote.export(address)).buffered(remote.concurrency());
    while let Some(exported) = functions.try_next().await? {
        let Some(Exported { mut live, archive, qualifiers, unmanaged }) = exported else { continue };
        let key = keys.get(&live.address).map_or(live.address.name.as_str(), String::as_str);
        let handler_obstacle = match &archive {
            LiveArchive::Zip(bytes) => manifest::handler_obstacle(&live.configuration, bytes),
            LiveArchive::Obs(_) | LiveArchive::Jar(_) | LiveArchive::Image | LiveArchive::Withheld(_) => None,
        };
        match declared_code(&live, archive, place.to, key)? {
            Code::Written(code) => {
                read.qualifiers.insert(live.address.clone(), qualifiers);
                let (triggers, trigger_obstacle) = match export_trigger::of_function(place.stack, &live) {
                    Ok(triggers) => (triggers, None),
                    Err(why) => (Vec::new(), Some(why.to_string())),
                };
                live.triggers = Some(triggers);
                let policy_obstacle = None;
                read.declarations.push(Declaration {
                    live,
                    code,
                    handler_obstacle,
                    trigger_obstacle,
                    policy_obstacle,
                    unmanaged,
                });
            }
            Code::Undeclarable(why) => read.undeclarable.push((live, why)),
        }
    }
    Ok(read)
}

/// Where the code was written, or why a manifest cannot declare the function.
enum Code {
    Written(DeclaredCode),
    Undeclarable(String),
}

fn declared_code(live: &LiveFunction, archive: LiveArchive, to: &Path, key: &str) -> Result<Code, UnpackError> {
    if let Some(why) = plan::undeclarable(live) {
        return Ok(Code::Undeclarable(why));
    }
    let place = format!("{CODE}/{key}");
    Ok(match archive {
        LiveArchive::Withheld(why) => Code::Undeclarable(why.to_owned()),
        LiveArchive::Obs(url) => match ObsUrl::new(url) {
            Ok(url) => Code::Written(DeclaredCode::Obs(url)),
            Err(error) => Code::Undeclarable(error.to_string()),
        },
        LiveArchive::Image => match ImageAddress::new(live.configuration.text(Field::ImageUrl)) {
            Ok(_) => Code::Written(DeclaredCode::Image),
            Err(error) => Code::Undeclarable(error.to_string()),
        },
        LiveArchive::Jar(bytes) => match manifest::keep_jar(&bytes, &to.join(&place)) {
            Ok(()) => Code::Written(DeclaredCode::Jar(format!("{place}.jar"))),
            Err(error @ UnpackError::Write { .. }) => return Err(error),
            Err(error) => Code::Undeclarable(error.to_string()),
        },
        LiveArchive::Zip(bytes) => match manifest::unpack(&bytes, &to.join(&place)) {
            Ok(Unpacked::Directory) => Code::Written(DeclaredCode::Directory(place)),
            Ok(Unpacked::Zip) => Code::Written(DeclaredCode::Zip(format!("{place}.zip"))),
            Err(error @ UnpackError::Write { .. }) => return Err(error),
            Err(error) => Code::Undeclarable(error.to_string()),
        },
    })
}

fn create(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.as_mut().map_err(|error| std::io::Error::from(error.kind()));
    written
        .and_then(|file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write `{}`", path.display()))
}
