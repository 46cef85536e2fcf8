//! The formats of other programs: SARIF for code scanning, `JUnit` for test dashboards, and GitLab's Code Quality.

use quick_xml::events::{BytesStart, Event};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::process::finish;
use crate::recorder::Effect;
use crate::schemas::assert_valid;
use crate::world::{Ran, World};

/// Two errors at lines, and the texts that XML and URIs have to escape.
const WRONG: &str = "\
version: 1
stack: pair
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }
functions:
  first:
    code: { inline: 'def handler(event, context): return 1' }
    description: \"<&]]>\\u0001\\u001b[31m\"
    async: { max_retries: 7 }
    colour: \"<&]]>\"
  second:
    code: { inline: 'def handler(event, context): return 2' }
    async: { max_retries: 7 }
";
const FILE: &str = "a stack/fgctl.yaml";
const OFTEN: &str = "
  third:
    code: { inline: 'def handler(event, context): return 3' }
    async: { max_retries: 2 }
";

fn valid() -> String {
    WRONG
        .replace("max_retries: 7", "max_retries: 2, on_failure: { dis: { stream: s } }")
        .replace("    colour: \"<&]]>\"\n", "")
}

async fn world(manifest: &str) -> World {
    let world = World::new().await;
    world.file(FILE, manifest);
    world
}

async fn ran(world: &World, arguments: &[&str]) -> Ran {
    world.run(&[arguments, &["-f", "a stack"]].concat()).await
}

/// What code scanning reads of SARIF 2.1.0, and nothing else.
fn sarif_schema() -> jsonschema::Validator {
    let message = json!({ "type": "object", "required": ["text"], "properties": {
        "text": { "type": "string", "minLength": 1 }, "markdown": { "type": "string", "minLength": 1 } },
        "additionalProperties": false });
    let number = json!({ "type": "integer", "minimum": 1 });
    let location = json!({ "type": "object", "required": ["physicalLocation"], "additionalProperties": false, "properties": {
        "id": { "type": "integer", "minimum": 1 },
        "message": message,
        "physicalLocation": { "type": "object", "required": ["artifactLocation", "region"], "additionalProperties": false,
            "properties": {
                "artifactLocation": { "type": "object", "required": ["uri"], "additionalProperties": false, "properties": {
                    "uri": { "type": "string", "pattern": "^[A-Za-z0-9._~%-][A-Za-z0-9._~%/-]*$" },
                    "uriBaseId": { "const": "%SRCROOT%" } } },
                "region": { "type": "object", "required": ["startLine"], "additionalProperties": false, "properties": {
                    "startLine": number, "startColumn": number, "endColumn": number } } } } } });
    let level = json!({ "enum": ["error", "warning"] });
    let rule = json!({ "type": "object", "additionalProperties": false,
        "required": ["id", "shortDescription", "fullDescription", "help", "defaultConfiguration"], "properties": {
        "id": { "type": "string", "pattern": "^[a-z0-9-]+$" }, "shortDescription": message, "fullDescription": message,
        "help": message,
        "defaultConfiguration": { "type": "object", "properties": { "level": level }, "additionalProperties": false } } });
    let result = json!({ "type": "object", "additionalProperties": false,
        "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"], "properties": {
        "ruleId": { "type": "string" }, "ruleIndex": { "type": "integer", "minimum": 0 }, "level": level,
        "message": message, "locations": { "type": "array", "items": location, "minItems": 1, "maxItems": 1 },
        "relatedLocations": { "type": "array", "items": location },
        "partialFingerprints": { "type": "object", "required": ["primaryLocationLineHash"], "additionalProperties": false,
            "properties": { "primaryLocationLineHash": { "type": "string", "pattern": "^[0-9a-f]{32}:[0-9]+$" } } } } });
    let notification = json!({ "type": "object", "required": ["level", "message", "descriptor"], "additionalProperties": false,
        "properties": { "level": { "const": "error" }, "message": message,
            "locations": { "type": "array", "items": location, "minItems": 1 }, "descriptor": { "type": "object", "required": ["id"] } } });
    let run = json!({ "type": "object", "required": ["tool", "results", "columnKind", "invocations"],
        "additionalProperties": false, "properties": {
        "tool": { "type": "object", "required": ["driver"], "properties": { "driver": { "type": "object",
            "required": ["name", "version", "semanticVersion", "rules"], "additionalProperties": false, "properties": {
                "name": { "const": "fgctl" }, "version": { "const": env!("CARGO_PKG_VERSION") },
                "semanticVersion": { "const": env!("CARGO_PKG_VERSION") }, "rules": { "type": "array", "items": rule } } } } },
        "columnKind": { "const": "unicodeCodePoints" },
        "invocations": { "type": "array", "minItems": 1, "maxItems": 1, "items": { "type": "object",
            "required": ["executionSuccessful", "toolExecutionNotifications"], "additionalProperties": false, "properties": {
                "executionSuccessful": { "type": "boolean" },
                "toolExecutionNotifications": { "type": "array", "items": notification } } } },
        "results": { "type": "array", "items": result } } });
    let schema = json!({ "type": "object", "required": ["$schema", "version", "runs"], "additionalProperties": false,
        "properties": { "$schema": { "type": "string" }, "version": { "const": "2.1.0" },
            "runs": { "type": "array", "items": run, "minItems": 1, "maxItems": 1 } } });
    jsonschema::validator_for(&schema).expect("a schema")
}

