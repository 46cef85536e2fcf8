//! Compares the messages of client and server with the vendor's API definitions.
//!
//! A departure is either a mistake or listed below with its reason. A listed departure that no longer occurs fails the
//! test too.

use std::collections::BTreeSet;

use fgctl::wire::routes::Operation;
use reqwest::Method;
use serde_json::{Value, json};

use crate::conversation::{OURS, every_command, every_operation};
use crate::definitions::{Definitions, Departure, Exchange};

/// Intended departures: who sends what although the definitions do not contain it, and why.
const DEPARTURES: &[(&str, &[&str], &str)] = &[
    (
        "CreateFunction answer",
        &["status 409"],
        "the service's table of errors has 409 FSS.1061 for a name that is taken",
    ),
    (
        "CreateVersionAlias answer",
        &["status 409"],
        "the service's table of errors has 409 for a name (FSS.1063) and for a version (FSS.1066) that is taken",
    ),
    (
        "UpdateFunctionConfig request",
        &["/package: undeclared"],
        "Terraform sends it, where the definition has func_name alone; both together name the function",
    ),
    (
        "ShowFunctionConfig answer",
        &[
            "/domain_names: undeclared",
            "/extend_config: undeclared",
            "/restore_hook_handler: undeclared",
            "/restore_hook_timeout: undeclared",
        ],
        "what an update takes comes back: a client that compares the two would see drift otherwise",
    ),
    (
        "UpdateFunctionConfig answer",
        &[
            "/code_encrypt_kms_key_id: undeclared",
            "/depend_version_list: undeclared",
            "/enable_class_isolation: undeclared",
            "/extend_config: undeclared",
            "/gpu_type: undeclared",
            "/heartbeat_handler: undeclared",
            "/network_controller: undeclared",
            "/restore_hook_handler: undeclared",
            "/restore_hook_timeout: undeclared",
        ],
        "an update answers what a read does right after it",
    ),
    (
        "CreateFunctionVersion answer",
        &[
            "/extend_config: undeclared",
            "/func_vpc_id: undeclared",
            "/gpu_memory: undeclared",
            "/resource_id: undeclared",
        ],
        "a version that was just published is shown as the list shows it",
    ),
    (
        "ListFunctionVersions answer",
        &[
            "/versions/*/description: undeclared",
            "/versions/*/extend_config: undeclared",
            "/versions/*/gpu_memory: undeclared",
            "/versions/*/resource_id: undeclared",
        ],
        "a version is shown as the list of functions shows a function",
    ),
    (
        "ListFunctionVersions answer",
        &["/versions/*/version_description: undeclared"],
        "Terraform reads it there, and nothing else tells of it",
    ),
    (
        "UpdateFunctionMaxInstanceConfig answer",
        &[
            "/extend_config: undeclared",
            "/func_vpc_id: undeclared",
            "/gpu_memory: undeclared",
            "/resource_id: undeclared",
        ],
        "the function is shown as a list shows it",
    ),
    (
        "CreateFunctionTrigger answer",
        &["status 409"],
        "the service's table of errors has 409 for a trigger that exists already (FSS.1141 to FSS.1150)",
    ),
    (
        "CreateFunctionTrigger answer",
        &["/event_data/subscription_status: undeclared"],
        "the documentation of SMN triggers has it",
    ),
    (
        "ListFunctionTriggers answer",
        &["/*/event_data/subscription_status: undeclared"],
        "the documentation of SMN triggers has it",
    ),
    (
        "ListAsyncInvocations answer",
        &["/invocations/*/start_time: not of its format"],
        "the service's times of invocations have no zone",
    ),
    (
        "ListActiveAsyncInvocations answer",
        &["/invocations/*/start_time: not of its format"],
        "the service's times of invocations have no zone",
    ),
];

/// The operations that the program uses.
const SPOKEN: &[&str] = &[
    "AsyncInvokeFunction",
    "CreateDependencyVersion",
    "CreateFunction",
    "CreateTags",
    "DeleteFunction",
    "DeleteFunctionAsyncInvokeConfig",
    "DeleteTags",
    "EnableAsyncStatusLog",
    "InvokeFunction",
    "ListAsyncInvocations",
    "ListDependencies",
    "ListDependencyVersion",
    "ListFunctionAsyncInvokeConfig",
    "ListFunctionTags",
    "ListFunctionTriggers",
    "ListFunctionVersions",
    "ListFunctions",
    "ListReservedInstanceConfigs",
    "ListVersionAliases",
    "ShowFunctionAsyncInvokeConfig",
    "ShowFunctionCode",
    "ShowFunctionConfig",
    "ShowLtsLogDetails",
    "ShowProjectAsyncStatusLogInfo",
    "ShowResInstanceInfo",
    "UpdateFunctionAsyncInvokeConfig",
    "UpdateFunctionCode",
    "UpdateFunctionConfig",
    "UpdateFunctionMaxInstanceConfig",
    "UpdateFunctionReservedInstancesCount",
];

/// Operations of the service that the definitions lack; Terraform uses them.
const UNDEFINED: &[Operation] = &[Operation::ListActiveTrigger, Operation::ListTriggerTypes];

