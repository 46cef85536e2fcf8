//! The environment of a function's process: its own variables and the service's, but none of the server's.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::rules::quota::RESULT_BYTES;

use super::{Deployment, Identity};

/// Contains the folder of one process, which identifies the process and its descendants.
pub(super) const ROOT: &str = "RUNTIME_ROOT";

/// The folders of a process.
pub(super) struct WorkerFolders<'a> {
    pub(super) code: &'a Path,
    /// The packages of its dependencies.
    pub(super) dependencies: &'a [&'a Path],
    /// Belongs to this process only, and is removed with it.
    pub(super) scratch: &'a Path,
    pub(super) search_path: &'a OsStr,
}

/// The environment of a function. A function's variables cannot replace the service's.
///
/// Folders are those of this machine instead of the service's, such as `/opt/function/code`.
pub(super) fn environment(deployment: &Deployment, places: &WorkerFolders<'_>) -> BTreeMap<String, OsString> {
    let Deployment { environment, secrets, .. } = deployment;
    let WorkerFolders { code: _, dependencies, scratch, search_path } = places;
    let mut all: BTreeMap<String, OsString> = BTreeMap::from([
        ("PATH".to_owned(), search_path.into()),
        ("LANG".to_owned(), "C.UTF-8".into()),
        ("HOME".to_owned(), scratch.into()),
        ("TMPDIR".to_owned(), scratch.into()),
    ]);
    all.extend(environment.iter().map(|(name, value)| (name.clone(), value.into())));
    all.extend(secrets.iter().map(|(name, value)| (name.clone(), value.expose_secret().into())));
    for (name, folders) in module_paths(dependencies) {
        let own = all.get(name).into_iter().flat_map(std::env::split_paths);
        // A path that contains a colon cannot be in such a list.
        let joined = std::env::join_paths(folders.into_iter().chain(own)).unwrap_or_default();
        all.insert(name.to_owned(), joined);
    }
    all.extend(preset(deployment, places).map(|(name, value)| (name.to_owned(), value)));
    all
}

/// The environment of a function in a container. It has the image's own `PATH` and the service's folders, of which only
/// `/tmp` is there.
pub(super) fn container_environment(deployment: &Deployment) -> BTreeMap<String, OsString> {
    let places = WorkerFolders {
        code: Path::new("/opt/function/code"),
        dependencies: &[],
        scratch: Path::new("/tmp"),
        search_path: OsStr::new(""),
    };
    let mut all = environment(deployment, &places);
    let is_own = |name: &str| deployment.environment.contains_key(name) || deployment.secrets.contains_key(name);
    for name in ["PATH", "LANG", "HOME", "TMPDIR"].into_iter().filter(|name| !is_own(name)) {
        all.remove(name);
    }
    all
}

fn preset(deployment: &Deployment, places: &WorkerFolders<'_>) -> impl Iterator<Item = (&'static str, OsString)> {
    let Deployment { identity, handler, initializer, timeout, memory, environment, .. } = deployment;
    let Identity { project_id, package, name, version, .. } = identity;
    let WorkerFolders { code, dependencies: _, scratch, search_path: _ } = places;
    let (initializer, initializer_timeout) = match initializer {
        Some((handler, timeout)) => (handler.as_str(), seconds(*timeout)),
        None => ("", String::new()),
    };
    let user_data = serde_json::to_string(environment).unwrap_or_default();
    [
        ("RUNTIME_PROJECT_ID", project_id.into()),
        ("RUNTIME_FUNC_NAME", name.into()),
        ("RUNTIME_FUNC_VERSION", version.into()),
        ("RUNTIME_PACKAGE", package.into()),
        ("RUNTIME_HANDLER", handler.into()),
        ("RUNTIME_TIMEOUT", seconds(*timeout).into()),
        ("RUNTIME_INITIALIZER_HANDLER", initializer.into()),
        ("RUNTIME_INITIALIZER_TIMEOUT", initializer_timeout.into()),
        ("RUNTIME_USERDATA", user_data.into()),
        ("RUNTIME_CPU", millicores(*memory).to_string().into()),
        ("RUNTIME_MEMORY", memory.to_string().into()),
        ("RUNTIME_CODE_ROOT", code.into()),
        (ROOT, scratch.into()),
        ("RUNTIME_LOG_DIR", scratch.into()),
        ("RUNTIME_MAX_RESP_BODY_SIZE", RESULT_BYTES.to_string().into()),
    ]
    .into_iter()
}

/// The variables in which runtimes look for modules, with the folders of the dependencies: Python's modules are at the root
/// of a package, those of Node.js in `node_modules`.
fn module_paths(dependencies: &[&Path]) -> Vec<(&'static str, Vec<PathBuf>)> {
    if dependencies.is_empty() {
        return Vec::new();
    }
    let own = || dependencies.iter().map(|folder| folder.to_path_buf());
    let node = dependencies.iter().flat_map(|folder| [folder.join("node_modules"), folder.to_path_buf()]);
    vec![("PYTHONPATH", own().collect()), ("NODE_PATH", node.collect())]
}

/// The CPU share for an amount of memory.
pub(super) fn millicores(memory: u32) -> u32 {
    memory.saturating_mul(100) / 128 + 200
}

fn seconds(time: Duration) -> String {
    time.as_secs().to_string()
}
