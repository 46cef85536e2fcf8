//! Manifests of the kinds that people publish: each is applied, exported and adopted, and no plan after that has changes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_yaml::Value;

use crate::server_harness::function;
use crate::world::{Ran, World};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
/// Fewer would not show much.
const LEAST_FUNCTIONS: usize = 25;
/// Of the manifests, and of their exports, which name variables after the function.
const SECRETS: &[(&str, &str)] = &[
    ("CORPUS_PASSWORD", "a password of the corpus"),
    ("CORPUS_TOKEN", "a token of the corpus"),
    ("ENCRYPTED_PASSWORD", "a password of the corpus"),
    ("LOGGED_PASSWORD", "a password of the corpus"),
    ("LOGGED_TOKEN", "a token of the corpus"),
];

/// A manifest of the corpus.
struct Case {
    file: String,
    stack: String,
    /// The keys of its functions, and of those that something else deploys.
    functions: Vec<String>,
    existing: Vec<String>,
}

/// A project in which one manifest is played, and what went wrong.
struct Played {
    world: World,
    file: String,
    problems: Vec<String>,
}

#[tokio::test]
async fn every_manifest_is_applied_exported_and_adopted() {
    let cases: Vec<Case> = manifests().iter().map(|path| Case::read(path)).collect();
    let functions: usize = cases.iter().map(|case| case.functions.len()).sum();
    assert!(functions >= LEAST_FUNCTIONS, "{functions} functions");
    let played = futures_util::future::join_all(cases.iter().map(Case::play)).await;
    let problems: Vec<String> = played.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

fn manifests() -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).expect("the corpus").map(|entry| entry.expect("an entry").path());
    let mut manifests: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    manifests.sort();
    manifests
}

impl Case {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a manifest");
        let manifest: Value = serde_yaml::from_str(&text).expect("YAML");
        let entries = manifest["functions"].as_mapping().expect("functions");
        let keys = |wanted: bool| {
            let entries = entries.iter().filter(|(_, entry)| entry.get("existing").is_some() == wanted);
            entries.map(|(key, _)| key.as_str().expect("a key").to_owned()).collect()
        };
        Self {
            file: path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned(),
            stack: manifest["stack"].as_str().expect("a stack").to_owned(),
            functions: keys(false),
            existing: keys(true),
        }
    }

    /// What went wrong.
    async fn play(&self) -> Vec<String> {
        let Self { file, stack, functions, existing } = self;
        let mut played = Played { world: world(existing).await, file: file.clone(), problems: Vec::new() };
        played.run(&["validate", "-f", file]).await;
        played.run(&["apply", "-f", file, "--auto-approve"]).await;
        played.run(&["plan", "-f", file, "--detailed-exitcode"]).await;
        played.run(&["export", "--stack", stack, "--to", "own"]).await;
        played.run(&["validate", "-f", "own"]).await;
        // The export also declares what the service chose, such as a log group.
        played.plans("own", &["record"]).await;
        if !existing.is_empty() {
            // A function of the stack does not belong to an export of policies.
            return played.problems;
        }
        let mut forget = vec!["forget", "-f", file, "--auto-approve"];
        forget.extend(functions.iter().map(String::as_str));
        played.run(&forget).await;
        played.run(&["export", "--to", "others"]).await;
        played.run(&["validate", "-f", "others"]).await;
        played.plans("others", &["adopt"]).await;
        played.run(&["apply", "-f", "others", "--adopt", "--auto-approve"]).await;
        played.run(&["plan", "-f", "others", "--detailed-exitcode"]).await;
        played.problems
    }
}

impl Played {
    /// Runs a command, which must have the exit code 0.
    async fn run(&mut self, arguments: &[&str]) -> Ran {
        let ran = self.world.run_with(SECRETS, arguments).await;
        if ran.code != Some(0) {
            self.problems.push(format!("{}: {arguments:?}\n{}{}", self.file, ran.stdout, ran.stderr));
        }
        ran
    }

    /// Plans, and accepts only these actions.
    async fn plans(&mut self, folder: &str, accepted: &[&str]) {
        let planned = self.run(&["plan", "-f", folder, "--adopt", "-o", "json"]).await;
        let Ok(plan) = serde_json::from_str::<serde_json::Value>(&planned.stdout) else { return };
        let changes = plan["changes"].as_array().into_iter().flatten();
        let actions: BTreeSet<&str> = changes.filter_map(|change| change["action"].as_str()).collect();
        if let Some(other) = actions.iter().find(|action| !accepted.contains(action)) {
            self.problems.push(format!("{}: the plan of the export has {other}: {plan:#}", self.file));
        }
    }
}

/// A project with the functions that something else deploys, and a folder with the whole corpus.
async fn world(existing: &[String]) -> World {
    let world = World::new().await;
    for name in existing {
        let mut body = function(name);
        body["xrole"] = "theirs".into();
        let created = world.server.post("/fgs/functions", body).await;
        assert!(created.status.is_success(), "{created:?}");
    }
    for entry in walkdir::WalkDir::new(FOLDER) {
        let entry = entry.expect("an entry");
        if entry.file_type().is_file() {
            let inside = entry.path().strip_prefix(FOLDER).expect("a path inside");
            world.file(&inside.to_string_lossy(), &fs::read_to_string(entry.path()).expect("text"));
        }
    }
    archive(&world, "code/webhook.zip", "index.js");
    archive(&world, "code/orders.zip", "com/example/orders/Main.class");
    world
}

/// An archive with one file.
fn archive(world: &World, path: &str, file: &str) {
    use std::io::Write;
    let archive = fs::File::create(world.folder.path().join(path)).expect("a file");
    let mut archive = zip::ZipWriter::new(archive);
    archive.start_file(file, zip::write::SimpleFileOptions::default()).expect("an entry");
    archive.write_all(b"no test runs this").expect("its content");
    archive.finish().expect("an archive");
}
