//! Damages every column of every table in several ways, each for a separate function. The server starts, undamaged data
//! works, lists are complete, and damaged entries say so and can be deleted.

use std::collections::BTreeMap;
use std::path::Path;

use fgctl::server::Backlog;
use futures_util::StreamExt;
use reqwest::StatusCode;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::server_harness::{Reply, Server, function};

/// Values that replace the value of a column.
const DAMAGES: &[&str] =
    &["x'ff'", "'word'", "CAST(x'c3' AS TEXT)", "-1", "4294967295", "9e99", "zeroblob(300000)", "NULL"];
/// Rows of the whole project, and the statements that damage them.
const OF_PROJECT: &[&str] = &[
    "UPDATE status_log SET detail = x'ff'",
    "UPDATE lts_logs SET enabled = 'maybe'",
    "INSERT INTO dependency_versions VALUES (x'ff', 'a', 'x', x'ff', 1, 'a', 'a', 'a', 'a', 'never')",
    "INSERT INTO expiring_objects VALUES (x'ff', 0), ('gone', 'never')",
];
const FINE: &str = "fine";
/// An invocation of a function whose runtime cannot run here, so attempts need no process.
const ELSEWHERE: i64 = 4001;
/// The number of functions that are prepared concurrently.
const AT_ONCE: usize = 16;

/// The rows of a function in each table: `?1` is its id.
fn rows_of_function(table: &str) -> Option<&'static str> {
    Some(match table {
        "functions" => "id = ?1",
        "code" | "async_policies" | "tags" | "versions" | "aliases" | "reserved_instances" | "triggers" | "logs"
        | "invocations" => "function_id = ?1",
        "version_code" => "version_id IN (SELECT id FROM versions WHERE function_id = ?1)",
        "payloads" | "attempts" | "notifications" | "triggered" => {
            "invocation_id IN (SELECT id FROM invocations WHERE function_id = ?1)"
        }
        _ => return None,
    })
}

/// The damage to the rows of one function.
#[derive(Debug, Clone)]
struct Case {
    name: String,
    table: String,
    column: String,
    damage: &'static str,
}

/// One case per column and kind of damage. Every table must be covered above.
fn cases(store: &Connection) -> Vec<Case> {
    let query = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' \
                 AND m.name NOT LIKE 'sqlite_%' AND m.name NOT IN ('status_log', 'lts_logs', 'expiring_objects', 'dependency_versions', 'dependency_code')";
    let mut statement = store.prepare(query).expect("a query");
    let columns = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("columns");
    let columns: Vec<(String, String)> = columns.collect::<Result<_, _>>().expect("columns");
    let mut cases = Vec::new();
    for (table, column) in columns {
        assert!(rows_of_function(&table).is_some(), "the table {table} is not covered");
        for damage in DAMAGES {
            // Such an invocation is retried until it expires, which is correct.
            if column == "most_attempts" && *damage == "4294967295" {
                continue;
            }
            let (name, table, column) = (format!("f{}", cases.len()), table.clone(), column.clone());
            cases.push(Case { name, table, column, damage });
        }
    }
    cases
}

fn open(directory: &Path) -> Connection {
    Connection::open(directory.join("store.db")).expect("the store")
}

async fn expect(reply: impl Future<Output = Reply>, status: StatusCode) {
    let reply = reply.await;
    assert_eq!(reply.status, status, "{reply:?}");
}

