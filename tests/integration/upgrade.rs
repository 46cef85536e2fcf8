//! An upgrade plans nothing for a stack that an earlier version applied: the marks of a manifest do not change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use fgctl::manifest::{self, Inputs};
use fgctl::model::state::{DesiredFunction, DesiredState, LiveState, Ownership};
use fgctl::model::urn::{FunctionUrn, Scope};
use fgctl::plan::change::Step;
use fgctl::plan::{Permissions, plan};

const MANIFEST: &str = "\
version: 1
stack: orders
defaults:
  runtime: Python3.9
  handler: index.handler
  tags: { owner: shop }
functions:
  plain:
    code: { inline: 'def handler(event, context): return 1' }
  full:
    code: { inline: 'def handler(event, context): return 1' }
    memory: 256
    timeout: 15m
    description: Takes orders in
    agency: fgs-notify
    initializer: { handler: index.start, timeout: 9 }
    environment: { LEVEL: info, RETRIES: 3 }
    tags: { team: payments }
    async: { max_retries: 2, on_success: { function: plain } }
    protect: true
  ignoring:
    code: { inline: 'def handler(event, context): return 1' }
    description: not compared
    environment: { LEVEL: info, OURS: '1' }
    ignore: [description, environment.LEVEL]
";

fn desired() -> DesiredState {
    let request = Inputs {
        paths: &[PathBuf::from("-")],
        root: None,
        selected: None,
        not_manifests: &[],
        variables: &[],
        variable_files: &[],
        environment: &|_| None,
        standard_input: &|_| Ok(MANIFEST.into()),
    };
    let loaded = manifest::load(&request);
    let manifest = loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let code = manifest.code.read(&manifest.functions, &mut Vec::new()).expect("code");
    let functions = manifest.functions.into_iter().map(|function| {
        let code = code[&function.address].clone();
        (function.address.clone(), DesiredFunction { function, code, secrets_mark: None })
    });
    let functions = functions.collect();
    let (protected, existing) = (BTreeMap::new(), BTreeMap::new());
    DesiredState { protected, stack: manifest.stack, ownership: Ownership::Tags, functions, existing }
}

fn nothing_live() -> LiveState {
    LiveState {
        scope: Scope { region: "eu-de".into(), project_id: "p".into() },
        functions: BTreeMap::new(),
        outside: BTreeSet::new(),
        qualifiers: BTreeMap::new(),
        has_status_log: true,
        unreadable_tags: None,
    }
}

/// Marks that the first release wrote. If one of them changes, an upgrade plans a change for every function of every
/// stack.
#[test]
fn marks_match_those_of_the_first_release() {
    let (desired, live) = (desired(), nothing_live());
    let planned = plan(&desired, &live, Permissions::default());
    let marks = planned.plan.changes.iter().filter_map(|change| match &change.step {
        Step::CreateFunction { desired: wanted, tags } => {
            let urn = FunctionUrn::new(&live.scope, &wanted.function.address, None).to_string();
            let name = wanted.file_name(desired.creator(), &urn);
            Some(format!("{} {} {name}", wanted.function.key, tags["fgctl.config"]))
        }
        Step::PutPolicy { mark, .. } => Some(format!("policy {}", mark.as_deref().unwrap_or_default())),
        _ => None,
    });
    insta::assert_snapshot!(marks.collect::<Vec<_>>().join("\n"), @r"
    full 1-ec71552868a86f6f88d216cd15ea974b-ecc275412cbc3bffd034af2373129ac5 fgctl-b83be0e1e4be74f7f3a86b6dc831d239-b5e1f7227beaf2080beab9ec8bc2fd47.zip
    policy 1-25061940d7a4aae62daa8444112a0c8e
    ignoring 1-e277c862e89334a2379e5b58f18602f0-b21b5442fa24a615587285d51db4a1ba fgctl-cb2a8720c0dd3c34dcd7e619780ec766-bbc2fcf841dc335e3f6a82c4311539ca.zip
    plain 1-1880fc9db26c594023f64c65ff548a76-236dd54eea7180e6fc2fa7196c731f80 fgctl-85f37961a39dea7e19d87d49f7663b60-d29ff83192ddaf74afbf33fef9c88c63.zip
    ");
}
