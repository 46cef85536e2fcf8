//! Text in fields of functions that describe images, networks, logs and storage.

use super::text::{Text, TextRule};

/// Text without line breaks and other control characters.
const PRINTABLE: &str = r"^[^\x00-\x1f\x7f-\x9f]+$";

pub(super) const PLAIN: TextRule =
    TextRule { noun: "", pattern: PRINTABLE, length: (1, 256), bytes: None, except: None, expectation: "" };

pub static IMAGE: Text = Text::of(TextRule {
    noun: "image address",
    pattern: r"^swr[.][^\s\x00-\x1f\x7f-\x9f]+$",
    length: (5, 512),
    expectation: "begins with `swr.`, as in swr.eu-de.otc.t-systems.com/shop/orders:1.2",
    ..PLAIN
});
/// A command or its arguments, separated by commas.
pub static COMMAND: Text = Text::of(TextRule {
    noun: "command",
    length: (1, 1024),
    expectation: "has at most 1,024 characters and no line breaks or other control characters",
    ..PLAIN
});
pub static ABSOLUTE_PATH: Text = Text::of(TextRule {
    noun: "absolute path",
    pattern: r"^/[^\x00-\x1f\x7f-\x9f]*$",
    expectation: "begins with `/` and has at most 256 characters",
    ..PLAIN
});
/// A directory of a file system. For SFS Turbo, the host is in front of it.
pub static SHARE_PATH: Text = Text::of(TextRule {
    noun: "share path",
    expectation: "has at most 256 characters and no line breaks or other control characters",
    ..PLAIN
});
/// The id of something in another service: a network, a key, a log group, an enterprise project.
pub static ID: Text = Text::of(TextRule {
    noun: "id",
    pattern: r"^[A-Za-z0-9._-]+$",
    length: (1, 128),
    expectation: "has 1 to 128 letters, digits, '_', '-' or '.'",
    ..PLAIN
});
pub static LOG_NAME: Text = Text::of(TextRule {
    noun: "name of a log group or stream",
    pattern: r"^[A-Za-z0-9._-]+$",
    length: (1, 128),
    expectation: "has 1 to 128 letters, digits, '_', '-' or '.'",
    ..PLAIN
});
pub static LOG_TAG: Text = Text::of(TextRule {
    noun: "key or value of a log tag",
    pattern: r"^[A-Za-z0-9_-]+$",
    length: (1, 64),
    expectation: "has 1 to 64 letters, digits, '_' or '-'",
    ..PLAIN
});
pub static GPU_TYPE: Text = Text::of(TextRule {
    noun: "GPU type",
    pattern: r"^[A-Za-z0-9._-]+$",
    length: (1, 64),
    expectation: "has 1 to 64 letters, digits, '_', '-' or '.', as in nvidia-t4",
    ..PLAIN
});
/// The Java class and method that the service calls at intervals.
pub static HEARTBEAT: Text = Text::of(TextRule {
    noun: "heartbeat handler",
    pattern: r"^[^\s\x00-\x1f\x7f-\x9f\\.][^\s\x00-\x1f\x7f-\x9f\\]*[.][^\s\x00-\x1f\x7f-\x9f\\.]+$",
    length: (3, 128),
    expectation: "names a class and a method, as in com.acme.Orders.heartBeat",
    ..PLAIN
});

macro_rules! byte {
    () => {
        "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
    };
}
macro_rules! cidr {
    () => {
        concat!(byte!(), "[.]", byte!(), "[.]", byte!(), "[.]", byte!(), "/(3[0-2]|[12]?[0-9])")
    };
}
/// Networks that a function reaches by VPC peering.
pub static PEERING_CIDR: Text = Text::of(TextRule {
    noun: "list of networks",
    pattern: concat!("^", cidr!(), "(;", cidr!(), "){0,4}$"),
    length: (9, 95),
    expectation: "has 1 to 5 networks with `;` between them, as in 192.168.0.0/16;10.1.0.0/16",
    ..PLAIN
});
pub static DOMAIN_NAME: Text = Text::of(TextRule {
    noun: "domain name",
    pattern: r"^([A-Za-z0-9_-]+[.])+$",
    length: (2, 254),
    expectation: "ends with a dot, as in orders.example.com.",
    ..PLAIN
});

