//! Lists that clients read for each function, although the server has little to return.

use serde_json::json;

use crate::server_harness::Server;

#[tokio::test]
async fn a_function_has_one_version() {
    let server = Server::start().await;
    server.create_function("intake").await;
    let versions = "/fgs/functions/intake/versions";
    let list = server.get(versions).await.body;
    assert_eq!((&list["count"], &list["next_marker"]), (&json!(1), &json!(1)));
    assert_eq!((&list["versions"][0]["version"], &list["versions"][0]["concurrency"]), (&json!("latest"), &json!(400)));
    let mut policy = server.put("/fgs/functions/intake/async-invoke-config", json!({})).await.body;
    policy.as_object_mut().unwrap().remove("func_urn");
    assert_eq!(server.get(versions).await.body["versions"][0]["function_async_config"], policy);
}

#[tokio::test]
async fn lists_of_unsupported_resources_are_empty() {
    let server = Server::start().await;
    server.create_function("intake").await;
    let page_info = json!({ "next_marker": 0, "previous_marker": 0, "current_count": 0 });
    let urn = server.urn("intake");
    for (rest, expected) in [
        ("/fgs/functions/intake/aliases".to_owned(), json!([])),
        ("/fgs/triggers/intake".to_owned(), json!([])),
        (
            format!("/fgs/functions/reservedinstanceconfigs?function_urn={urn}&limit=100&marker=0"),
            json!({ "reserved_instances": [], "page_info": page_info, "count": 0 }),
        ),
        (
            "/fgs/functions/reservedinstances".to_owned(),
            json!({ "reservedinstances": [], "page_info": page_info, "count": 0 }),
        ),
        (
            "/fgs/functions/intake/lts-log-detail".to_owned(),
            json!({ "group_id": "", "group_name": "", "stream_id": "", "stream_name": "" }),
        ),
    ] {
        assert_eq!(server.get(&rest).await.body, expected, "{rest}");
    }
}

#[tokio::test]
async fn a_missing_function_has_no_lists() {
    let server = Server::start().await;
    for part in ["versions", "aliases", "lts-log-detail", "async-invoke-configs"] {
        assert_eq!(server.get(&format!("/fgs/functions/intake/{part}")).await.error(), (404, "FSS.1051"), "{part}");
    }
    assert_eq!(server.get("/fgs/triggers/intake").await.error(), (404, "FSS.1051"));
}

#[tokio::test]
async fn quotas_are_those_of_the_service() {
    let server = Server::start().await;
    server.create_function("intake").await;
    let quotas = server.get("/fgs/quotas").await.body["quotas"]["resources"].clone();
    let quotas = quotas.as_array().unwrap();
    assert_eq!(quotas.len(), 8);
    assert!(quotas.contains(&json!({ "type": "fgs_func_num", "used": 1, "quota": 400 })));
    assert!(quotas.contains(&json!({ "type": "fgs_func_code_size", "used": 1, "quota": 10_240, "unit": "MB" })));
}
