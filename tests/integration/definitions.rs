//! The vendor's API definitions, and how an exchange departs from them.
//!
//! The definitions are Swagger 2.0 and permissive. Here, objects may contain only declared fields, so that a misspelt
//! field is noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use axum::http::Method;
use jsonschema::Draft;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Value, json};

use crate::process::finish;

const PACKAGE: &str = "huawei-cloud-api-definitions-FunctionGraph";

pub(crate) struct Definitions(Vec<Operation>);

/// One method of one path.
pub(crate) struct Operation {
    pub(crate) name: String,
    method: Method,
    /// The path's segments; variables are `{name}`.
    path: Vec<String>,
    /// The names of query parameters.
    query: Vec<String>,
    /// The schema of the request body, if there is one.
    request: Option<Value>,
    /// The schemas of the answers by status, if they have a body.
    answers: BTreeMap<String, Option<Value>>,
}

/// A request and its answer, as far as known.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) method: Method,
    /// Path and query as sent.
    pub(crate) target: String,
    /// Null if there is no body.
    pub(crate) request: Value,
    pub(crate) answer: Option<(u16, Value)>,
}

/// One departure: `ListFunctions answer` with `/functions/*/colour: undeclared`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Departure {
    pub(crate) saying: String,
    pub(crate) fault: String,
}

impl fmt::Display for Departure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.saying, self.fault)
    }
}

impl Definitions {
    /// Reads the definitions from the package in the lock file, where cargo stores it.
    pub(crate) fn read() -> Self {
        let folder = folder();
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let files = entries.map(|entry| entry.expect("an entry").path());
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        let documents = files.map(|path| {
            let text = std::fs::read_to_string(&path).expect("a definition is text");
            serde_json::from_str(&text).expect("a definition is JSON")
        });
        Self(documents.flat_map(|document: Value| operations(&document)).collect())
    }

    /// The operation of a request. If several paths match, the one with the most fixed segments.
    pub(crate) fn operation(&self, method: &Method, target: &str) -> Option<&Operation> {
        let path = target.split('?').next().unwrap_or_default();
        let path: Vec<&str> = path.split('/').collect();
        let matching = self.0.iter().filter(|operation| operation.method == *method && operation.matches(&path));
        matching.max_by_key(|operation| operation.path.iter().filter(|segment| !is_variable(segment)).count())
    }

    /// How an exchange departs from its operation, or that there is no such operation. A refused request may be wrong.
    pub(crate) fn judge(&self, exchange: &Exchange) -> Vec<Departure> {
        let Exchange { method, target, request, answer } = exchange;
        let Some(operation) = self.operation(method, target) else {
            return vec![Departure { saying: format!("{method} {target}"), fault: "is no operation".to_owned() }];
        };
        let refused = answer.as_ref().is_some_and(|(status, _)| *status >= 400);
        let of_request = if refused { Vec::new() } else { operation.judge_request(target, request) };
        let of_answer = answer.iter().flat_map(|(status, answer)| operation.judge_answer(*status, answer));
        let departure = |side: &str, fault| Departure { saying: format!("{} {side}", operation.name), fault };
        let of_request = of_request.into_iter().map(|fault| departure("request", fault));
        of_request.chain(of_answer.map(|fault| departure("answer", fault))).collect()
    }
}

impl Operation {
    /// The names of the fields that requests may have.
    pub(crate) fn request_fields(&self) -> BTreeSet<String> {
        self.request.as_ref().map(fields).unwrap_or_default()
    }

    /// The names of the fields that successful answers may have.
    pub(crate) fn answer_fields(&self) -> BTreeSet<String> {
        self.answers.get("200").and_then(Option::as_ref).map(fields).unwrap_or_default()
    }

    fn matches(&self, path: &[&str]) -> bool {
        self.path.len() == path.len() && self.path.iter().zip(path).all(|(own, given)| is_variable(own) || own == given)
    }

