//! Messages about fields that are newer than the first release.

use super::Page;

#[test]
fn later_fields() {
    let mut page = Page::new();
    page.file("broken.zip", "no archive");
    for (title, fields) in [
        ("an image from another registry", "image: { url: \"docker.io/a:1\" }"),
        (
            "an image beside code",
            "image: { url: \"swr.eu-de.example.com/a:1\" }, runtime: Custom Image, code: { inline: x }",
        ),
        ("an image on a language's runtime", "image: { url: \"swr.eu-de.example.com/a:1\" }"),
        ("parts of an image without its address", "image: { command: run }, code: { inline: x }"),
        (
            "an image with dependencies",
            "image: { url: \"swr.eu-de.example.com/a:1\" }, runtime: http, dependencies: [d]",
        ),
        ("an image without an agency", "image: { url: \"swr.eu-de.example.com/a:1\" }, runtime: http, agency: null"),
        ("a VPC without a subnet", "vpc: { id: v }, code: { inline: x }"),
        ("an unknown member of a group", "vpc: { subnets: s }, code: { inline: x }"),
        ("too many instances", "scaling: { max_instances: 1001 }, code: { inline: x }"),
        ("a reservation of nothing", "scaling: { reserved: { count: 0 } }, code: { inline: x }"),
        (
            "a schedule that is not a cron expression",
            "scaling: { reserved: { count: 1, schedules: [{ name: a, cron: daily, count: 2, start_time: \"2026-01-01T00:00:00Z\", expired_time: \"2027-01-01T00:00:00Z\" }] } }, code: { inline: x }",
        ),
        ("tags of a log that is off", "logs: { tags: { a: b } }, code: { inline: x }"),
        ("an owner that the runtime uses", "mount_user: { uid: 1000 }, code: { inline: x }"),
        (
            "another kind of storage",
            "mounts: [{ type: nfs, resource: r, share_path: /, local_path: /a }], code: { inline: x }",
        ),
        ("a size that does not exist", "ephemeral_storage: 1024, code: { inline: x }"),
        ("a hook that takes too long", "pre_stop: { handler: a.b, timeout: 91 }, code: { inline: x }"),
        ("a field for another runtime", "heartbeat: com.acme.A.beat, code: { inline: x }"),
        ("a package without files or a version", "dependencies: [{ name: shared }], code: { inline: x }"),
        ("a package's files that are missing", "dependencies: [{ name: shared, dir: libs }], code: { inline: x }"),
        ("a package that is no archive", "dependencies: [{ name: shared, zip: broken.zip }], code: { inline: x }"),
        ("a Java archive for Python", "code: { jar: a.jar }"),
        ("a version of code that is not in OBS", "code: { inline: x, version: \"2\" }"),
    ] {
        page.manifest(title, &format!("functions:\n  a: {{ {fields} }}\n"));
    }
    insta::assert_snapshot!(page.text());
}
