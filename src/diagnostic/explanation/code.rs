//! Findings about code, container images and dependency packages.

use super::Explanation;

pub(super) const CODE: &[Explanation] = &[
    Explanation::error("code-and-image", "a function has both code and a container image")
        .because("The image is the code. Remove one of `code` and `image`."),
    Explanation::error("code-outside", "a code path leads out of the directory of the manifest")
        .because(
            "A code path is relative to the manifest file that contains it, and must stay inside the directory of that file. \
             Otherwise, a manifest could upload any file of the machine. Move the files, or allow another directory with \
             --root.",
        )
        .example(
            "functions:\n  intake: { code: { dir: /srv/intake } }\n",
            "functions:\n  intake: { code: { inline: \"def handler(event, context): return 1\" } }\n",
        ),
    Explanation::either("handler-not-in-code", "the code lacks the file or the function that the handler names")
        .because(
            "The function could not start. Correct `handler`, or add the file. If the runtime may find the handler in another \
             way, this is only a warning.",
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
        "With `ignore: [code]`, fgctl can update a function without code, but cannot create it. Add `code`; later plans do not \
         change it.",
    ),
    Explanation::error("no-such-dependency", "a dependency package or its version does not exist")
        .because("Check the name, the version and the region, and that the package is for the function's runtime."),
    Explanation::warning("secret-in-code", "the code contains files that look like secrets").because(
        "Everyone who can read the function's code could read them. List them in .fgctlignore to leave them out. To include a \
         file without this warning, write `!FILE` there.",
    ),
    Explanation::either("unusable-code", "the code cannot be read or packed").because(
        "The message says why, for example because the directory does not exist or the archive is damaged. If `ignore` \
         contains `code`, this is only a warning.",
    ),
    Explanation::error("unusable-package", "the files of a dependency package cannot be read or packed")
        .because("The message says why, for example because the directory does not exist."),
    Explanation::error("version-without-obs", "code has a `version`, but does not come from OBS").because(
        "fgctl does not read an archive in OBS, so you change `version` to make fgctl deploy the archive again. fgctl detects \
         changes of other code itself, so remove `version`.",
    )
    .example(
        "functions:\n  intake: { code: { inline: \"def handler(event, context): return 1\", version: \"2\" } }\n",
        "functions:\n  intake: { code: { obs: \"https://code.obs.eu-de.otc.t-systems.com/intake.zip\", version: \"2\" } }\n",
    ),
];