/// The name of a schedule or of a rule by load.
pub static SCALING_NAME: Text = Text::of(TextRule {
    noun: "name",
    pattern: r"^[A-Za-z][A-Za-z0-9_-]*$",
    length: (1, 60),
    expectation: "has 1 to 60 letters, digits, '_' or '-', and starts with a letter",
    ..PLAIN
});
pub static CRON: Text = Text::of(TextRule {
    noun: "cron expression",
    pattern: r"^[0-9A-Za-z*/,?#-]+( [0-9A-Za-z*/,?#-]+){5,6}$",
    length: (11, 128),
    expectation: "has 6 or 7 fields, with the seconds first, as in 0 0 8 * * ?",
    ..PLAIN
});
/// A time in UTC, in whole seconds.
pub static TIME: Text = Text::of(TextRule {
    noun: "time",
    pattern: r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$",
    length: (20, 20),
    expectation: "is in UTC, as in 2026-01-31T08:00:00Z",
    ..PLAIN
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_at_their_edges() {
        let long = |length: usize| "a".repeat(length);
        let cases: [(&Text, &[&str], &[&str]); 15] = [
            (&IMAGE, &["swr.eu-de.example/a/b:1", "swr.x@sha256:0"], &["", "swr.", "docker.io/a", "swr.a b", "xswr.a"]),
            (&COMMAND, &["/bin/x,-c", &long(1024)], &["", "a\nb", &long(1025)]),
            (&ABSOLUTE_PATH, &["/", "/mnt/data"], &["", "mnt", "/a\n"]),
            (&SHARE_PATH, &["192.168.0.1:/", "/share"], &["", "a\0"]),
            (&ID, &["0", "1b06a5a6-2b5c-4c8a", &long(128)], &["", "a b", "a/b", &long(129)]),
            (&LOG_NAME, &["functiongraph.log.group.x"], &["", "a b"]),
            (&LOG_TAG, &["team_a-1", &long(64)], &["", "a b", &long(65)]),
            (&GPU_TYPE, &["nvidia-t4", "L2"], &["", "a b"]),
            (&HEARTBEAT, &["a.b", "com.acme.Orders.heartBeat"], &["", "heartbeat", ".a", "a.", "a b.c"]),
            (
                &PEERING_CIDR,
                &["10.0.0.0/8", "192.168.0.0/16;10.1.0.0/16"],
                &["", "10.0.0.0", "256.0.0.0/8", "10.0.0.0/33", "1.0.0.0/8;", "1.0.0.0/8,2.0.0.0/8"],
            ),
            (
                &PEERING_CIDR,
                &["1.0.0.0/8;2.0.0.0/8;3.0.0.0/8;4.0.0.0/8;5.0.0.0/8"],
                &["1.0.0.0/8;2.0.0.0/8;3.0.0.0/8;4.0.0.0/8;5.0.0.0/8;6.0.0.0/8"],
            ),
            (&SCALING_NAME, &["morning", "a-1_b"], &["", "1a", "a b"]),
            (&CRON, &["0 */10 * * * ?", "0 0 8 ? * MON-FRI 2026"], &["", "* * * * *", "0 0 8 * * ? * *"]),
            (
                &TIME,
                &["2026-01-31T08:00:00Z"],
                &["", "2026-01-31", "2026-13-01T00:00:00Z", "2026-01-31T08:00:00+01:00"],
            ),
            (&DOMAIN_NAME, &["x.example.com."], &["", "x.example.com", ".", "a b."]),
        ];
        for (rule, accepted, refused) in cases {
            let noun = rule.rule.noun;
            for text in accepted {
                assert!(rule.accepts(text), "{noun}: {text:?}");
            }
            for text in refused {
                assert!(!rule.accepts(text), "{noun}: {text:?}");
            }
        }
    }
}
