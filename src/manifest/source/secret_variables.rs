//! The variables that a file names as the sources of secrets: `{ env: NAME }`. Neither the schema nor other files matter
//! here: an output must not show a secret just because something else in the manifest is wrong.

use std::collections::BTreeSet;

use super::tree::{Content, Tree};

/// The key that names the variable.
const KEY: &str = "env";

/// Mappings whose keys are names that users choose, so `env` can be one of them.
const NAMED_BY_USERS: [&str; 3] = ["environment", "tags", "variables"];

/// The names in all mappings of a file, including those that duplicate keys and aliases would leave out of its value.
pub(super) fn of_tree(tree: &Tree) -> BTreeSet<String> {
    let entries = || tree.mappings().flat_map(|(mapping, entries)| entries.iter().map(move |entry| (mapping, *entry)));
    let is_named_by_users = |key| tree.text(key).is_some_and(|key| NAMED_BY_USERS.contains(&key));
    let others: BTreeSet<usize> =
        entries().filter(|(_, (key, _))| is_named_by_users(*key)).map(|(_, (_, value))| value).collect();
    let names_variable =
        |(mapping, (key, _)): &(usize, (usize, usize))| tree.text(*key) == Some(KEY) && !others.contains(mapping);
    entries().filter(names_variable).filter_map(|(_, (_, value))| tree.text(value)).map(str::to_owned).collect()
}

/// The words after `env:` in text that is not valid YAML.
pub(super) fn of_text(text: &str) -> BTreeSet<String> {
    let after = |(start, key): (usize, &str)| {
        let rest = text[start + key.len()..].trim_start_matches(['"', '\'']).trim_start().strip_prefix(':')?;
        let rest = rest.trim_start().trim_start_matches(['"', '\'']);
        let end = rest.find(|c: char| c.is_whitespace() || "\"',}]#".contains(c)).unwrap_or(rest.len());
        (end > 0).then(|| rest[..end].to_owned())
    };
    text.match_indices(KEY).filter_map(after).collect()
}

impl Tree {
    fn mappings(&self) -> impl Iterator<Item = (usize, &[(usize, usize)])> {
        self.nodes().iter().enumerate().filter_map(|(index, node)| match &node.content {
            Content::Mapping(entries) => Some((index, entries.as_slice())),
            Content::Scalar { .. } | Content::Sequence(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_of_a_secret_is_found() {
        for (text, expected) in [
            ("secrets: { A: { env: ONE }, A: { env: TWO }, B: { env: 5 } }", &["5", "ONE", "TWO"][..]),
            ("secrets: [{ env: ONE }]\ntriggers:\n  t: { kafka: { password: { \"env\": 'TWO' } } }", &["ONE", "TWO"]),
            ("secrets: { env: ONE }\nx: &a { env: \"${var.two}\" }\ny: *a", &["${var.two}", "ONE"]),
            ("tags: { env: prod }\nenvironment: { env: prod }\nvariables: { env: prod }\na: { env: [x] }", &[]),
        ] {
            let tree = Tree::parse(text).expect("valid YAML");
            assert_eq!(of_tree(&tree).iter().collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn text_that_is_not_valid_yaml_names_variables_too() {
        let text = "a: { env: ONE, b: [\nc: {\"env\": \"TWO\"}\nd: { env : THREE}\ne: { env:\n  FOUR # x\nenv\nf: env:";
        assert!(Tree::parse(text).is_err());
        assert_eq!(of_text(text).iter().collect::<Vec<_>>(), ["FOUR", "ONE", "THREE", "TWO"]);
        assert_eq!(of_text("ünv env: ü"), BTreeSet::from(["ü".to_owned()]));
    }
}
