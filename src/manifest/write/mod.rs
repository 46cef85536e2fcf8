//! Writes live functions as a YAML manifest. Pure: the caller says where the code is, and nothing is read or written.

mod choice;
mod function;
mod names;
mod policy;
mod trigger;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress};
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::field::Field;
use crate::model::state::LiveFunction;
use crate::model::text::{ObsUrl, StackName};
use crate::model::trigger::LiveTrigger;
use crate::model::urn::Scope;
use crate::rules::text;

use choice::Chosen;
use function::{Entry, Owner};
use names::Taken;
use policy::Grouped;
pub use policy::LeftToOthers;
use yaml::Node;

/// A live function to declare.
#[derive(Debug)]
pub struct Declaration {
    pub live: LiveFunction,
    pub code: DeclaredCode,
    /// Why `ignore` has to list its handler, if its code does not contain it.
    pub handler_obstacle: Option<String>,
    /// Why none of its triggers is declared.
    pub trigger_obstacle: Option<String>,
    /// Why `ignore` has to list its policy, for reasons outside the policy.
    pub policy_obstacle: Option<String>,
    /// Its other parts, which the format does not support.
    pub unmanaged: Vec<String>,
}

/// A function that something else deploys, to declare with its policy and its triggers alone.
#[derive(Debug)]
pub struct ExistingDeclaration {
    pub address: FunctionAddress,
    pub policy: Option<AsyncPolicy>,
    pub triggers: Vec<LiveTrigger>,
    /// Whether the stack of the manifest applied its triggers.
    pub owns_triggers: bool,
    /// Why none of its triggers is declared.
    pub trigger_obstacle: Option<String>,
    /// Its other policies, which the format does not support.
    pub unmanaged: Vec<String>,
}

/// The location of a function's code, relative to the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredCode {
    Directory(String),
    Zip(String),
    /// A Java archive.
    Jar(String),
    Obs(ObsUrl),
    /// A container image, which is declared by a field of the configuration.
    Image,
}

/// The input for a manifest.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    pub stack: &'a StackName,
    pub scope: &'a Scope,
    /// The result of [`keys`]; it determines the location of the code.
    pub keys: &'a BTreeMap<FunctionAddress, String>,
    pub declarations: &'a [Declaration],
    pub existing: &'a [ExistingDeclaration],
    /// What cannot be declared, with the reason.
    pub left_out: &'a [String],
}

/// A manifest, and remarks about what it lacks.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    pub text: String,
    /// By function, in manifest order.
    pub remarks: Vec<(FunctionAddress, Vec<String>)>,
    /// The triggers of functions that something else deploys.
    pub triggers: Vec<Address>,
    pub triggers_left_out: Vec<LeftOut>,
}

/// Keys for functions: their names, with the package in front if two packages use the same name.
pub fn keys<'a>(addresses: impl Iterator<Item = &'a FunctionAddress>) -> BTreeMap<FunctionAddress, String> {
    let addresses: BTreeSet<&FunctionAddress> = addresses.collect();
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for address in &addresses {
        *uses.entry(address.name.as_str()).or_default() += 1;
    }
    let (_, longest) = text::FUNCTION_NAME.rule.length;
    let mut taken = Taken::default();
    let key = |address: &FunctionAddress| {
        let FunctionAddress { package, name } = address;
        if uses[name.as_str()] == 1 { name.to_string() } else { format!("{package}-{name}") }
    };
    addresses.into_iter().map(|address| (address.clone(), taken.unique(&key(address), longest))).collect()
}

/// The manifest that declares these functions in their live state.
pub fn write(export: &Export<'_>) -> Written {
    let Export { stack, scope, keys, declarations, existing, left_out } = *export;
    let policies: Vec<Option<Result<AsyncPolicy, LeftToOthers>>> = declarations.iter().map(policy_of).collect();
    let of_others = existing.iter().filter_map(|one| one.policy.as_ref());
    let grouped = Grouped::new(policies.iter().flatten().flatten().chain(of_others), scope, keys);
    let mut text = head(stack, left_out);
    section(&mut text, "targets", grouped.targets());
    section(&mut text, "policies", grouped.policies());
    text.push_str("\nfunctions:\n");
    let key = |address: &FunctionAddress| keys.get(address).map_or_else(|| address.name.to_string(), String::clone);
    let mut chosen = choose_triggers(export);
    let mut triggers = Vec::new();
    for address in existing.iter().map(|one| &one.address) {
        let keys = chosen.get(address).into_iter().flat_map(|chosen| &chosen.entries).map(|(key, _)| key);
        triggers.extend(keys.map(|key| Address::trigger(address, key)));
    }
    let triggers_left_out = chosen.iter().flat_map(|(address, chosen)| left_out_of(address, chosen)).collect();
    let mut parts = |address: &FunctionAddress| {
        let triggers = chosen.remove(address).unwrap_or_default();
        Parts { stack, key: key(address), triggers, grouped: &grouped }
    };
    let whole = declarations.iter().zip(&policies).map(|(declaration, policy)| {
        let address = &declaration.live.address;
        (address, entry(declaration, policy.as_ref(), parts(address)))
    });
    let mut entries: BTreeMap<&FunctionAddress, Entry> = whole.collect();
    entries.extend(existing.iter().map(|one| (&one.address, existing_entry(one, parts(&one.address)))));
    let mut remarks = Vec::new();
    for (address, entry) in entries {
        let (fields, remarks_here) = entry.finish();
        for remark in &remarks_here {
            yaml::comment(&mut text, 1, remark);
        }
        yaml::entry(&mut text, 1, &key(address), &Node::Block(fields));
        if !remarks_here.is_empty() {
            remarks.push((address.clone(), remarks_here));
        }
    }
    Written { text, remarks, triggers, triggers_left_out }
}

