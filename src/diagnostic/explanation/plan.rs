//! Findings that need the live state: those of a plan, and failures of changes.

use super::Explanation;

pub(super) const PLAN: &[Explanation] = &[
    Explanation::warning("both-changed", "both the manifest and live state changed, but the plan is limited to one side").because(
        "The change is neither pending nor drift, so --only-pending and --only-drift leave it out. Plan without these options.",
    ),
    Explanation::warning("copied-tags", "a function carries the tags of another function of this stack").because(
        "The function is probably a copy. A copy does not belong to the stack, so fgctl does not change it. Remove its \
         `fgctl.*` tags, or declare it.",
    ),
    Explanation::warning("cycle-live", "functions start each other in a cycle that is live already").because(
        "The plan does not change the cycle, so this is only a warning. One event runs the functions endlessly, and each run \
         costs money. Remove one of the targets or triggers.",
    ),
    Explanation::warning("cycle-outside", "functions outside the manifest notify each other in a cycle").because(
        "The manifest declares no part of the cycle, but functions of the stack lead into it. Remove one of the live targets.",
    ),
    Explanation::error("emptied-manifest", "the manifest declares no functions, but the stack owns functions, policies or triggers").because(
        "Usually, the path is wrong or the file is not complete. Restore the manifest. To delete everything that the stack \
         owns, run `fgctl destroy`.",
    ),
    Explanation::error("existing-missing", "a function with `existing: true` does not exist")
        .because("Another tool has to deploy the function first. If it exists under another name, correct `name` or `package`."),
    Explanation::error("field-refused", "the service refused a declared field")
        .because("The message comes from the service. Change the field as the message says, and apply again."),
    Explanation::warning("identical-trigger", "another live trigger has the same identity as a trigger of this stack").because(
        "The stack owns the trigger that its tag records, or else the oldest one. fgctl does not change the others, and each \
         event starts the function once for each of them. Delete those that you do not need.",
    ),
    Explanation::warning("left-over", "a function that this stack created has lost its tags and has changed")
        .because("fgctl cannot tell whether it still belongs to the stack. To keep it, declare it and apply with --adopt. Otherwise, delete it."),
    Explanation::warning("left-tag", "a function has this stack's tag, but no mark for the function's policy").because(
        "Someone may have copied or removed tags, so fgctl does not change the policy. Remove the tag, or declare the policy.",
    ),
    Explanation::error("log-kept", "a log group or stream cannot be removed while logs are on").because(
        "The service keeps the group and the stream until logs are turned off. Declare both ids, ignore them, or turn logs \
         off first.",
    ),
    Explanation::warning("looks-renamed", "the plan deletes a function and creates a similar one").because(
        "The service cannot rename a function or move it to another package. The plan therefore deletes the old function, with \
         its versions, aliases and triggers. To keep it, set `name` or `package` to the old value.",
    ),
    Explanation::either("missing-agency", "a function needs an agency and has none").because(
        "Some fields, such as `vpc`, need an IAM agency, because the service uses other services on your behalf. Notifications \
         of a function that another tool deploys need one, too; this is only a warning, because that tool sets the agency.",
    ),
    Explanation::either("no-room-for-tags", "a function has no room for fgctl's tags").because(
        "A function can have at most 20 tags. Without its own tags, fgctl cannot tell which side changed. Remove tags that are not needed.",
    ),
    Explanation::warning("not-kept", "with --no-ownership, fgctl ignores `tags` and `protect`")
        .because("With this option, fgctl writes no tags: neither those that the manifest declares nor its own, one of which stores `protect`."),
    Explanation::error("not-live", "a function or trigger to import does not exist").because("`fgctl apply` creates it."),
    Explanation::error("not-owned", "a live function, policy or trigger belongs to no stack and differs from the manifest").because(
        "fgctl does not change what it does not own. Change the manifest to match live state, or use --adopt: the stack \
         then takes ownership and applies the manifest. The values of secrets cannot be compared, because the service does \
         not return them, so a function with secrets needs --adopt or `ignore: [secrets]`.",
    ),
    Explanation::error("old-function-type", "a field needs a newer type of function").because(
        "The service created the function with the old type v1, which lacks the field. Remove the field, or create a new \
         function under another name.",
    ),
    Explanation::error("only-existing", "a manifest of policies alone would delete functions").because(
        "Another manifest probably uses the same stack name. Give this one another name, or allow the deletion with \
         --allow-deletes.",
    ),
    Explanation::error("other-project", "the manifest or the environment is for a different project than the connection's")
        .because("Connect to the project that it names. `fgctl whoami` shows where the connection leads, and why."),
    Explanation::error("other-region", "the manifest or the environment is for a different region than the connection's")
        .because("Connect to the region that it names. `fgctl whoami` shows where the connection leads, and why."),
    Explanation::error("owned-by-another-stack", "a function or policy belongs to another stack").because(
        "If two stacks declare a function, each undoes the changes of the other. Declare it in only one stack. To make it this \
         stack's, use --take-over.",
    ),
    Explanation::warning("policy-kept", "a live policy stays although the manifest does not declare it")
        .because("Without a tag that shows that the stack owns the policy, fgctl keeps it. Declare the policy, delete it by \
                  hand, or, for an entry with `existing: true`, apply `async: null` with --adopt."),
    Explanation::error("policy-of-another-stack", "an entry has `existing: true`, but another stack deploys the function and owns its policy")
        .because("That stack owns the policy, too. Declare the policy there, or run `fgctl forget` with the manifest of that stack."),
    Explanation::error("policy-of-own-function", "a command names only the policy of a function that the stack deploys")
        .because("A stack takes or gives up such a policy only together with the function. Name the function instead."),
    Explanation::error("protected", "the plan would delete a protected function, or a trigger of one")
        .because("To allow the deletion, apply once with `protect: false`, or remove a tag that was set by hand."),
    Explanation::warning("protected-by-hand", "someone set the protection tag by hand")
        .because("fgctl keeps the tag. Declare `protect: true`, or remove the tag by hand."),
    Explanation::error("runtime-changed", "the runtime of a function cannot change").because(
        "The service cannot change the runtime of a function, and replacing the function would delete its versions, \
         aliases and triggers. Give the function another name, so that fgctl creates a new function.",
    ),
    Explanation::either("secret-not-set", "the environment variable of a secret is not set").because(
        "An apply needs the secret's value. Set the variable. A plan only warns: it does not show whether the value changes, \
         and the apply of a saved plan sends the value that is set then.",
    ),
    Explanation::either("secrets-at-risk", "an update or a replacement may lose secrets whose values fgctl does not have").because(
        "An update of a function replaces the whole configuration. For some changes of a trigger, fgctl deletes it and creates \
         it again. The service does not return the values of secrets. Declare them, or allow the loss with \
         --allow-secret-loss.",
    ),
    Explanation::warning("still-declared", "a forgotten function or trigger is still declared")
        .because("The next apply would adopt it again. Remove the entry from the manifest."),
    Explanation::error("still-notified", "the plan deletes a function that a live policy notifies")
        .because("The policy's notifications would be lost. Change the policy first, or keep the function."),
    Explanation::warning("tags-unreadable", "the service forbids fgctl to read tags").because(
        "Without tags, fgctl cannot tell which side changed. Allow the tag actions in IAM, or use --no-ownership.",
    ),
    Explanation::error("target-missing", "a target does not exist, or the plan deletes it")
        .because("The service would refuse the policy or lose notifications. Deploy the target first, or name another one."),
    Explanation::error("too-many-deletions", "the plan deletes unusually many functions or triggers")
        .because("If this is intended, allow it with --allow-deletes N."),
    Explanation::error("too-many-tags", "a function would have more than 20 tags")
        .because("fgctl needs some tags itself. Remove tags that are not needed, or use --no-ownership."),
    Explanation::warning("trigger-kept", "a destroy leaves triggers of a function that another tool deploys").because(
        "No tag records that the stack created them, for example because there was no room for the tag. Delete them by hand, \
         or make room, apply, and destroy again.",
    ),
    Explanation::error("trigger-order", "a trigger cannot be replaced in one apply").because(
        "While a trigger is replaced, old and new policies and triggers would form a cycle for a moment, or two triggers would \
         change places. First apply the manifest without the trigger. Then declare the trigger again, and apply once more.",
    ),
    Explanation::warning("triggers-left", "a take-over leaves triggers that belong to no stack").because(
        "One tag records which stack applied the triggers of a function. A take-over replaces the tag, so triggers that only \
         the other stack declares lose their owner. Declare them too, or delete them by hand.",
    ),
    Explanation::error("version-missing", "a trigger starts a version or alias that does not exist").because(
        "The service would refuse the trigger. Publish the version or alias first; manifests do not publish them.",
    ),
];