    fn judge_request(&self, target: &str, body: &Value) -> Vec<String> {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let names = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split('=').next().unwrap_or(pair));
        let unknown = names.filter(|name| !self.query.iter().any(|known| known == name));
        let mut departures: Vec<String> = unknown.map(|name| format!("query {name}: undeclared")).collect();
        match &self.request {
            Some(schema) => departures.extend(faults(schema, body)),
            None if body.is_null() => {}
            None => departures.push("body: undeclared".to_owned()),
        }
        departures
    }

    fn judge_answer(&self, status: u16, body: &Value) -> Vec<String> {
        match self.answers.get(&status.to_string()) {
            None => vec![format!("status {status}")],
            Some(Some(schema)) => faults(schema, body),
            Some(None) if body.is_null() => Vec::new(),
            Some(None) => vec!["body: undeclared".to_owned()],
        }
    }
}

/// The folder of the package, according to cargo. This works without a network, because cargo has compiled the package.
fn folder() -> PathBuf {
    let cargo = || Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let version = finish(cargo().arg("-vV"));
    let version = String::from_utf8(version.stdout).expect("text");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo knows its host");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    // Packages for other platforms may be missing, and are not needed.
    let arguments = ["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform", host];
    // Another cargo that updates the registry's index at this moment makes cargo fail for a short time.
    let deadline = Instant::now() + Duration::from_mins(1);
    let output = loop {
        let output = finish(cargo().args(arguments).args(["--manifest-path", manifest]));
        if output.status.success() {
            break output;
        }
        assert!(Instant::now() < deadline, "no answer from cargo: {}", String::from_utf8_lossy(&output.stderr));
    };
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages.iter().find(|package| package["name"] == PACKAGE).expect("the package");
    let manifest = PathBuf::from(package["manifest_path"].as_str().expect("a path"));
    manifest.with_file_name("src")
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let parameters = || operation["parameters"].as_array().into_iter().flatten();
            let of_query = parameters().filter(|parameter| parameter["in"] == "query");
            let of_body = parameters().find(|parameter| parameter["in"] == "body");
            let answers = operation["responses"].as_object().expect("responses").iter();
            operations.push(Operation {
                name: operation["operationId"].as_str().expect("a name").to_owned(),
                method: method.to_uppercase().parse().expect("a method"),
                path: path.split('/').map(str::to_owned).collect(),
                query: of_query.map(|parameter| parameter["name"].as_str().expect("a name").to_owned()).collect(),
                request: of_body.map(|parameter| schema(document, &parameter["schema"])),
                answers: answers
                    .map(|(status, answer)| (status.clone(), answer.get("schema").map(|part| schema(document, part))))
                    .collect(),
            });
        }
    }
    operations
}

/// A part of a document as a separate schema.
fn schema(document: &Value, part: &Value) -> Value {
    let mut schema = json!({ "allOf": [part], "definitions": document["definitions"] });
    make_strict(&mut schema);
    schema
}

fn make_strict(schema: &mut Value) {
    match schema {
        Value::Object(schema) => {
            if schema.get("properties").is_some_and(Value::is_object) && !schema.contains_key("additionalProperties") {
                schema.insert("additionalProperties".to_owned(), json!(false));
                schema.entry("type").or_insert(json!("object"));
            }
            schema.values_mut().for_each(make_strict);
        }
        Value::Array(schemas) => schemas.iter_mut().for_each(make_strict),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The field names of a schema that refers to a definition.
fn fields(schema: &Value) -> BTreeSet<String> {
    let reference = schema["allOf"][0]["$ref"].as_str().expect("a reference");
    let definition = schema.pointer(reference.trim_start_matches('#')).expect("the definition");
    definition["properties"].as_object().expect("properties").keys().cloned().collect()
}

/// The errors in a body, each with its place. Items of a list share one place.
fn faults(schema: &Value, body: &Value) -> Vec<String> {
    let options = jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(true);
    let validator = options.build(schema).expect("the definitions are schemas");
    let mut faults = Vec::new();
    for error in validator.iter_errors(body) {
        let place = error.instance_path().to_string();
        let place: Vec<&str> =
            place.split('/').map(|part| if part.parse::<u32>().is_ok() { "*" } else { part }).collect();
        let place = place.join("/");
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                faults.extend(unexpected.iter().map(|name| format!("{place}/{name}: undeclared")));
            }
            ValidationErrorKind::Required { property } => {
                faults.push(format!("{place}/{}: missing", property.as_str().unwrap_or_default()));
            }
            kind => faults.push(format!("{place}: not of its {}", kind.keyword())),
        }
    }
    faults
}

fn is_variable(segment: &str) -> bool {
    segment.starts_with('{')
}
