//! Findings about manifests: their files, their form and their names. They need no connection.

use super::Explanation;

pub(super) const FILES: &[Explanation] = &[
    Explanation::error("duplicate-key", "a key appears twice in one mapping").because(
        "YAML allows each key once. fgctl does not guess which value is meant. Remove one of the two lines, or move one of \
         them into the entry that it belongs to.",
    ),
    Explanation::error("empty", "a manifest is empty")
        .because("A manifest needs at least `version: 1` and `stack: NAME`. An empty file is often an unfinished one."),
    Explanation::error("environment-conflict", "a flag contradicts the environment that `--env` selects").because(
        "An environment that names its files describes all of them, including its overlays. With other files, its stack would \
         get the values of another environment. Leave the flag out, or change the environments file.",
    ),
    Explanation::error("incomplete-replacement", "an overlay replaces a named policy or target, and leaves fields out").because(
        "If the manifest has `async: standard` and the overlay has `async: { max_retries: 0 }`, the mapping replaces the name, and \
         the other fields of `standard` would be lost, such as its targets. Change `standard` under `policies`. To replace the \
         policy only here, write all of its fields, or null for those that you do not want.",
    ),
    Explanation::error("no-environment", "--environments is given, but no environment is selected").because(
        "The file of --environments has an effect only if --env or FGCTL_ENV selects one of its environments. `fgctl validate` \
         also checks the file alone.",
    ),
    Explanation::error("no-manifest", "a directory contains no manifest").because(
        "fgctl reads the *.yaml and *.yml files directly in the directory, not in its subdirectories, and leaves out overlays, \
         which have to be named. Name the file or the directory with -f, or under `files` of the environment.",
    ),
    Explanation::error("not-a-manifest", "a file has none of the fields of a manifest").because(
        "fgctl reads the *.yaml and *.yml files in the directory, except overlays and \
         `fgctl.environments.yaml`. Move other files to another directory, or name the manifests with -f.",
    ),
    Explanation::error("not-utf8", "a file is not UTF-8 text").because("Save the file in the encoding UTF-8."),
    Explanation::either("nothing-to-change", "an overlay changes something that no manifest declares").because(
        "The name is probably misspelt, or the manifest comes after the overlay. An overlay may declare a function if it gives \
         its `code`, `image` or `existing: true`, and any other entry; if the name is close to a declared one, that is a \
         warning. It is also a warning if null removes an entry that does not exist.",
    ),
    Explanation::error("overlay-without-manifest", "an overlay comes before all manifests").because(
        "An overlay changes what the files before it declare. Name the manifest first: `-f fgctl.yaml -f prod.yaml`.",
    ),
    Explanation::error("too-large", "a file is larger than any manifest needs").because(
        "A file can have at most 16 MB, 64 levels and a million values. An alias counts as all the values that it stands for. \
         Split the manifest into several files in one directory.",
    ),
    Explanation::error("unknown-environment", "the environments file does not describe the environment of `--env`").because(
        "The name is misspelt in --env or FGCTL_ENV, or the environment is not declared yet. The message lists the declared \
         ones.",
    ),
    Explanation::error("unreadable", "a file or directory cannot be read")
        .because("Check the path and its permissions. Paths are relative to the current directory."),
    Explanation::error("yaml-syntax", "a file is not valid YAML").because(
        "The finding shows where the YAML parser stopped; the mistake can be on the line above. Typical causes are an \
         indentation that matches no line above, and a value with `: ` or `#` that needs quotes.",
    ),
];