/// Creates a function with a row in every table, except for waiting events.
async fn furnish(server: &Server, name: &str) {
    let mut body = function(name);
    body["runtime"] = json!("Java11");
    expect(server.post("/fgs/functions", body), StatusCode::OK).await;
    let at = |rest: &str| format!("/fgs/functions/{name}{rest}");
    let target = json!({ "destination": "DIS", "param": r#"{"stream_name":"told"}"# });
    let policy = json!({ "max_async_retry_attempts": 0, "enable_async_status_log": true,
                         "destination_config": { "on_failure": target } });
    expect(server.put(&at("/async-invoke-config"), policy), StatusCode::OK).await;
    expect(server.post(&at("/versions"), json!({ "version": "v1" })), StatusCode::OK).await;
    expect(server.post(&at("/aliases"), json!({ "name": "prod", "version": "v1" })), StatusCode::OK).await;
    expect(server.put(&at("/reservedinstances"), json!({ "count": 1, "tactics_config": {} })), StatusCode::OK).await;
    let trigger = json!({ "trigger_type_code": "DIS", "event_data": { "stream_name": name } });
    expect(server.post(&format!("/fgs/triggers/{name}"), trigger), StatusCode::CREATED).await;
    let tags = json!({ "tags": [{ "key": "owner", "value": name }] });
    expect(server.post(&format!("/functions/{name}/tags/create"), tags), StatusCode::NO_CONTENT).await;
    accept(server, name).await;
}

/// Accepts a request, and returns its id.
async fn accept(server: &Server, name: &str) -> String {
    let reply = server.post(&format!("/fgs/functions/{}:!prod/invocations-async", server.urn(name)), json!({})).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
    reply.body["request_id"].as_str().expect("an id").to_owned()
}

/// Applies the damage, and returns the number of damaged rows.
fn damage(directory: &Path, cases: &[Case]) -> usize {
    let store = open(directory);
    for statement in OF_PROJECT {
        store.execute_batch(statement).expect(statement);
    }
    let transaction = store.unchecked_transaction().expect("a transaction");
    let ids: Vec<i64> = cases
        .iter()
        .map(|case| store.query_row("SELECT id FROM functions WHERE name = ?1", [&case.name], |row| row.get(0)))
        .collect::<Result<_, _>>()
        .expect("ids");
    let mut damaged = 0;
    for (Case { table, column, damage, .. }, id) in cases.iter().zip(ids) {
        let rows = rows_of_function(table).expect("a table");
        let statement = format!("UPDATE OR IGNORE {table} SET {column} = {damage} WHERE {rows}");
        // SQLite itself prevents some kinds of damage.
        damaged += store.execute(&statement, [id]).unwrap_or_default();
    }
    transaction.commit().expect("a commit");
    damaged
}

#[tokio::test]
async fn a_damaged_row_affects_only_its_own_function() {
    let server = Server::start().await;
    for kept in ["enable-async-status-logs", "enable-lts-logs"] {
        expect(server.post(&format!("/fgs/functions/{kept}"), json!({})), StatusCode::OK).await;
    }
    let cases = cases(&open(server.directory.path()));
    let names: Vec<&str> = cases.iter().map(|case| &*case.name).chain([FINE]).collect();
    let furnishing: Vec<_> = names.iter().map(|name| furnish(&server, name)).collect();
    futures_util::stream::iter(furnishing).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    server.quiet().await;
    let server = server.restart_after(|_| {}, |settings| settings.options.backlog = Backlog::Left).await;
    let mut waiting = BTreeMap::new();
    for name in &names {
        waiting.insert(*name, accept(&server, name).await);
    }
    let damaged = cases.clone();
    let rows = move |directory: &Path| {
        let rows = damage(directory, &damaged);
        assert!(rows * 10 > damaged.len() * 7, "{rows} rows of {} cases", damaged.len());
    };
    let server = server.restart_after(rows, |_| {}).await;
    server.quiet().await;
    lists_are_complete(&server, names.len()).await;
    assert_eq!(ended(&server, &waiting[FINE]).await, ELSEWHERE);
    let mut wrong = Vec::new();
    for case in &cases {
        if ended(&server, &waiting[&*case.name]).await == 0 {
            wrong.push(format!("{case:?}: its request succeeded"));
        }
        wrong.extend(unnamed_damage(&server, case).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let detail = server.post("/fgs/functions/enable-async-status-logs", json!({})).await;
    assert_eq!(detail.status, StatusCode::OK, "{detail:?}");
    furnish(&server, "new").await;
    server.quiet().await;
    assert_eq!(ended(&server, &accept_and_wait(&server, FINE).await).await, ELSEWHERE);
    for case in cases.iter().filter(|case| !(case.table == "functions" && ["name", "package"].contains(&&*case.column)))
    {
        expect(server.delete(&format!("/fgs/functions/{}", case.name)), StatusCode::NO_CONTENT).await;
    }
}

async fn accept_and_wait(server: &Server, name: &str) -> String {
    let request_id = accept(server, name).await;
    server.quiet().await;
    request_id
}

/// The result code of an invocation.
async fn ended(server: &Server, request_id: &str) -> i64 {
    let reply = server.get(&format!("/fgctl/invocations/{request_id}")).await;
    if reply.status == StatusCode::NOT_FOUND {
        // Its id was damaged.
        return i64::MAX;
    }
    assert!(["FAIL", "DISCARD"].contains(&reply.body["status"].as_str().unwrap_or_default()), "{reply:?}");
    reply.body["error"]["code"].as_i64().expect("a code")
}

async fn lists_are_complete(server: &Server, count: usize) {
    let (mut names, mut reasons) = (Vec::new(), 0);
    loop {
        let page = server.get(&format!("/fgs/functions?marker={}&maxitems=100", names.len())).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let functions = page.body["functions"].as_array().expect("functions").clone();
        if functions.is_empty() {
            break;
        }
        let is_named = |function: &&Value| function["description"].to_string().contains("store cannot be used");
        reasons += functions.iter().filter(is_named).count();
        names.extend(functions.iter().map(|function| function["func_name"].as_str().expect("a name").to_owned()));
    }
    assert_eq!((names.len(), names.contains(&FINE.to_owned())), (count, true));
    assert!(reasons > DAMAGES.len(), "{reasons} functions say that they are damaged");
    for list in [
        "/fgs/functions/fine/versions",
        "/fgs/functions/fine/aliases",
        "/fgs/functions/fine/async-invoke-configs",
        "/fgs/functions/fine/async-invocations",
        "/fgs/functions/reservedinstances?urn=fine",
        "/fgs/functions/reservedinstanceconfigs?function_urn=fine",
        "/fgctl/functions/fine/log",
        "/fgs/functions/reservedinstances",
        "/fgs/functions/reservedinstanceconfigs",
        "/fgs/triggers/fine",
        "/fgs/triggers",
        "/fgs/quotas",
        "/functions/tags",
        "/functions/fine/tags",
    ] {
        let reply = server.get(list).await;
        assert_eq!(reply.status, StatusCode::OK, "{list}: {reply:?}");
        let shown = if list.ends_with("async-invocations") || list.ends_with("log") { "Java11" } else { "fine" };
        let is_of_all = [
            "/fgs/quotas",
            "/fgs/triggers",
            "/fgs/functions/reservedinstances",
            "/fgs/functions/reservedinstanceconfigs",
        ]
        .contains(&list);
        assert!(is_of_all || reply.body.to_string().contains(shown), "{list}: {reply:?}");
    }
    let tagged = json!({ "tags": [{ "key": "owner", "values": ["fine"] }], "limit": 10 });
    let tagged = server.post("/functions/resource-instances/filter", tagged).await;
    assert_eq!((tagged.status, &tagged.body["total_count"]), (StatusCode::OK, &json!(1)), "{tagged:?}");
    let all = server.post("/functions/resource-instances/filter", json!({ "limit": 1000 })).await;
    assert_eq!((all.status, all.body["total_count"].as_u64()), (StatusCode::OK, u64::try_from(count).ok()), "{all:?}");
}

/// Lists of a function whose own row is intact must work, and refusals must name the damage. Returns the exceptions.
async fn unnamed_damage(server: &Server, case: &Case) -> Vec<String> {
    let mut wrong = Vec::new();
    let Case { name, table, .. } = case;
    for (path, is_list) in [
        (format!("/fgs/functions/{name}/config"), false),
        (format!("/fgs/functions/{name}/code"), false),
        (format!("/fgs/functions/{}:v1/config", server.urn(name)), false),
        (format!("/fgs/functions/{name}/async-invoke-config"), false),
        (format!("/fgs/functions/{name}/aliases/prod"), false),
        (format!("/fgs/functions/{name}/versions"), true),
        (format!("/fgs/functions/{name}/aliases"), true),
        (format!("/fgs/functions/{name}/async-invoke-configs"), true),
        (format!("/fgs/functions/{name}/async-invocations"), true),
        (format!("/fgctl/functions/{name}/log"), true),
        (format!("/fgs/triggers/{name}"), true),
        (format!("/functions/{name}/tags"), true),
    ] {
        let reply = server.get(&path).await;
        let is_named = reply.error() == (500, "FGCTL.0500") || reply.status == StatusCode::NOT_FOUND;
        let is_own = !is_list || table == "functions";
        if reply.status != StatusCode::OK && !(is_own && is_named) {
            wrong.push(format!("{case:?}: {path}: {reply:?}"));
        }
    }
    wrong
}
