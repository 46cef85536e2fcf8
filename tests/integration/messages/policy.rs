//! Messages about policies and their targets.

use super::Page;

#[test]
fn policies() {
    let mut page = Page::new();
    for (title, policy) in [
        ("negative retries", "{ max_retries: -1 }"),
        ("too many retries", "{ max_retries: 9 }"),
        ("retries in words", "{ max_retries: two }"),
        ("retries in quotes", "{ max_retries: \"2\" }"),
        ("half a retry", "{ max_retries: 1.5 }"),
        ("more than a day", "{ max_validity_period: 25h }"),
        ("no time", "{ max_validity_period: 0 }"),
        ("misspelt fields", "{ retries: 1, onFailure: { function: b }, on_sucess: { function: b }, validity: 1h }"),
        (
            "names of other tools",
            "{ maxRetries: 1, maximum_event_age_in_seconds: 60, on_error: { function: b }, target: [b], success: { function: b } }",
        ),
        ("hours in words", "{ max_validity_period: 2 hours }"),
        ("an ISO 8601 duration", "{ max_validity_period: PT2H }"),
        ("a policy that is true", "true"),
        ("a policy that is false", "false"),
        ("a policy that is off", "off"),
        ("a policy that is a list", "[]"),
        ("a policy without a name", "standard"),
        ("a status log that is on", "{ status_log: on }"),
        (
            "the service's own fields",
            "{ destination_config: { on_success: { function: b } }, max_async_retry_attempts: 2 }",
        ),
    ] {
        page.manifest(title, &on(policy));
    }
    insta::assert_snapshot!(page.text());
}

#[test]
fn targets() {
    let mut page = Page::new();
    for (title, target) in [
        ("two targets", "[{ function: b }, { function: c }]"),
        ("two kinds in one target", "{ obs: { bucket: abc }, function: b }"),
        ("a target that is empty", "{}"),
        ("an unknown kind", "{ kafka: { topic: x } }"),
        ("a kind as a field", "{ type: obs, bucket: abc }"),
        ("a bucket without its kind", "{ bucket: abc }"),
        ("a target without a name", "pager"),
        ("a bucket's URL as a name", "obs://my-bucket/failed"),
        ("a topic's URN as a name", "urn:smn:eu-de:p:pager"),
        ("a function's URN as a name", "urn:fss:eu-de:p:function:default:b"),
        ("a function as a target's name", "b"),
        ("a function of another stack", "{ function: elsewhere }"),
        ("a function's name in upper case", "{ function: B }"),
        ("a function with its package", "{ function: default/b }"),
        ("a function with its version", "{ function: \"b:v1\" }"),
        ("a function with its alias", "{ function: \"b:!prod\" }"),
        ("a URN as a function", "{ function: \"urn:fss:eu-de:p:function:default:b\" }"),
        ("a function as a URN", "{ urn: b }"),
        ("a URN that is cut off", "{ urn: \"urn:fss:eu-de:p:function:b\" }"),
        ("a version and an alias", "{ function: b, version: v1, alias: prod }"),
        ("a version that is a number", "{ function: b, version: 1 }"),
        ("the latest version", "{ function: b, version: latest }"),
        ("a version of nothing", "{ version: v1 }"),
        ("a bucket as text", "{ obs: my-bucket }"),
        ("a bucket's URL", "{ obs: obs://my-bucket/failed }"),
        ("a URL as the bucket", "{ obs: { bucket: https://my-bucket.obs.eu-de.otc.t-systems.com } }"),
        ("a bucket in upper case", "{ obs: { bucket: My_Bucket } }"),
        ("no bucket", "{ obs: { prefix: a } }"),
        ("a misspelt bucket", "{ obs: { buckt: abc } }"),
        ("too many days", "{ obs: { bucket: abc, expires: 400 } }"),
        ("days with a unit", "{ obs: { bucket: abc, expires: 30d } }"),
        ("a topic as text", "{ smn: pager }"),
        ("a topic's name", "{ smn: { topic: pager } }"),
        ("a topic under another name", "{ smn: { urn: \"urn:smn:eu-de:p:pager\" } }"),
        ("a stream with a dot", "{ dis: { stream: a.b } }"),
        ("itself", "{ function: a }"),
    ] {
        page.manifest(title, &on(&format!("{{ on_success: {target} }}")));
    }
    insta::assert_snapshot!(page.text());
}

fn on(policy: &str) -> String {
    format!("functions:\n  a: {{ code: {{ inline: x }}, async: {policy} }}\n  b: {{ code: {{ inline: x }} }}\n")
}