pub(super) const FIELDS: &[Explanation] = &[
    Explanation::error("credential-as-secret", "a secret takes its value from a credential of fgctl or a similar tool")
        .because(
            "Anyone who can call the function or read its memory could act as the user who deploys it. Pass the value in a \
             variable whose name has no prefix such as FGCTL_, HW_, HUAWEICLOUD_ or OS_.",
        )
        .example(
            "functions:\n  intake:\n    secrets: { KEY: { env: HW_SECRET_KEY } }\n",
            "functions:\n  intake:\n    secrets: { KEY: { env: INTAKE_KEY } }\n",
        ),
    Explanation::error("cycle", "functions notify each other in a cycle")
        .because(
            "Each notification invokes the next function, so one event runs the functions endlessly, and each run costs \
             money. Remove one of the targets. A plan also finds cycles that go through functions outside the manifest.",
        )
        .example(
            "functions:\n  intake: { async: { on_success: { function: settle } } }\n  settle: { async: { on_failure: { function: intake } } }\n",
            "functions:\n  intake: { async: { on_success: { function: settle } } }\n  settle: { async: { on_failure: { dis: { stream: failures } } } }\n",
        ),
    Explanation::error("different-project", "two files of a manifest, or it and its environment, set different projects")
        .because(
            "All files of a manifest belong to one project, which is also the project of its environment. Use the same \
             `project`, or set it only in the environments. Apply files for different projects separately.",
        ),
    Explanation::error("different-region", "two files of a manifest, or it and its environment, set different regions")
        .because(
            "All files of a manifest belong to one region, which is also the region of its environment. Use the same \
             `region`, or set it only in the environments. Apply files for different regions separately.",
        ),
    Explanation::error("different-stack", "two files of a manifest name different stacks").because(
        "All files of a manifest belong to one stack, which owns its functions. Use the same `stack`, or apply the files \
         separately with -f.",
    ),
    Explanation::error("duplicate-address", "two functions have the same name and package")
        .because("They would be one function in the service. Give one of them another `name` or `package`.")
        .example(
            "functions:\n  intake: {}\n  other: { name: intake }\n",
            "functions:\n  intake: {}\n  other: { name: intake-other }\n",
        ),
    Explanation::error("duplicate-name", "a name is declared twice").because(
        "The name is in two files, or in both `environment` and `secrets` of a function. Remove one of \
         the two declarations, or rename one.",
    ),
    Explanation::error("duplicate-trigger", "the service cannot tell two triggers of a function apart")
        .because("The service would refuse the second one. Remove one of them, or change a field that tells them apart.")
        .example(
            "functions:\n  report:\n    async: {}\n    triggers:\n      a: { timer: { rate: 1h } }\n      b: { timer: { rate: 1d, name: a } }\n",
            "functions:\n  report:\n    async: {}\n    triggers:\n      a: { timer: { rate: 1h } }\n      b: { timer: { rate: 1d } }\n",
        ),
    Explanation::error("ignored-policy", "a policy is declared and also ignored")
        .because("With `ignore: [async]`, fgctl never writes the policy. Remove `async` from one of the two places.")
        .example(
            "functions:\n  intake:\n    async: { max_retries: 0 }\n    ignore: [async, code]\n",
            "functions:\n  intake:\n    async: { max_retries: 0 }\n    ignore: [code]\n",
        ),
    Explanation::error("invalid-name", "a name contains characters that are not allowed")
        .because("The message says which names are allowed here.")
        .example("functions:\n  my function: {}\n", "functions:\n  my-function: {}\n"),
    Explanation::error("invalid-value", "a value does not follow the rules of its field")
        .because("The message says what the field allows. `fgctl schema` prints all rules.")
        .example(
            "targets:\n  failures: { obs: { bucket: Failures } }\n",
            "targets:\n  failures: { obs: { bucket: failures } }\n",
        ),
    Explanation::error("missing-field", "a required field is missing")
        .because("Add the field that the message names. You can set most function fields in `defaults`.")
        .example("targets:\n  failures: { obs: {} }\n", "targets:\n  failures: { obs: { bucket: failures } }\n"),
    Explanation::error("missing-variable", "a variable has no value")
        .because("Set it with `--var name=value`, the environment variable `FGCTL_VAR_` followed by the name, or `--var-file`.")
        .example("variables:\n  bucket:\n", "variables:\n  bucket: failures\n"),
    Explanation::error("not-switchable", "a trigger that cannot be disabled has `enabled`")
        .because("The service can disable only some types of triggers. To stop the events, remove the trigger."),
    Explanation::error("out-of-range", "a number or period is too small or too large")
        .because("The service allows only the range that the message names.")
        .example("policies:\n  standard: { max_retries: 9 }\n", "policies:\n  standard: { max_retries: 3 }\n"),
    Explanation::error("over-limit", "a function has too many entries, or entries that are too large").because(
        "The service limits the number and size of environment variables, secrets and tags of a function. Remove entries; \
         fgctl needs some of the tags itself.",
    ),
    Explanation::error("secret-in-manifest", "the manifest contains the value of a secret")
        .because(
            "Everyone who can read the manifest could read it. Write `{ env: VARIABLE }`, and set that environment \
             variable to the value.",
        ),
    Explanation::error("secret-in-name", "a name contains the value of a secret").because(
        "Names are visible in URNs, tags, logs and saved plans. Choose another name, or declare the value under \
         `environment` if it is not secret.",
    ),
    Explanation::error("unknown-field", "a field does not exist here")
        .because("The name is misspelt, the line is indented wrongly, or the field belongs to another tool. The message suggests a \
             correction.")
        .example("functions:\n  intake: { memory_size: 256 }\n", "functions:\n  intake: { memory: 256 }\n"),
    Explanation::error("unknown-function", "a target names a function that the manifest does not declare")
        .because("Use the function's key under `functions`. To notify a function of another manifest, use its `urn`.")
        .example(
            "functions:\n  intake: { async: { on_success: { function: setle } } }\n  settle: {}\n",
            "functions:\n  intake: { async: { on_success: { function: settle } } }\n  settle: {}\n",
        ),
    Explanation::error("unknown-policy", "a function uses a policy that is not declared")
        .because("Declare the policy under `policies`, or write it in the function's `async`.")
        .example(
            "functions:\n  intake: { async: standard }\n",
            "policies:\n  standard: { max_retries: 0 }\nfunctions:\n  intake: { async: standard }\n",
        ),
    Explanation::error("unknown-target", "a policy names a target that is not declared")
        .because("Declare the target under `targets`, or write it in `on_success` or `on_failure`.")
        .example(
            "functions:\n  intake: { async: { on_failure: failures } }\n",
            "targets:\n  failures: { dis: { stream: failures } }\nfunctions:\n  intake: { async: { on_failure: failures } }\n",
        ),
    Explanation::either("unknown-variable", "a variable is used or set, but not declared")
        .because(
            "Declare each variable under `variables`. If a `--var-file` sets a variable that no manifest \
             declares, this is only a warning.",
        )
        .example(
            "functions:\n  intake: { description: \"${var.team}\" }\n",
            "variables: { team: payments }\nfunctions:\n  intake: { description: \"${var.team}\" }\n",
        ),
    Explanation::error("wrong-type", "a value has the wrong type")
        .because("For example, the field needs a mapping, and the value is text. The message says which type is needed.")
        .example("functions:\n  intake: { memory: large }\n", "functions:\n  intake: { memory: 256 }\n"),
];