pub(super) const CHANGES: &[Explanation] = &[
    Explanation::error(
        "answer-contradicts-itself",
        "an answer of the service contradicts itself or does not fit the request",
    )
    .because("Try again later; if the error persists, ask the service's support."),
    Explanation::error("answer-not-understood", "an answer is not in FunctionGraph's format")
        .because("Check the endpoint and HTTPS_PROXY."),
    Explanation::error("code-moved", "the code changed between the plan and its apply").because("Plan again."),
    Explanation::error("code-unreadable", "the code cannot be read during an apply").because("The message says why."),
    Explanation::error("failed", "a command failed without an error code")
        .because("The message says what happened, and what to do about it."),
    Explanation::error("interrupted", "a command was interrupted")
        .because("An apply finishes the changes in progress and skips the others. To continue, run the command again."),
    Explanation::error("moved", "live state changed between the plan and its apply")
        .because("fgctl does not overwrite what the plan did not show. Plan again."),
    Explanation::error("no-answer", "the service did not answer")
        .because("Check the connection. The request may or may not have had an effect; the next plan shows it."),
    Explanation::error("no-code", "the service refused a request and gave no error code")
        .because("The message comes from the service."),
    Explanation::error("not-applied", "the service accepted a change, but did not apply all of it")
        .because("Plan again; if the service keeps refusing the change, ask its support."),
    Explanation::error("not-sent", "a request could not be sent")
        .because("A key or token contains a character that HTTP does not allow. Remove it."),
    Explanation::error("stale", "the manifest or live state changed since a plan was saved").because(
        "Nothing was changed: `fgctl apply FILE` applies only what the saved plan shows. Make a new plan and review it.",
    ),
    Explanation::error("unseen-secret", "a function has a secret that is newer than the plan").because(
        "An update of the configuration could lose it. Declare it and plan again, or use --allow-secret-loss.",
    ),
];