/// The run of a SARIF document, with a rule for each result.
fn sarif(text: &str) -> Value {
    let document: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_valid(&sarif_schema(), &document);
    let run = &document["runs"][0];
    for result in run["results"].as_array().expect("results") {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"], "{document:#}");
    }
    run.clone()
}

/// `ruleId uri:line:column-end` of each result, and its fingerprint.
fn results(run: &Value) -> BTreeMap<String, String> {
    let text = |result: &Value| {
        let place = &result["locations"][0]["physicalLocation"];
        let (uri, region) = (&place["artifactLocation"]["uri"], &place["region"]);
        format!(
            "{} {}:{}:{}-{}",
            result["ruleId"].as_str().expect("a rule"),
            uri.as_str().expect("a URI"),
            region["startLine"],
            region["startColumn"],
            region["endColumn"]
        )
    };
    let print =
        |result: &Value| result["partialFingerprints"]["primaryLocationLineHash"].as_str().expect("a print").to_owned();
    let results = run["results"].as_array().expect("results");
    results.iter().map(|result| (text(result), print(result))).collect()
}

#[tokio::test]
async fn sarif_shows_findings_at_their_lines_and_knows_them_again() {
    let world = world(WRONG).await;
    let found = ran(&world, &["validate", "-o", "sarif"]).await;
    assert_eq!((found.code, found.stderr.as_str()), (Some(1), ""));
    let run = sarif(&found.stdout);
    let before = results(&run);
    let expected = [
        "out-of-range a%20stack/fgctl.yaml:12:27-28",
        "out-of-range a%20stack/fgctl.yaml:8:27-28",
        "unknown-field a%20stack/fgctl.yaml:9:5-11",
    ];
    assert_eq!(before.keys().collect::<Vec<_>>(), expected);
    assert_eq!(before.values().collect::<BTreeSet<_>>().len(), 3, "each result has its own fingerprint");
    let rule = &run["tool"]["driver"]["rules"][0];
    let explained = world.run(&["explain", "out-of-range"]).await;
    assert_eq!(rule["help"]["text"].as_str().map(str::trim_end), Some(explained.stdout.trim_end()));
    // The lines move, and a result is added before the others.
    world.file(FILE, &format!("# a comment\n# another\n{}", WRONG.replace("stack: pair", "stack: pair\ncolour: red")));
    let moved = results(&sarif(&ran(&world, &["validate", "-o", "sarif"]).await.stdout));
    assert_eq!(moved.len(), 4);
    for (place, print) in before {
        let line = |text: &str| text.split(':').nth(1).and_then(|line| line.parse::<u64>().ok()).expect("a line");
        let same: Vec<&String> = moved.iter().filter(|(_, moved)| **moved == print).map(|(place, _)| place).collect();
        assert_eq!(same.len(), 1, "{place} is among {moved:?}");
        assert_eq!(line(same[0]), line(&place) + 3);
    }
}

#[tokio::test]
async fn sarif_has_warnings_related_places_and_failures() {
    let world = world(&format!("{}{OFTEN}", valid().trim_end())).await;
    let run = sarif(&ran(&world, &["plan", "-o", "sarif"]).await.stdout);
    let levels: Vec<&Value> =
        run["results"].as_array().expect("results").iter().map(|result| &result["level"]).collect();
    assert_eq!((levels, &run["invocations"][0]["executionSuccessful"]), (vec![&json!("warning")], &json!(true)));
    // A cycle names its other places.
    let cycle = "async: { on_success: { function: second } }";
    let back = "async: { on_success: { function: first } }";
    let manifest = valid().replacen("async: { max_retries: 2, on_failure: { dis: { stream: s } } }", cycle, 1);
    world.file(FILE, &manifest.replace("async: { max_retries: 2, on_failure: { dis: { stream: s } } }", back));
    let run = sarif(&ran(&world, &["validate", "-o", "sarif"]).await.stdout);
    let cycle = &run["results"][0];
    let line = |location: &Value| location["physicalLocation"]["region"]["startLine"].as_u64();
    let lines = BTreeSet::from([line(&cycle["locations"][0]), line(&cycle["relatedLocations"][0])]);
    assert_eq!(lines, BTreeSet::from([Some(8), Some(11)]), "{run:#}");
    // Without a plan, there is a notification.
    world.file(FILE, &valid());
    let failed = ran(&world, &["plan", "-o", "sarif", "--endpoint", "nowhere"]).await;
    let run = sarif(&failed.stdout);
    assert_eq!(
        (failed.code, &run["results"], &run["invocations"][0]["executionSuccessful"]),
        (Some(1), &json!([]), &json!(false))
    );
    // A finding without a place is about the manifest.
    assert_eq!(ran(&world, &["apply", "--auto-approve"]).await.code, Some(0));
    world.file(FILE, &format!("{}functions: {{}}\n", valid().split("functions:").next().expect("a head")));
    let run = sarif(&ran(&world, &["plan", "-o", "sarif"]).await.stdout);
    let place = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(
        (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
        (&json!("a%20stack/fgctl.yaml"), &json!(1))
    );
}

#[tokio::test]
async fn code_quality_has_the_fields_that_gitlab_reads() {
    let world = world(WRONG).await;
    let found = ran(&world, &["validate", "-o", "code-quality"]).await;
    assert_eq!((found.code, found.stderr.as_str()), (Some(1), ""));
    let issues = found.json();
    let issues = issues.as_array().expect("a list");
    let mut prints = BTreeSet::new();
    for issue in issues {
        let keys: Vec<&String> = issue.as_object().expect("an issue").keys().collect();
        assert_eq!(keys, ["check_name", "description", "fingerprint", "location", "severity"]);
        assert!(!issue["description"].as_str().expect("text").is_empty());
        assert!(prints.insert(issue["fingerprint"].as_str().expect("text").to_owned()), "{issues:#?}");
        assert_eq!((&issue["location"]["path"], &issue["severity"]), (&json!(FILE), &json!("critical")));
    }
    let lines: Vec<&Value> = issues.iter().map(|issue| &issue["location"]["lines"]["begin"]).collect();
    assert_eq!(lines, [&json!(8), &json!(9), &json!(12)]);
    // Without a plan, earlier findings are not resolved.
    let failed = ran(&world, &["plan", "-o", "code-quality", "--endpoint", "nowhere", "--var", "x"]).await;
    assert_eq!(failed.code, Some(1), "wrong usage has no report: {failed:?}");
    world.file(FILE, &valid());
    let failed = ran(&world, &["plan", "-o", "code-quality", "--endpoint", "nowhere"]).await.json();
    assert_eq!(
        (&failed[0]["severity"], &failed[0]["location"]["path"]),
        (&json!("blocker"), &json!(FILE)),
        "{failed:#}"
    );
    let clean = ran(&world, &["validate", "-o", "code-quality"]).await;
    assert_eq!((clean.code, clean.json()), (Some(0), json!([])));
}

/// The attributes of a tag.
fn attributes(tag: &BytesStart<'_>) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let pairs = tag.attributes().map(|attribute| attribute.expect("a well-formed attribute"));
    pairs.map(|pair| (text(pair.key.as_ref()), text(&pair.value))).collect()
}

/// `result name` of each test case, after checking that the document is well-formed and its numbers are right.
fn junit(text: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let (mut cases, mut counts) = (Vec::new(), BTreeMap::new());
    loop {
        let tag = match reader.read_event().unwrap_or_else(|error| panic!("{error}: {text}")) {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) => tag,
            Event::Text(text) => {
                text.xml_content(quick_xml::XmlVersion::Implicit1_0).expect("escaped text");
                continue;
            }
            _ => continue,
        };
        let attributes = attributes(&tag);
        match tag.name().as_ref() {
            b"testsuite" => counts = attributes,
            b"testcase" => cases.push(("passed", format!("{}: {}", attributes["classname"], attributes["name"]))),
            b"failure" => cases.last_mut().expect("a case").0 = "failed",
            b"error" => cases.last_mut().expect("a case").0 = "broken",
            b"skipped" => cases.last_mut().expect("a case").0 = "skipped",
            _ => {}
        }
    }
    let count = |result: &str| cases.iter().filter(|(found, _)| *found == result).count().to_string();
    let counted = [&counts["tests"], &counts["failures"], &counts["errors"], &counts["skipped"]];
    assert_eq!(counted, [&cases.len().to_string(), &count("failed"), &count("broken"), &count("skipped")], "{text}");
    cases.into_iter().map(|(result, name)| format!("{result} {name}")).collect()
}

#[tokio::test]
async fn junit_has_a_case_for_each_finding_and_change() {
    let world = world(WRONG).await;
    let found = ran(&world, &["validate", "-o", "junit"]).await;
    assert_eq!(found.code, Some(1));
    let expected = [
        "failed a stack/fgctl.yaml: out-of-range /functions/first/async/max_retries",
        "failed a stack/fgctl.yaml: unknown-field /functions/first/colour",
        "failed a stack/fgctl.yaml: out-of-range /functions/second/async/max_retries",
    ];
    assert_eq!(junit(&found.stdout), expected);
    assert!(!found.stdout.contains(['\u{1}', '\u{1b}']), "XML cannot contain control characters");
    world.file(FILE, &valid());
    assert_eq!(
        junit(&ran(&world, &["validate", "-o", "junit"]).await.stdout),
        ["passed fgctl: the manifests are valid"]
    );
    assert_eq!(junit(&ran(&world, &["plan", "-o", "junit"]).await.stdout), ["passed fgctl: the plan has no findings"]);
    let failed = junit(&ran(&world, &["plan", "-o", "junit", "--endpoint", "nowhere"]).await.stdout);
    assert!(matches!(&failed[..], [only] if only.starts_with("broken fgctl: ")), "{failed:?}");
    world.disturb(
        Method::POST,
        "/fgs/functions",
        Effect::Answer(400, r#"{"error_code":"FSS.0400","error_msg":"]]>\u0001\u001b[31m"}"#.into()),
    );
    let partly = ran(&world, &["apply", "--auto-approve", "--concurrency", "1", "-o", "junit"]).await;
    let expected = [
        "failed fgctl.apply: create function:default/first",
        "skipped fgctl.apply: create async_policy:default/first",
        "passed fgctl.apply: create function:default/second",
        "passed fgctl.apply: create async_policy:default/second",
    ];
    assert_eq!((partly.code, junit(&partly.stdout)), (Some(1), expected.map(str::to_owned).to_vec()));
    assert!(!partly.stdout.contains(['\u{1}', '\u{1b}']), "XML cannot contain control characters: {partly:?}");
    let warned = format!("{}{OFTEN}", valid().trim_end());
    world.file(FILE, &warned);
    let validated = ran(&world, &["validate", "-o", "junit"]).await;
    let expected = ["passed a stack/fgctl.yaml: retries-without-failure-target /functions/third/async/max_retries"];
    assert_eq!((validated.code, junit(&validated.stdout)), (Some(0), expected.map(str::to_owned).to_vec()));
    assert!(validated.stdout.contains("<system-out>"), "a warning says something: {}", validated.stdout);
}

#[tokio::test]
async fn junit_has_a_case_for_each_function_and_fails_those_that_drifted() {
    let world = world(&valid()).await;
    assert_eq!(ran(&world, &["apply", "--auto-approve"]).await.code, Some(0));
    let drift = ["drift", "--unmanaged", "-o", "junit"];
    let expected = ["passed fgctl.drift: function:default/first", "passed fgctl.drift: function:default/second"];
    let clean = ran(&world, &drift).await;
    assert_eq!((clean.code, junit(&clean.stdout)), (Some(0), expected.map(str::to_owned).to_vec()));
    let policy = format!("/fgs/functions/{}/async-invoke-config", world.server.urn("second"));
    assert!(world.server.put(&policy, json!({})).await.status.is_success());
    world.file(FILE, &valid().replacen("max_retries: 2", "max_retries: 1", 1));
    let drifted = ran(&world, &drift).await;
    let expected = ["passed fgctl.drift: function:default/first", "failed fgctl.drift: function:default/second"];
    assert_eq!((drifted.code, junit(&drifted.stdout)), (Some(2), expected.map(str::to_owned).to_vec()));
    assert!(drifted.stdout.contains("drifted async_policy:default/second"), "{}", drifted.stdout);
}

#[tokio::test]
async fn a_report_says_where_what_and_how_much() {
    let world = World::new().await;
    // A finding about a missing file has a location, too.
    let missing = world.run(&["validate", "--env", "x", "--environments", "missing.yaml", "-o", "sarif"]).await;
    let run = sarif(&missing.stdout);
    let place = &run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!((&place["uri"], &run["invocations"][0]["executionSuccessful"]), (&json!("missing.yaml"), &json!(false)));
    let missing = world.run(&["validate", "--env", "x", "--environments", "missing.yaml", "-o", "code-quality"]).await;
    assert_eq!(missing.json()[0]["location"]["path"], "missing.yaml");
    // Paths are those of the repository, in every format.
    std::fs::create_dir(world.folder.path().join(".git")).expect("a folder");
    world.file(FILE, WRONG);
    let inside = |format: &str| {
        let mut command = world.command(&["validate", "-o", format]);
        command.current_dir(world.folder.path().join("a stack"));
        String::from_utf8(finish(&mut command).stdout).expect("UTF-8")
    };
    assert!(inside("json").contains("\"file\": \"a stack/fgctl.yaml\""));
    assert!(inside("markdown").contains("--> a stack/fgctl.yaml:8:27"));
    assert!(inside("junit").contains("classname=\"a stack/fgctl.yaml\""));
    // GitLab gets the number of changes that were made.
    world.file(FILE, &valid());
    world.disturb(Method::POST, "/fgs/functions", Effect::Answer(403, r#"{"error_code":"FSS.1041"}"#.into()));
    let partly = ran(&world, &["apply", "--auto-approve", "--concurrency", "1", "-o", "gitlab"]).await;
    assert_eq!((partly.code, partly.json()), (Some(1), json!({ "create": 2, "update": 0, "delete": 0 })));
    // A stale plan says why, in lines.
    assert_eq!(ran(&world, &["plan", "--out", "saved"]).await.code, Some(0));
    world.file(FILE, &valid().replace("max_retries: 2", "max_retries: 1"));
    let stale = world.run(&["apply", "saved", "-o", "sarif"]).await;
    let run = sarif(&stale.stdout);
    let text = run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].as_str().expect("text");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("the plan for stack \"pair\" in region local-1, project "), "{text}");
    assert_eq!(
        lines[1..],
        [
            "  async_policy:default/first: the manifests changed: /max_retries",
            "  async_policy:default/second: the manifests changed: /max_retries",
            "Plan again to see what would change now.",
        ]
    );
}
