//! Messages about text that is not YAML, and about fields with the wrong name, place or type.

use super::Page;

const A: &str = "functions:\n  a:\n    code: { inline: x }\n";

#[test]
fn yaml() {
    let mut page = Page::new();
    for (title, text) in [
        ("a tab in the indentation", format!("{A}\tmemory: 128\n")),
        ("tabs only", "functions:\n\ta:\n\t\tcode: { inline: x }\n".to_owned()),
        ("a tab in a nested line", "functions:\n  a:\n    code:\n\t  inline: x\n".to_owned()),
        ("a tab after text", format!("{A}    description: text\n\tmemory: 128\n")),
        ("a tab after a colon", format!("{A}    memory:\t128\n")),
        ("too little indentation", format!("{A}   memory: 128\n")),
        ("too much indentation", format!("{A}      memory: 128\n")),
        ("a key under a value", "functions:\n  a:\n    code: x\n      memory: 128\n".to_owned()),
        ("a colon in a value", format!("{A}    description: a: b\n")),
        ("an open quote", format!("{A}    description: \"open\n    memory: 128\n")),
        ("an open quote at the end", format!("{A}    description: 'open\n")),
        ("an unknown escape", format!("{A}    description: \"C:\\path\"\n")),
        ("text after a quote", format!("{A}    description: \"a\" b\n")),
        ("an open list", format!("{A}    ignore: [memory, timeout\n    timeout: 3\n")),
        ("an open mapping", format!("{A}    tags: {{ a: b\n    timeout: 3\n")),
        ("an open list at the end", format!("{A}    ignore: [memory, timeout\n")),
        ("an open mapping at the end", format!("{A}    tags: {{ a: b # }}\n\n# the end\n")),
        ("the wrong bracket", format!("{A}    tags: {{ a: [b }}\n")),
        ("a missing comma", format!("{A}    tags: {{ a: b c: d }}\n")),
        ("one bracket too many", format!("{A}    tags: {{ a: b }}}}\n")),
        ("a value that begins with @", format!("{A}    description: @team\n")),
        ("a value that begins with %", format!("{A}    description: %d\n")),
        ("a value that begins with *", format!("{A}    description: *important*\n")),
        ("a tag", format!("{A}    description: !Ref x\n")),
        ("no colon", format!("{A}    memory = 128\n")),
        ("no space after the colon", format!("{A}    memory:128\n    timeout: 3\n")),
        (
            "no space after the first colon",
            "functions:\n  a:\n    runtime:Python3.9\n    code: { inline: x }\n".to_owned(),
        ),
        ("no space behind the colon in braces", format!("{A}    tags: {{a:{{b: c}}}}\n")),
        ("a list item in a mapping", format!("{A}    - memory: 128\n")),
        ("a duplicate key", format!("{A}    code: {{ inline: y }}\n")),
        ("a merge of text", format!("{A}    <<: text\n")),
        (
            "an unquoted variable in braces",
            format!("variables: {{ r: 1 }}\n{A}    async: {{ max_retries: ${{var.r}} }}\n"),
        ),
        ("an unquoted variable in brackets", format!("variables: {{ r: memory }}\n{A}    ignore: [${{var.r}}]\n")),
        (
            "an unquoted variable after text",
            format!("variables: {{ r: x }}\n{A}    tags: {{ team: a-${{var.r}}-b }}\n"),
        ),
        ("an open quote in a key", "functions:\n  \"a:\n    code: { inline: x }\n".to_owned()),
        (
            "a tab in a block of text",
            "functions:\n  a:\n    code:\n      inline: |\n\tdef handler(): pass\n".to_owned(),
        ),
        ("a no-break space in the indentation", "functions:\n  a:\n  \u{a0} code: { inline: x }\n".to_owned()),
        ("an invisible character in a key", format!("{A}    mem\u{200b}ory: 128\n")),
        ("typographic quotes", format!("{A}    description: “a: b”\n")),
        (
            "an anchor at the top level",
            "x-common: &common { memory: 256 }\nfunctions:\n  a: { <<: *common, code: { inline: x } }\n".to_owned(),
        ),
        ("a byte order mark between two files", format!("{A}\u{feff}stack: s\n")),
        ("two documents", format!("{A}---\nversion: 1\n")),
    ] {
        page.manifest(title, &text);
    }
    insta::assert_snapshot!(page.text());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn fields() {
    let mut page = Page::new();
    for (title, text) in [
        ("a misspelt section", "function:\n  a: { code: { inline: x } }\n"),
        ("a function's field at the top level", "memory: 128\nfunctions:\n  a: { code: { inline: x } }\n"),
        ("a policy's field in the function", "functions:\n  a: { code: { inline: x }, max_retries: 2, async: {} }\n"),
        ("a function's field in the policy", "functions:\n  a: { code: { inline: x }, async: { memory: 256 } }\n"),
        (
            "the service's names",
            "functions:\n  a: { code: { inline: x }, memory_size: 256, func_name: b, env: { A: b } }\n",
        ),
        (
            "names of other tools",
            "functions:\n  a: { code: { inline: x }, envVars: { A: b }, maxRetries: 1, user_data: x, role: r, memorySize: 256 }\n",
        ),
        (
            "names of Terraform",
            "functions:\n  a: { code: { inline: x }, app: p, max_instance_num: 2, concurrency_num: 1, network_id: n, depend_list: [a], log_group_id: g, log_group_name: n, reserved_instances: 1 }\n",
        ),
        ("a field that is not indented", "functions:\n  a: { code: { inline: x } }\n  async: { max_retries: 2 }\n"),
        ("no image", "functions:\n  a: { runtime: Custom Image }\n"),
        ("an image as text", "functions:\n  a: { runtime: Custom Image, image: swr.eu-de.example.com/a/b:1 }\n"),
        ("an image of another registry", "functions:\n  a: { runtime: Custom Image, image: { url: nginx } }\n"),
        (
            "a command as a list",
            "functions:\n  a: { runtime: Custom Image, image: { url: swr.a/b:1, command: [/bin/sh, -c] } }\n",
        ),
        ("reserved instances as a number", "functions:\n  a: { code: { inline: x }, scaling: { reserved: 2 } }\n"),
        ("one mount without a list", "functions:\n  a: { code: { inline: x }, mounts: { type: sfs } }\n"),
        (
            "a kind of mount in another spelling",
            "functions:\n  a: { code: { inline: x }, vpc: { id: v, subnet: s }, mounts: [{ type: sfs_turbo, resource: r, share_path: /, local_path: /mnt }] }\n",
        ),
        (
            "schedules that contradict themselves",
            "functions:\n  a: { code: { inline: x }, scaling: { reserved: { count: 2, schedules: [{ name: x, cron: 0 0 8 * * ?, count: 1, start_time: 2026-01-01T00:00:00Z, expired_time: 2026-02-01T00:00:00Z }] } } }\n  b: { code: { inline: x }, scaling: { reserved: { count: 2, schedules: [{ name: x, cron: 0 0 8 * * ?, count: 3, start_time: 2026-02-01T00:00:00Z, expired_time: 2026-01-01T00:00:00Z }] } } }\n",
        ),
        ("an unknown field", "functions:\n  a: { code: { inline: x }, colour: red }\n"),
        ("functions as a list", "functions:\n  - name: a\n    code: { inline: x }\n"),
        ("functions as text", "functions: a\n"),
        ("a function as text", "functions:\n  a: index.py\n"),
        ("an empty function", "functions:\n  a:\n"),
        ("a function without fields", "functions:\n  a: {}\n"),
        ("a name that ends with -", "functions:\n  a-: { code: { inline: x } }\n"),
        ("a name with a space", "functions:\n  my function: { code: { inline: x } }\n"),
        ("a unit of memory", "functions:\n  a: { code: { inline: x }, memory: 128MB }\n"),
        ("memory in quotes", "functions:\n  a: { code: { inline: x }, memory: \"128\" }\n"),
        ("a size that is not offered", "functions:\n  a: { code: { inline: x }, memory: 1000 }\n"),
        ("hours in words", "functions:\n  a: { code: { inline: x }, timeout: 2 hours }\n"),
        ("hours and minutes", "functions:\n  a: { code: { inline: x }, timeout: 1h30m }\n"),
        ("days", "functions:\n  a: { code: { inline: x }, timeout: 1d }\n"),
        ("seconds in quotes", "functions:\n  a: { code: { inline: x }, timeout: \"30\" }\n"),
        ("a word as a time", "functions:\n  a: { code: { inline: x }, timeout: soon }\n"),
        ("too short a time", "functions:\n  a: { code: { inline: x }, timeout: 2 }\n"),
        ("too long a time", "functions:\n  a: { code: { inline: x }, timeout: 80h }\n"),
        ("a time that is a boolean", "functions:\n  a: { code: { inline: x }, timeout: true }\n"),
        ("yes", "functions:\n  a: { code: { inline: x }, protect: yes }\n"),
        ("a handler as a mapping", "functions:\n  a: { code: { inline: x }, handler: { file: index.py } }\n"),
        ("a handler with a space", "functions:\n  a: { code: { inline: x }, handler: index handler }\n"),
        ("an initializer as text", "functions:\n  a: { code: { inline: x }, initializer: index.init }\n"),
        (
            "a description that is too long",
            &format!("functions:\n  a: {{ code: {{ inline: x }}, description: {} }}\n", "x".repeat(513)),
        ),
        ("an agency with a space", "functions:\n  a: { code: { inline: x }, agency: my agency }\n"),
        ("an unknown runtime", "functions:\n  a: { code: { inline: x }, runtime: Python3.13 }\n"),
        ("a runtime in lower case", "functions:\n  a: { code: { inline: x }, runtime: python3.9 }\n"),
        ("a runtime without punctuation", "functions:\n  a: { code: { dir: . }, runtime: nodejs18 }\n"),
        ("inline code for a misspelt runtime", "functions:\n  a: { code: { inline: x }, runtime: nodejs20 }\n"),
        ("an unknown language", "functions:\n  a: { code: { dir: . }, runtime: Ruby3.2 }\n"),
        ("a runtime as a number", "functions:\n  a: { code: { inline: x }, runtime: 3.9 }\n"),
        ("environment as a list", "functions:\n  a: { code: { inline: x }, environment: [A=b] }\n"),
        (
            "values of the environment",
            "functions:\n  a: { code: { inline: x }, environment: { A: { b: c }, B: [1], C: , \"1x\": y } }\n",
        ),
        ("a reserved variable", "functions:\n  a: { code: { inline: x }, environment: { RUNTIME_CPU: x } }\n"),
        ("tags as a list", "functions:\n  a: { code: { inline: x }, tags: [a] }\n"),
        (
            "tags that are not valid",
            "functions:\n  a: { code: { inline: x }, tags: { fgctl.stack: x, a/b: c, a: \"x,y\" } }\n",
        ),
        ("a secret's value", "functions:\n  a: { code: { inline: x }, secrets: { A: hunter2 } }\n"),
        (
            "a secret's value in a field",
            "functions:\n  a: { code: { inline: x }, secrets: { A: { value: hunter2 } } }\n",
        ),
        ("a secret without a variable", "functions:\n  a: { code: { inline: x }, secrets: { A: { env: } } }\n"),
        ("a secret from a reference", "functions:\n  a: { code: { inline: x }, secrets: { A: \"${env.DB}\" } }\n"),
        (
            "a credential as a secret",
            "functions:\n  a: { code: { inline: x }, secrets: { A: { env: HW_SECRET_KEY } } }\n",
        ),
        (
            "a secret that is in the environment too",
            "functions:\n  a: { code: { inline: x }, environment: { A: b }, secrets: { A: { env: B } } }\n",
        ),
        (
            "fields that cannot be ignored",
            "functions:\n  a: { code: { inline: x }, ignore: [memry, secrets.A, runtime] }\n",
        ),
        (
            "no space after a dash",
            "functions:\n  a:\n    code: { inline: x }\n    ignore:\n      -memory\n      -timeout\n",
        ),
        ("ignore as text", "functions:\n  a: { code: { inline: x }, ignore: memory }\n"),
        ("an ignored policy", "functions:\n  a: { code: { inline: x }, ignore: [async], async: {} }\n"),
        (
            "a default of code",
            "version: 1\nstack: s\ndefaults: { code: { inline: x }, protect: true }\nfunctions: {}\n",
        ),
        ("a version in quotes", "version: \"2\"\nstack: s\n"),
        ("another version", "version: 2\nstack: s\n"),
        ("a version with a letter", "version: v1\nstack: s\n"),
        ("fields in upper case", "Version: 1\nstack: s\n"),
        ("a region with a space", "version: 1\nstack: s\nregion: eu de\n"),
        ("a project's name with a space", "version: 1\nstack: s\nproject: my project\n"),
        ("no stack", "version: 1\nfunctions: {}\n"),
        ("a stack that is not valid", "version: 1\nstack: my stack\n"),
    ] {
        if text.to_lowercase().starts_with("version") {
            page.file("fgctl.yaml", text);
            page.title(title);
            page.add(text.trim_end());
            page.run(&["validate"], &[]);
        } else {
            page.manifest(title, text);
        }
    }
    insta::assert_snapshot!(page.text());
}

#[test]
fn files() {
    let mut page = Page::new();
    let valid = "version: 1\nstack: s\nfunctions: {}\n";
    page.title("a misspelt file");
    page.file("one/orders.yaml", valid);
    page.run(&["validate", "-f", "one/order.yaml"], &[]);
    page.title("a missing file");
    page.run(&["validate", "-f", "nowhere/orders.yaml"], &[]);
    page.title("an empty directory");
    page.run(&["validate"], &[]);
    page.title("an empty file");
    page.file("two/empty.yaml", "");
    page.run(&["validate", "-f", "two"], &[]);
    page.title("other YAML in the directory");
    page.file("three/orders.yaml", valid);
    page.file("three/docker-compose.yaml", "services:\n  web: { image: x }\n");
    page.run(&["validate", "-f", "three"], &[]);
    page.title("a list");
    page.file("four/list.yaml", "- a\n");
    page.run(&["validate", "-f", "four"], &[]);
    page.title("not UTF-8");
    page.file("five/latin.yaml", b"version: 1\nstack: caf\xe9\n");
    page.run(&["validate", "-f", "five"], &[]);
    page.title("UTF-16");
    page.file("utf16/a.yaml", b"\xff\xfev\0e\0r\0");
    page.run(&["validate", "-f", "utf16"], &[]);
    page.title("comments only");
    page.file("comments/a.yaml", "# version: 1\n");
    page.run(&["validate", "-f", "comments"], &[]);
    // These are valid, so only the mistake in them is reported, at its place.
    let lines = "version: 1\nstack: s\nfunctions:\n  f: { runtime: Python3.9, handler: index.handler, code: { inline: x }, memory: 5 }\n";
    page.title("lines that end with CR LF");
    page.file("crlf/a.yaml", lines.replace('\n', "\r\n"));
    page.run(&["validate", "-f", "crlf"], &[]);
    page.title("a byte order mark");
    page.file("mark/a.yaml", format!("\u{feff}{lines}"));
    page.run(&["validate", "-f", "mark"], &[]);
    page.title("JSON with tabs and a trailing comma");
    page.file(
        "json/a.yaml",
        "{\n\t\"version\": 1,\n\t\"stack\": \"s\",\n\t\"functions\": { \"f\": { \"memory\": 5 } },\n}\n",
    );
    page.run(&["validate", "-f", "json"], &[]);
    page.title("two stacks in one directory");
    page.file("six/a.yaml", "version: 1\nstack: a\nfunctions: { f: { code: { inline: x } } }\ndefaults: { runtime: Python3.9, handler: index.handler }\n");
    page.file("six/b.yaml", "version: 1\nstack: b\nfunctions: { f: { code: { inline: x } } }\ndefaults: {}\n");
    page.run(&["validate", "-f", "six"], &[]);
    page.title("one address for two functions");
    page.file("seven/a.yaml", "version: 1\nstack: a\ndefaults: { runtime: Python3.9, handler: index.handler }\nfunctions:\n  f: { code: { inline: x } }\n  g: { name: f, code: { inline: x } }\n");
    page.run(&["validate", "-f", "seven"], &[]);
    insta::assert_snapshot!(page.text());
}