/// A trigger that a manifest lacks, with its function and the reason.
pub type LeftOut = (FunctionAddress, LiveTrigger, String);

fn left_out_of(address: &FunctionAddress, chosen: &Chosen) -> Vec<LeftOut> {
    let of_one = chosen.left_out.iter().map(|(live, why)| (address.clone(), live.clone(), why.to_string()));
    of_one.collect()
}

/// The triggers of all functions. One that two functions cannot both have goes to the first.
fn choose_triggers<'a>(export: &Export<'a>) -> BTreeMap<&'a FunctionAddress, Chosen> {
    let whole = export.declarations.iter().map(|one| (&one.live.address, one.live.triggers.as_deref()));
    let of_others = export.existing.iter().map(|one| (&one.address, Some(one.triggers.as_slice())));
    let all: BTreeMap<&FunctionAddress, &[LiveTrigger]> =
        whole.chain(of_others).filter_map(|(address, triggers)| Some((address, triggers?))).collect();
    let mut declared = choice::Declared::default();
    let choose = |(address, triggers): (&'a FunctionAddress, &'a [LiveTrigger])| {
        let key = export.keys.get(address).map_or(address.name.as_str(), String::as_str);
        (address, declared.choose(address, triggers, key))
    };
    all.into_iter().map(choose).collect()
}

/// The policy that declares a live one. Fails with the reason if a manifest cannot.
pub fn declarable(live: &LivePolicy) -> Result<AsyncPolicy, LeftToOthers> {
    policy::expressible(live)
}

fn policy_of(declaration: &Declaration) -> Option<Result<AsyncPolicy, LeftToOthers>> {
    let live = declaration.live.policy.as_ref()?;
    let obstacle = declaration.policy_obstacle.clone();
    Some(obstacle.map_or_else(|| policy::expressible(live), |why| Err(LeftToOthers::Invalid(why))))
}

fn head(stack: &StackName, left_out: &[String]) -> String {
    let mut text = String::new();
    for remark in left_out {
        yaml::comment(&mut text, 0, &format!("not declared: {remark}"));
    }
    yaml::entry(&mut text, 0, "version", &Node::Number(1));
    yaml::entry(&mut text, 0, "stack", &Node::Text(stack.to_string()));
    text
}

fn section(text: &mut String, name: &str, entries: Vec<(String, Node)>) {
    if !entries.is_empty() {
        text.push('\n');
        yaml::entry(text, 0, name, &Node::Block(entries));
    }
}

/// What an entry depends on besides its function.
struct Parts<'a> {
    stack: &'a StackName,
    key: String,
    triggers: Chosen,
    grouped: &'a Grouped<'a>,
}

fn entry(declaration: &Declaration, policy: Option<&Result<AsyncPolicy, LeftToOthers>>, parts: Parts<'_>) -> Entry {
    let Parts { stack, key, triggers, grouped } = parts;
    let Declaration { live, code, handler_obstacle, trigger_obstacle, policy_obstacle: _, unmanaged } = declaration;
    let mut entry = named(&live.address, &key);
    entry.configuration(live, &key, Owner::new(live.is_owned_by(stack)));
    if let Some(why) = handler_obstacle {
        entry.leave(Field::Handler, why);
    }
    let place = match code {
        DeclaredCode::Directory(path) => Some(("dir", path.as_str())),
        DeclaredCode::Zip(path) => Some(("zip", path.as_str())),
        DeclaredCode::Jar(path) => Some(("jar", path.as_str())),
        DeclaredCode::Obs(url) => Some(("obs", url.as_str())),
        DeclaredCode::Image => None,
    };
    entry.triggers(triggers, Owner::new(live.records_triggers_of(stack)));
    entry.without_triggers(trigger_obstacle.as_deref());
    if let Some((kind, place)) = place {
        entry.set("code", Node::Flow(vec![(kind, Node::Text(literal(place)))]));
    }
    match policy {
        None => {}
        Some(Ok(policy)) => entry.set(Field::Async.key(), grouped.of_function(policy)),
        Some(Err(why)) => entry.leave(Field::Async, why),
    }
    entry.unmanaged(unmanaged);
    entry
}

fn existing_entry(declaration: &ExistingDeclaration, parts: Parts<'_>) -> Entry {
    let Parts { stack: _, key, triggers, grouped } = parts;
    let ExistingDeclaration { address, policy, triggers: _, owns_triggers, trigger_obstacle, unmanaged } = declaration;
    let mut entry = named(address, &key);
    entry.set("existing", Node::Flag(true));
    entry.triggers(triggers, Owner::new(*owns_triggers));
    if let Some(policy) = policy {
        entry.set(Field::Async.key(), grouped.of_function(policy));
    }
    entry.without_triggers(trigger_obstacle.as_deref());
    entry.unmanaged(unmanaged);
    entry
}

/// An entry with only what says which function it is.
fn named(address: &FunctionAddress, key: &str) -> Entry {
    let FunctionAddress { package, name } = address;
    let mut entry = Entry::default();
    if key != name.as_str() {
        entry.set("name", Node::Text(name.to_string()));
    }
    if package.as_str() != "default" {
        entry.set("package", Node::Text(package.to_string()));
    }
    entry
}

/// Escapes `${`, so that it is read as text.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}
