//! The stack of a result and its place. Every result names them in its first line.

use crate::model::text::StackName;
use crate::model::urn::Scope;
use crate::plan::saved::Selected;

use super::style::printable;

/// For the middle of a sentence: `stack "orders" in region eu-de, project 0123…`.
pub fn phrase(stack: &StackName, scope: &Scope) -> String {
    format!("stack \"{stack}\" in {}", place(scope))
}

/// `region eu-de, project 0123…`
pub fn place(Scope { region, project_id }: &Scope) -> String {
    format!("region {}, project {}", printable(region), printable(project_id))
}

/// The first line of a text.
pub(super) fn line(stack: &StackName, scope: &Scope) -> String {
    format!("Stack \"{stack}\" in {}:\n", place(scope))
}

/// The same after a Markdown heading. A project id comes from a flag or a variable, and may contain any characters.
pub(super) fn markdown(stack: &StackName, scope: &Scope) -> String {
    format!("`{}`", phrase(stack, scope).replace('`', "'"))
}

/// The line before the first one for a saved plan: its environment.
pub fn environment(selected: &Selected) -> String {
    let Selected { name, file } = selected;
    format!("Environment \"{}\" of {}:\n", printable(name), printable(&file.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_safe_to_print() {
        let stack = StackName::new("orders").expect("a name");
        let scope = Scope { region: "eu-de".into(), project_id: "a`b\n::error::c".into() };
        assert_eq!(phrase(&stack, &scope), r#"stack "orders" in region eu-de, project a`b\n::error::c"#);
        assert_eq!(markdown(&stack, &scope), r#"`stack "orders" in region eu-de, project a'b\n::error::c`"#);
        assert_eq!(line(&stack, &scope).lines().count(), 1);
    }
}
