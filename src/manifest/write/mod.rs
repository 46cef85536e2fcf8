//! Writes live functions as a YAML manifest. Pure: the caller says where the code is, and nothing is read or written.

mod function;
mod names;
mod policy;
mod trigger;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::FunctionAddress;
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::field::Field;
use crate::model::state::LiveFunction;
use crate::model::text::{ObsUrl, StackName};
use crate::model::urn::Scope;
use crate::rules::text;

use function::Entry;
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
    /// Why `ignore` has to list its policy, for reasons outside the policy.
    pub policy_obstacle: Option<String>,
    /// Its other parts, which the format does not support.
    pub unmanaged: Vec<String>,
}

/// A function that something else deploys, to declare with its policy alone.
#[derive(Debug)]
pub struct ExistingDeclaration {
    pub address: FunctionAddress,
    pub policy: AsyncPolicy,
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
    let expressible = policies.iter().flatten().flatten().chain(existing.iter().map(|one| &one.policy));
    let grouped = Grouped::new(expressible, scope, keys);
    let mut text = head(stack, left_out);
    section(&mut text, "targets", grouped.targets());
    section(&mut text, "policies", grouped.policies());
    text.push_str("\nfunctions:\n");
    let key = |address: &'_ FunctionAddress| keys.get(address).map_or_else(|| address.name.to_string(), String::clone);
    let whole = declarations.iter().zip(&policies).map(|(declaration, policy)| {
        let address = &declaration.live.address;
        (address, entry(declaration, &key(address), policy.as_ref(), &grouped))
    });
    let of_others = existing.iter().map(|declaration| {
        let address = &declaration.address;
        (address, existing_entry(declaration, &key(address), &grouped))
    });
    let mut remarks = Vec::new();
    for (address, entry) in whole.chain(of_others).collect::<BTreeMap<_, _>>() {
        let (fields, remarks_here) = entry.finish();
        for remark in &remarks_here {
            yaml::comment(&mut text, 1, remark);
        }
        yaml::entry(&mut text, 1, &key(address), &Node::Block(fields));
        if !remarks_here.is_empty() {
            remarks.push((address.clone(), remarks_here));
        }
    }
    Written { text, remarks }
}

impl ExistingDeclaration {
    /// Fails with the reason if a manifest cannot declare the policy.
    pub fn new(address: FunctionAddress, live: &LivePolicy, unmanaged: Vec<String>) -> Result<Self, LeftToOthers> {
        Ok(Self { address, policy: policy::expressible(live)?, unmanaged })
    }
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

fn entry(
    declaration: &Declaration,
    key: &str,
    policy: Option<&Result<AsyncPolicy, LeftToOthers>>,
    grouped: &Grouped<'_>,
) -> Entry {
    let Declaration { live, code, handler_obstacle, policy_obstacle: _, unmanaged } = declaration;
    let mut entry = named(&live.address, key);
    entry.configuration(live, key);
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
    entry.triggers(live.triggers.as_deref().unwrap_or_default(), key);
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

fn existing_entry(declaration: &ExistingDeclaration, key: &str, grouped: &Grouped<'_>) -> Entry {
    let ExistingDeclaration { address, policy, unmanaged } = declaration;
    let mut entry = named(address, key);
    entry.set("existing", Node::Flag(true));
    entry.set(Field::Async.key(), grouped.of_function(policy));
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
