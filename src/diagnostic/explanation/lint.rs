//! Lints: warnings about declarations that are valid and probably a mistake. A comment in the manifest can ignore them.

use super::Explanation;

pub const LINTS: &[Explanation] = &[
    Explanation::warning("async-trigger-without-policy", "a trigger starts a function asynchronously, but the function has no policy")
        .because(
            "Without a policy, the service runs the function once for each event. If that run fails, the event is lost, and \
             you do not learn about it. Declare `async` with `on_failure`. To accept the service's defaults, write `async: {}`.",
        )
        .example(
            "\
functions:
  intake:
    triggers:
      orders: { obs: { bucket: orders, events: [\"s3:ObjectCreated:*\"] } }
",
            "\
functions:
  intake:
    triggers:
      orders: { obs: { bucket: orders, events: [\"s3:ObjectCreated:*\"] } }
    async: { on_failure: { dis: { stream: failures } } }
",
        ),
    Explanation::warning("failure-target-runs-same-code", "the failure target runs the code that failed")
        .because(
            "The function that `on_failure` notifies shares its code with the function that failed, and has the same \
             handler. If the code is broken, for example because a package is missing, the failure target fails too, and \
             the failure is lost. Notify a function with code of its own, or a bucket, a topic or a stream. Inline code is \
             never shared.",
        )
        .example(
            "\
functions:
  intake:
    code: { dir: functions/intake }
    async: { on_failure: { function: rescue } }
  rescue:
    code: { dir: functions/intake }
",
            "\
functions:
  intake:
    code: { dir: functions/intake }
    async: { on_failure: { function: rescue } }
  rescue:
    code: { dir: functions/rescue }
",
        ),
    Explanation::warning("not-for-runtime", "a field does not apply to the function's runtime")
        .because(
            "The service may ignore the field or refuse the function. Remove the field, or use a runtime that it \
             applies to.",
        )
        .example(
            "\
functions:
  intake:
    runtime: Python3.9
    pre_stop: { handler: index.stop, timeout: 10 }
",
            "\
functions:
  intake:
    runtime: Node.js18.15
    pre_stop: { handler: index.stop, timeout: 10 }
",
        ),
    Explanation::warning("objects-under-trigger-never-expire", "objects under a trigger's prefix are never deleted")
        .because(
            "Each notification becomes an object that starts a function, and with `expires: 0`, which is the default, OBS \
             keeps these objects forever. They cost money, and a function that lists the prefix finds all of them. Set `expires` to a number of days.",
        )
        .example(
            "\
functions:
  intake:
    async: { on_failure: { obs: { bucket: orders, prefix: failed/ } } }
  report:
    triggers:
      failures: { obs: { bucket: orders, prefix: failed/, events: [\"s3:ObjectCreated:*\"] } }
    async: {}
",
            "\
functions:
  intake:
    async: { on_failure: { obs: { bucket: orders, prefix: failed/, expires: 30 } } }
  report:
    triggers:
      failures: { obs: { bucket: orders, prefix: failed/, events: [\"s3:ObjectCreated:*\"] } }
    async: {}
",
        ),
    Explanation::warning("overlapping-obs-triggers", "one object can fire two OBS triggers")
        .because(
            "The prefixes, suffixes and events of both triggers fit the same objects. OBS may refuse the second trigger, \
             because rules of one bucket must not overlap. If it does not, one object starts two runs. Give the triggers \
             different events, or prefixes and suffixes that no object can have both.",
        )
        .example(
            "\
functions:
  intake:
    triggers:
      orders: { obs: { bucket: orders, prefix: new/, events: [\"s3:ObjectCreated:*\"] } }
    async: {}
  report:
    triggers:
      invoices: { obs: { bucket: orders, prefix: new/invoices/, events: [\"s3:ObjectCreated:Put\"] } }
    async: {}
",
            "\
functions:
  intake:
    triggers:
      orders: { obs: { bucket: orders, prefix: new/, events: [\"s3:ObjectCreated:*\"] } }
    async: {}
  report:
    triggers:
      invoices: { obs: { bucket: orders, prefix: invoices/, events: [\"s3:ObjectCreated:Put\"] } }
    async: {}
",
        ),
    Explanation::warning("possible-cycle", "events may run in a cycle through a trigger")
        .because(
            "A notification may start a function that has already handled the event. This depends on names that the service \
             chooses, on the filters of a trigger, or on a trigger that is disabled now. Write to another bucket, or to a \
             prefix that does not match the trigger's.",
        )
        .example(
            "\
functions:
  intake:
    triggers:
      orders: { obs: { bucket: orders, prefix: new/, events: [\"s3:ObjectCreated:*\"] } }
    async: { on_failure: { obs: { bucket: orders, expires: 30 } } }
",
            "\
functions:
  intake:
    triggers:
      orders: { obs: { bucket: orders, prefix: new/, events: [\"s3:ObjectCreated:*\"] } }
    async: { on_failure: { obs: { bucket: orders, prefix: failed/, expires: 30 } } }
",
        ),
    Explanation::warning("retries-without-failure-target", "a policy asks for retries, but has no failure target")
        .because(
            "After the last retry, the service discards the event. Without `on_failure`, you do not learn about it, and \
             cannot process the event later. Send failures to a bucket, a topic, a stream or a function. A policy that \
             does not set `max_retries` is not reported, although it has one retry.",
        )
        .example(
            "\
functions:
  intake:
    async:
      max_retries: 3
",
            "\
functions:
  intake:
    async:
      max_retries: 3
      on_failure: { obs: { bucket: orders-failures, prefix: intake/ } }
",
        ),
    Explanation::warning("same-target-twice", "two targets write to the same place in OBS")
        .because(
            "Two targets have the same bucket and the same prefix, so their objects are mixed and cannot be told apart by \
             their names. This is often a copied line whose prefix was not changed. Give each target its own prefix. If \
             several functions share a place on purpose, declare it once under `targets` and use its name; a named target \
             is reported only if the same policy uses it for success and failure.",
        )
        .example(
            "\
functions:
  intake:
    async: { on_failure: { obs: { bucket: orders-failures, prefix: intake/ } } }
  refund:
    async: { on_failure: { obs: { bucket: orders-failures, prefix: intake/ } } }
",
            "\
functions:
  intake:
    async: { on_failure: { obs: { bucket: orders-failures, prefix: intake/ } } }
  refund:
    async: { on_failure: { obs: { bucket: orders-failures, prefix: refund/ } } }
",
        ),
    Explanation::warning("targets-without-agency", "a policy has targets, but the function has no agency")
        .because(
            "The service needs an agency to write to a bucket, a topic or a stream, or to invoke another function. \
             Without one, notifications are not delivered. Set `agency` to an IAM agency that may use the targets' \
             services.",
        )
        .example(
            "\
functions:
  intake:
    agency: null
    async: { on_failure: { obs: { bucket: orders-failures } } }
",
            "\
functions:
  intake:
    agency: fgs-notify
    async: { on_failure: { obs: { bucket: orders-failures } } }
",
        ),
    Explanation::warning("timer-faster-than-timeout", "a timer's interval is shorter than the function's timeout, so runs can overlap")
        .because(
            "If a run takes as long as the function's timeout allows, the next one starts before it ends. Runs then overlap, \
             and work may be done twice. Start the function less often, or lower `timeout`.",
        )
        .example(
            "\
functions:
  report:
    timeout: 15m
    triggers:
      often: { timer: { rate: 5m } }
    async: {}
",
            "\
functions:
  report:
    timeout: 4m
    triggers:
      often: { timer: { rate: 5m } }
    async: {}
",
        ),
    Explanation::warning("unknown-runtime", "fgctl does not know the runtime")
        .because(
            "Each region has its own list of runtimes, and the service decides. An unknown runtime is often a typing \
             error. If your region has the runtime, ignore the lint.",
        )
        .example(
            "\
functions:
  intake:
    runtime: Python39
",
            "\
functions:
  intake:
    runtime: Python3.9
",
        ),
    Explanation::warning("validity-shorter-than-retries", "requests expire before all attempts can run")
        .because(
            "An attempt can start only while the request is valid. If every attempt runs until the function's \
             timeout, 1 + `max_retries` attempts need more time than `max_validity_period` allows, so the last retries \
             may never start. Allow a longer validity period, a shorter timeout or fewer retries.",
        )
        .example(
            "\
functions:
  intake:
    timeout: 10m
    async:
      max_retries: 3
      max_validity_period: 15m
      on_failure: { obs: { bucket: orders-failures } }
",
            "\
functions:
  intake:
    timeout: 10m
    async:
      max_retries: 3
      max_validity_period: 1h
      on_failure: { obs: { bucket: orders-failures } }
",
        ),
];
