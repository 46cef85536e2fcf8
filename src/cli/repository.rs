//! The paths of files as other programs know them: relative to the root of their repository.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::manifest::{STANDARD_INPUT, normal};

/// Variables in which pipelines give the directory that they have checked out.
const CHECKOUTS: [&str; 2] = ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"];

/// The path of a file relative to the repository, with `/` between its parts. `None` if it is not in the repository, such
/// as standard input.
pub(super) fn path(file: &str) -> Option<String> {
    /// It is the same for all files, and there can be many findings.
    static ROOT: OnceLock<Option<PathBuf>> = OnceLock::new();
    if file == STANDARD_INPUT {
        return None;
    }
    let root = ROOT.get_or_init(|| Some(root(&std::env::current_dir().ok()?, |name| std::env::var_os(name))));
    // Symbolic links stay, because a repository knows a file by its path in it. A missing file can be what a finding is about.
    relative(&normal(Path::new(file)), root.as_ref()?)
}

fn relative(path: &Path, root: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.strip_prefix(root).ok()?.iter().map(|part| part.to_str()).collect();
    parts.map(|parts| parts.join("/")).filter(|path| !path.is_empty())
}

/// The checkout of the pipeline that runs this, or the closest directory with a `.git`, or the current directory.
fn root(here: &Path, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let checkouts = CHECKOUTS.iter().filter_map(|name| variable(name)).map(PathBuf::from);
    let checkouts = checkouts.filter(|root| root.is_absolute());
    let checkout = checkouts.map(|root| normal(&root)).find(|root| here.starts_with(root));
    checkout
        .or_else(|| here.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned))
        .unwrap_or_else(|| here.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_that_of_the_pipeline_or_of_git() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path().join("stacks/orders");
        std::fs::create_dir_all(&here).expect("a folder");
        let given = |name: &'static str, value: &Path| {
            let value = value.as_os_str().to_owned();
            move |asked: &str| (asked == name).then(|| value.clone())
        };
        let stacks = folder.path().join("stacks");
        assert_eq!(root(&here, given("GITHUB_WORKSPACE", folder.path())), folder.path());
        assert_eq!(root(&here, given("CI_PROJECT_DIR", &stacks)), stacks);
        std::fs::create_dir(stacks.join(".git")).expect("a folder");
        assert_eq!(root(&here, |_| None), stacks);
        assert_eq!(root(&here, given("GITHUB_WORKSPACE", Path::new("/elsewhere"))), stacks);
    }

    #[test]
    fn paths_have_no_detours() {
        let root = Path::new("/repository");
        let path = |text: &str| relative(&normal(Path::new(text)), root);
        assert_eq!(path("/repository/app/../stack/./fgctl.yaml").as_deref(), Some("stack/fgctl.yaml"));
        assert_eq!(path("/repository/../other.yaml"), None);
        assert_eq!(path("/repository"), None);
    }
}
