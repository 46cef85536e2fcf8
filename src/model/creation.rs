//! The file name that a create gives the code. The service stores this name with the function and returns it. If a
//! create is interrupted before the tags are set, the name identifies the function as this stack's.
//!
//! The name covers the stack, the function and what was created. It does not match a copy of the function or one that
//! changed since. An upload of other code replaces it.

use serde_json::json;
use std::collections::BTreeSet;

use super::code::CodeHash;
use super::field::{Field, Fields, Path};
use super::function::LiveConfiguration;
use super::mark;
use super::text::StackName;

/// What a create sends, except the function's name.
pub struct Created<'a> {
    pub configuration: &'a LiveConfiguration,
    pub secret_names: &'a BTreeSet<String>,
    pub code: &'a CodeHash,
    /// Of the file name.
    pub extension: &'a str,
}

/// The file name of the code when `stack` creates a function. Without ownership there is no stack, so no stack can
/// claim the function.
pub fn file_name(stack: Option<&StackName>, function: &str, created: &Created<'_>) -> String {
    format!("{}{}{}", creator(stack, function), mark::short(&text(created)), created.extension)
}

/// Whether `stack` named this function's code when it created the function.
pub fn is_by(stack: &StackName, function: &str, file_name: &str) -> bool {
    file_name.starts_with(&creator(Some(stack), function))
}

fn creator(stack: Option<&StackName>, function: &str) -> String {
    let stack = stack.map(StackName::as_str).unwrap_or_default();
    format!("fgctl-{}-", mark::short(&format!("{stack}\n{function}")))
}

/// Excludes tags, because a create request does not contain them. Excludes fields that are newer than the first release, so
/// that the file names of earlier versions still match; besides, the service fills in some of these fields itself.
fn text(created: &Created<'_>) -> String {
    let Created { configuration, secret_names, code, extension: _ } = created;
    let mut fields: Fields = configuration.first_fields();
    fields.retain(|path, _| path.field != Field::Tags);
    fields.extend(secret_names.iter().map(|name| (Path::entry(Field::Secrets, name.as_str()), json!(true))));
    fields.insert(Path::of(Field::Code), json!(code.as_str()));
    mark::of_fields(&fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "urn:fss:eu-de:p:function:default:one";

    #[test]
    fn the_name_covers_the_stack_and_what_was_created() {
        let stack = |name: &str| StackName::new(name).expect("a name");
        let names = BTreeSet::from(["DB".to_owned()]);
        let code = CodeHash::of_url("https://b.obs.eu-de.otc.t-systems.com/app.zip");
        let name = |stack: Option<&StackName>, function: &str, memory: u32, names: &BTreeSet<String>| {
            let mut configuration = LiveConfiguration::default();
            configuration.set(Field::Memory, memory);
            file_name(
                stack,
                function,
                &Created { configuration: &configuration, secret_names: names, code: &code, extension: ".zip" },
            )
        };
        let (orders, other) = (stack("orders"), stack("other"));
        let first = name(Some(&orders), ONE, 128, &names);
        assert!(is_by(&orders, ONE, &first));
        assert!(!is_by(&other, ONE, &first), "another stack");
        assert!(!is_by(&orders, "urn:fss:eu-de:p:function:default:two", &first), "a copy");
        assert!(!is_by(&orders, ONE, "index.zip"), "anybody");
        assert!(!is_by(&orders, ONE, &name(None, ONE, 128, &names)), "nobody's");
        let changed = [name(Some(&orders), ONE, 256, &names), name(Some(&orders), ONE, 128, &BTreeSet::new())];
        assert!(changed.iter().all(|changed| is_by(&orders, ONE, changed) && *changed != first));
    }
}
