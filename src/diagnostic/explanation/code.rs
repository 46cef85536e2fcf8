//! Findings about code, container images and dependency packages.

use super::Explanation;

pub(super) const CODE: &[Explanation] = &[
    Explanation::error("code-and-image", "a function has both code and a container image")
        .because("The image is the code. Remove one of `code` and `image`."),
    Explanation::error("code-outside", "a code path leads out of the directory of the manifest")
        .because(
            "Code paths are relative to their manifest and stay in the directory of -f, so that a manifest cannot upload \
             other files of the machine. Copy the files, or widen the directory with --root.",
        )
        .example(
            "functions:\n  intake: { code: { dir: /srv/intake } }\n",
            "functions:\n  intake: { code: { inline: \"def handler(event, context): return 1\" } }\n",
        ),
    Explanation::either("handler-not-in-code", "the code lacks the file or the function that the handler names")
        .because(
            "The function could not start. Correct `handler`, or add the file. It is a warning if the runtime may find the \
             handler in another way.",
        )
        .example(
            "functions:\n  intake: { handler: index.main, code: { inline: \"def handler(event, context): return 1\" } }\n",
            "functions:\n  intake: { handler: index.handler, code: { inline: \"def handler(event, context): return 1\" } }\n",
        ),
    Explanation::error("image-dependencies", "a container image has dependency packages")
        .because("Install the packages in the image, and remove `dependencies`."),
    Explanation::error("image-runtime", "a container image does not fit the runtime")
        .because("Use one of the runtimes for images, which the message names."),
    Explanation::error("jar-runtime", "a Java archive does not run on the function's runtime")
        .because("Set `runtime` to a version of Java, or use `dir` or `zip`."),
    Explanation::warning("missing-archive", "the code archive does not exist yet")
        .because("`validate` may run before the build. Build the archive before `plan` and `apply`, which need it."),
    Explanation::error("missing-code", "a function that has to be created has no code").because(
        "A function with `ignore: [code]` can be updated without code, but not created. Add `code`; later plans leave it alone.",
    ),
    Explanation::error("no-such-dependency", "a dependency package or its version does not exist")
        .because("Check the name, the version and the region, and that the package is for the function's runtime."),
    Explanation::warning("secret-in-code", "the code contains files that look like secrets").because(
        "Everyone who can read the function's code could read them. List them in .fgctlignore to leave them out. To include a \
         file without this warning, add `!FILE` there.",
    ),
    Explanation::either("unusable-code", "the code cannot be read or packed").because(
        "The message says why, for example because the directory does not exist or the archive is damaged. It is a warning \
         if `ignore` contains `code`.",
    ),
    Explanation::error("unusable-package", "the files of a dependency package cannot be read or packed")
        .because("The message says why, for example because the directory does not exist."),
    Explanation::error("version-without-obs", "code has a `version`, but does not come from OBS").because(
        "fgctl does not detect changes to an object in OBS, so `version` says that it changed. Other code needs no version: \
         remove the field.",
    )
    .example(
        "functions:\n  intake: { code: { inline: \"def handler(event, context): return 1\", version: \"2\" } }\n",
        "functions:\n  intake: { code: { obs: \"https://code.obs.eu-de.otc.t-systems.com/intake.zip\", version: \"2\" } }\n",
    ),
];