/// The operations of the definitions that the server has. The function itself determines what `InvokeFunction` answers.
fn operations() -> impl Iterator<Item = Operation> {
    let is_defined = |operation: &Operation| {
        let is_elsewhere = *operation == Operation::KeystoneListProjects || UNDEFINED.contains(operation);
        !operation.template().contains(OURS) && !is_elsewhere
    };
    Operation::ALL.iter().copied().filter(is_defined)
}

/// Compares the departures of these exchanges with the list.
fn assert_only_listed(exchanges: &[Exchange], sides: &[&str]) {
    let definitions = Definitions::read();
    let found: BTreeSet<Departure> = exchanges.iter().flat_map(|exchange| definitions.judge(exchange)).collect();
    let listed = DEPARTURES.iter().filter(|(saying, _, _)| sides.iter().any(|side| saying.ends_with(side)));
    let listed = listed.flat_map(|(saying, faults, _)| {
        faults.iter().map(|fault| Departure { saying: (*saying).to_owned(), fault: (*fault).to_owned() })
    });
    let listed: BTreeSet<Departure> = listed.collect();
    let mistakes: Vec<String> = found.difference(&listed).map(Departure::to_string).collect();
    assert!(mistakes.is_empty(), "not listed: {mistakes:#?}");
    let stale: Vec<String> = listed.difference(&found).map(Departure::to_string).collect();
    assert!(stale.is_empty(), "listed, but not so any more: {stale:#?}");
}

#[tokio::test]
async fn the_server_follows_the_definitions() {
    assert_only_listed(&every_operation().await.exchanges, &["answer"]);
}

#[tokio::test]
async fn the_program_follows_the_definitions() {
    let is_undefined = |exchange: &Exchange| {
        let path = exchange.target.split('?').next().unwrap_or_default();
        UNDEFINED.iter().any(|it| it.template().rsplit_once('}').is_some_and(|(_, rest)| path.ends_with(rest)))
    };
    let mut exchanges = every_command().await;
    exchanges.retain(|exchange| !is_undefined(exchange));
    assert_only_listed(&exchanges, &["request"]);
    let definitions = Definitions::read();
    let spoken = exchanges.iter().filter_map(|exchange| definitions.operation(&exchange.method, &exchange.target));
    let spoken: BTreeSet<&str> = spoken.map(|operation| operation.name.as_str()).collect();
    assert_eq!(spoken, SPOKEN.iter().copied().collect());
}

/// The conversation uses every operation of the server successfully.
#[tokio::test]
async fn every_operation_of_the_server_is_checked() {
    let conversation = every_operation().await;
    let succeeded = |exchange: &&Exchange| exchange.answer.as_ref().is_some_and(|(status, _)| *status < 300);
    let done: Vec<&Exchange> = conversation.exchanges.iter().filter(succeeded).collect();
    for operation in operations().filter(|operation| *operation != Operation::InvokeFunction) {
        let is_this = |exchange: &&Exchange| {
            let path = exchange.target.split('?').next().unwrap_or_default();
            exchange.method == operation.method() && matches(operation.template(), path)
        };
        assert!(done.iter().any(is_this), "{operation} is in no exchange that succeeds");
    }
}

fn matches(route: &str, path: &str) -> bool {
    let (route, path): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), path.split('/').collect());
    route.len() == path.len() && route.iter().zip(path).all(|(own, given)| own.starts_with('{') || *own == given)
}

#[test]
fn operations_have_the_names_of_the_definitions() {
    let definitions = Definitions::read();
    for operation in operations() {
        let known = definitions.operation(&operation.method(), operation.template());
        let known = known.unwrap_or_else(|| panic!("no definition has {operation}"));
        let name = if operation == Operation::CountResInstances { Operation::ShowResInstanceInfo } else { operation };
        assert_eq!(known.name, format!("{name:?}"), "{operation}");
    }
}

#[test]
fn departures_are_detected() {
    let definitions = Definitions::read();
    let judged = |method: Method, rest: &str, request: Value, answer: (u16, Value)| {
        let target = format!("/v2/p{rest}");
        let departures = definitions.judge(&Exchange { method, target, request, answer: Some(answer) });
        departures.iter().map(Departure::to_string).collect::<Vec<_>>()
    };
    let alias = json!({ "name": "prod", "version": 1, "colour": "red" });
    assert_eq!(
        judged(Method::POST, "/fgs/functions/f/aliases", alias, (200, json!({ "name": "prod" }))),
        [
            "CreateVersionAlias request /version: not of its type",
            "CreateVersionAlias request /colour: undeclared",
            "CreateVersionAlias answer /alias_urn: missing",
            "CreateVersionAlias answer /last_modified: missing",
            "CreateVersionAlias answer /version: missing",
        ]
    );
    assert_eq!(
        judged(Method::DELETE, "/fgs/functions/f?all=1", json!({}), (200, json!({}))),
        [
            "DeleteFunction request query all: undeclared",
            "DeleteFunction request body: undeclared",
            "DeleteFunction answer status 200"
        ]
    );
    assert_eq!(
        judged(Method::PATCH, "/fgs/functions/f", Value::Null, (204, Value::Null)),
        ["PATCH /v2/p/fgs/functions/f is no operation"]
    );
}
