//! The stack of a result and its place. Every result names them in its first line.

use crate::model::text::StackName;
use crate::model::urn::Scope;
use crate::plan::saved::Selected;

use super::style::printable;

/// For the middle of a sentence: `stack "orders" in region eu-de, project 0123…`.
pub fn phrase(stack: &StackName, scope: &Scope) -> String {
    format!("stack \"{stack}\" in {}", place(scope))
}

/// What is known about the stack of a result and its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub environment: Option<String>,
    pub stack: Option<String>,
    pub region: Option<String>,
    pub project_id: Option<String>,
}

impl Known {
    pub const NOTHING: Self = Self { environment: None, stack: None, region: None, project_id: None };

    /// The same, with the others for what is missing.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            environment: self.environment.or(others.environment),
            stack: self.stack.or(others.stack),
            region: self.region.or(others.region),
            project_id: self.project_id.or(others.project_id),
        }
    }

    /// What is known, with the names that reports use.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Self { environment, stack, region, project_id } = self;
        let all = [("environment", environment), ("stack", stack), ("region", region), ("project_id", project_id)];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    /// `stack "orders" of environment "prod" in region eu-de, project 0123…`; empty if nothing is known.
    fn phrase(&self) -> String {
        let Self { environment, stack, region, project_id } = self;
        let named = |what: &str, name: &Option<String>| name.as_ref().map(|name| format!("{what} \"{name}\""));
        let placed = |what: &str, id: &Option<String>| id.as_ref().map(|id| format!("{what} {id}"));
        let all =
            |parts: [Option<String>; 2], separator| parts.into_iter().flatten().collect::<Vec<_>>().join(separator);
        let whose = all([named("stack", stack), named("environment", environment)], " of ");
        let place = all([placed("region", region), placed("project", project_id)], ", ");
        let parts = [whose, place].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        printable(&parts.join(" in "))
    }

    /// The same after a Markdown heading.
    pub(super) fn markdown(&self) -> String {
        code_span(&self.phrase())
    }
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
    code_span(&phrase(stack, scope))
}

fn code_span(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{}`", text.replace('`', "'")) }
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

    #[test]
    fn what_is_known_is_named() {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        for (environment, stack, region, project, expected) in [
            ("", "", "", "", ""),
            ("", "orders", "", "", "`stack \"orders\"`"),
            ("prod", "", "eu-de", "", "`environment \"prod\" in region eu-de`"),
            ("", "", "", "0123", "`project 0123`"),
            (
                "p`\n@x",
                "orders",
                "eu-de",
                "0123",
                "`stack \"orders\" of environment \"p'\\n@x\" in region eu-de, project 0123`",
            ),
        ] {
            let known = Known {
                environment: text(environment),
                stack: text(stack),
                region: text(region),
                project_id: text(project),
            };
            assert_eq!(known.markdown(), expected);
        }
        let (known, other) = (
            Known { region: text("eu-nl"), ..Known::NOTHING },
            Known { region: text("eu-de"), stack: text("s"), ..Known::NOTHING },
        );
        assert_eq!(known.or(other).markdown(), "`stack \"s\" in region eu-nl`");
    }
}
