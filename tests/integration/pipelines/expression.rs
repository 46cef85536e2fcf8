//! The expressions of GitHub Actions, as far as our workflows use them.

use serde_json::{Value, json};

/// What an expression can refer to, and what became of the steps before it.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) values: Value,
    pub(super) has_failed: bool,
}

impl Context {
    /// The text with each `${{ … }}` replaced.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let (expression, after) = after.split_once("}}").expect("an expression ends");
            filled += before;
            filled += &shown(&self.value(expression));
            rest = after;
        }
        filled + rest
    }

    /// Whether something with this condition runs. Without a function about the steps before it, nothing may have failed.
    pub(super) fn permits(&self, condition: Option<&str>) -> bool {
        let condition = condition.unwrap_or("success()");
        let condition = condition.trim().trim_start_matches("${{").trim_end_matches("}}");
        let asks = ["success()", "failure()", "cancelled()", "always()"].iter().any(|asked| condition.contains(asked));
        (asks || !self.has_failed) && truth(&self.value(condition))
    }

    fn value(&self, expression: &str) -> Value {
        let mut parser = Parser { context: self, rest: expression.trim() };
        let value = parser.any();
        assert!(parser.rest.is_empty(), "{expression}: this is not understood: {}", parser.rest);
        value
    }
}

struct Parser<'a> {
    context: &'a Context,
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Value {
        let mut value = self.all();
        while self.takes("||") {
            let other = self.all();
            value = if truth(&value) { value } else { other };
        }
        value
    }

    fn all(&mut self) -> Value {
        let mut value = self.compared();
        while self.takes("&&") {
            let other = self.compared();
            value = if truth(&value) { other } else { value };
        }
        value
    }

    fn compared(&mut self) -> Value {
        let value = self.single();
        if self.takes("==") {
            return json!(are_equal(&value, &self.single()));
        }
        if self.takes("!=") {
            return json!(!are_equal(&value, &self.single()));
        }
        value
    }

    fn single(&mut self) -> Value {
        if self.takes("!") {
            return json!(!truth(&self.single()));
        }
        if self.takes("(") {
            let value = self.any();
            assert!(self.takes(")"), "a bracket is not closed before: {}", self.rest);
            return value;
        }
        if let Some(rest) = self.rest.strip_prefix('\'') {
            let (text, rest) = rest.split_once('\'').expect("a text ends");
            self.rest = rest.trim_start();
            return json!(text);
        }
        let name = self.name();
        if self.takes("(") { self.called(name) } else { looked_up(&self.context.values, name) }
    }

    fn called(&mut self, function: &str) -> Value {
        let mut arguments = Vec::new();
        while !self.takes(")") {
            arguments.push(shown(&self.any()));
            self.takes(",");
        }
        match function {
            "success" => json!(!self.context.has_failed),
            "failure" => json!(self.context.has_failed),
            "cancelled" => json!(false),
            "format" => {
                let filled = arguments.iter().skip(1).enumerate();
                json!(
                    filled
                        .fold(arguments[0].clone(), |text, (index, part)| text.replace(&format!("{{{index}}}"), part))
                )
            }
            other => panic!("{other}() is not known here"),
        }
    }

    fn name(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || "._-".contains(c))).unwrap_or(self.rest.len());
        assert!(end > 0, "this is not understood: {}", self.rest);
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        name
    }

    fn takes(&mut self, sign: &str) -> bool {
        // `!` is not the start of `!=`.
        let is_other = sign == "!" && self.rest.starts_with("!=");
        match self.rest.strip_prefix(sign).filter(|_| !is_other) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }
}

/// Names that are not there are null. The first part has to be a context, because a misspelt one would be null too.
fn looked_up(values: &Value, path: &str) -> Value {
    let mut parts = path.split('.');
    let context = parts.next().expect("a name");
    let mut value = values.get(context).unwrap_or_else(|| panic!("{path}: there is no context {context} here"));
    for part in parts {
        value = value.get(part).unwrap_or(&Value::Null);
    }
    value.clone()
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Texts are compared as texts, and values of different types as numbers.
fn are_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.to_lowercase() == other.to_lowercase(),
        _ if std::mem::discriminant(one) == std::mem::discriminant(other) => one == other,
        // Two numbers that are not numbers differ.
        _ => number(one).zip(number(other)).is_some_and(|(one, other)| one.total_cmp(&other).is_eq()),
    }
}

/// `None` for what is not a number.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Null => Some(0.0),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.trim().is_empty() => Some(0.0),
        Value::String(text) => text.trim().parse().ok(),
        Value::Array(_) | Value::Object(_) => None,
    }
}

pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn expressions_have_their_values() {
    let inputs = json!({ "n": 7, "zero": 0, "no": false });
    let values = json!({ "github": { "event_name": "push", "ref": "refs/heads/main" }, "inputs": inputs });
    let context = |has_failed| Context { values: values.clone(), has_failed };
    for (text, expected) in [
        ("a ${{ github.event_name }} b", "a push b"),
        ("${{ inputs.n && format('--n={0}', inputs.n) || '' }}", "--n=7"),
        ("${{ inputs.zero && format('--n={0}', inputs.zero) || '' }}", ""),
        ("${{ inputs.zero != '' && 'a' || 'the number 0 is equal to no text' }}", "the number 0 is equal to no text"),
        ("${{ format('{0}', inputs.zero) != '' && 'a' || 'b' }}", "a"),
        ("${{ format('{0}', inputs.none) != '' && 'a' || 'b' }}", "b"),
        ("${{ inputs.no && '--no' || '' }}", ""),
        ("${{ inputs.none && '--no' || 'yes' }}", "yes"),
        ("${{ github.event.pull_request.number }}", ""),
        ("${{ (github.ref == 'refs/heads/main' && !inputs.no) != inputs.no }}", "true"),
    ] {
        assert_eq!(context(false).fill(text), expected, "{text}");
    }
    let push = "github.event_name == 'push'";
    for (condition, failed, expected) in [
        (Some(push), false, true),
        (Some(push), true, false),
        (None, true, false),
        (Some("!failure() && !cancelled() && github.event_name == 'push'"), true, false),
        (Some("failure()"), true, true),
        (Some("${{ inputs.no }}"), false, false),
    ] {
        assert_eq!(context(failed).permits(condition), expected, "{condition:?}");
    }
}