pub(super) const IGNORES: &[Explanation] = &[
    Explanation::error("invalid-ignore", "a comment for fgctl is incomplete")
        .because(
            "A comment that ignores a lint needs the lint's id and a reason, so that a reader knows why the lint does not \
             apply.",
        )
        .example(
            "functions:\n  intake:\n    async: { max_retries: 2 } # fgctl: ignore[retries-without-failure-target]\n",
            "functions:\n  intake:\n    async: { max_retries: 2 } # fgctl: ignore[retries-without-failure-target] events may be lost\n",
        ),
    Explanation::error("unknown-lint", "a comment ignores something that is not a lint")
        .because(
            "The id is misspelt, or it belongs to an error, or to a warning that is not a lint. Errors \
             protect the service and cannot be ignored. `fgctl explain` \
             lists the lints.",
        )
        .example(
            "functions:\n  intake:\n    async: { max_retries: 2 } # fgctl: ignore[retries-without-target] events may be lost\n",
            "functions:\n  intake:\n    async: { max_retries: 2 } # fgctl: ignore[retries-without-failure-target] events may be lost\n",
        ),
    Explanation::warning("unused-ignore", "a comment ignores a lint that is not reported there")
        .because(
            "The comment has no effect: the problem is gone, or the comment is in the wrong place. A comment applies to the \
             entry that begins on its line or directly below it, and to everything in that entry. In a file that an overlay changes, \
             comments are not reported, because they may be needed without the overlay.",
        )
        .example(
            "functions:\n  intake:\n    async: { max_retries: 0 } # fgctl: ignore[retries-without-failure-target] events may be lost\n",
            "functions:\n  intake:\n    async: { max_retries: 0 }\n",
        ),
];
