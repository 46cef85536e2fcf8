//! A function has at most four parameters, and no tuple hides a fifth.

use super::brackets::{bracketed, split};
use super::sources;

const MOST_PARAMETERS: usize = 4;

#[test]
fn functions_have_at_most_four_parameters() {
    let mut found = Vec::new();
    for source in sources("src") {
        for Function { name, parameters } in functions(&source.text) {
            let named = || format!("{}: {name}", source.path);
            if parameters.len() > MOST_PARAMETERS {
                found.push(format!("{} has {} parameters", named(), parameters.len()));
            }
            let tuples = parameters.iter().filter(|parameter| parameter.starts_with('('));
            found.extend(tuples.map(|tuple| format!("{} takes a tuple apart: {tuple}", named())));
        }
    }
    assert!(found.is_empty(), "give these a struct, or split them:\n{}", found.join("\n"));
}

#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    /// The parameters as written, without `self`.
    parameters: Vec<String>,
}

fn functions(text: &str) -> Vec<Function> {
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    // Property tests bind with `in`; their parameters are strategies.
    let functions = code.split("fn ").skip(1).filter_map(function);
    functions.filter(|function| function.parameters.iter().all(|parameter| !parameter.contains(" in "))).collect()
}

/// The function at the start of a text.
fn function(text: &str) -> Option<Function> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').filter(|end| *end > 0)?;
    let (name, rest) = text.split_at(end);
    let rest = if rest.starts_with('<') { rest.split_at(bracketed(rest)?.len()).1 } else { rest };
    let inside = bracketed(rest).filter(|list| list.starts_with('('))?;
    let all = split(&inside[1..inside.len() - 1]);
    let is_receiver = |parameter: &str| parameter.split([':', ' ', '&']).any(|word| word == "self");
    let parameters = all.into_iter().filter(|parameter| !is_receiver(parameter)).collect();
    Some(Function { name: name.to_owned(), parameters })
}

#[test]
fn parameters_are_counted() {
    let text = "fn none() {}\nasync fn two<F: Fn(u8, u8) -> u8>(&mut self, f: F, // (a, b)\n    map: Map<K, V>) {}\n\
        fn hidden((a, b): (u8, u8), self_made: u8) {}\ntype F = fn(u8, u8);";
    let found: Vec<(String, usize)> = functions(text).into_iter().map(|f| (f.name, f.parameters.len())).collect();
    assert_eq!(found, [("none".into(), 0), ("two".into(), 2), ("hidden".into(), 2)]);
    assert_eq!(functions(text)[2].parameters[0], "(a, b): (u8, u8)");
}
