//! Text that a field may hold: names, descriptions, tags, URNs and the names of targets.

use regex::Regex;
use std::sync::OnceLock;

use super::quota;

/// A rule for text: a pattern that both Rust's `regex` and JSON Schema can read, and the same rule in words.
#[derive(Debug, Clone, Copy)]
pub struct TextRule {
    /// What the text is, for messages: "function name".
    pub noun: &'static str,
    /// Anchored at both ends.
    pub pattern: &'static str,
    /// The smallest and the largest number of characters.
    pub length: (usize, usize),
    /// The maximum number of bytes, if the service counts bytes.
    pub bytes: Option<usize>,
    /// Text that matches this pattern is refused, even if it matches `pattern`.
    pub except: Option<&'static str>,
    /// Completes "a {noun} …".
    pub expectation: &'static str,
}

impl TextRule {
    /// The rule in words: "a function name has 1 to 60 letters, …".
    pub fn sentence(&self) -> String {
        format!("{} {} {}", article(self.noun), self.noun, self.expectation)
    }
}

/// "a" or "an". An abbreviation is spelled out: "an OBS bucket name", "a URN".
pub fn article(noun: &str) -> &'static str {
    let is_spelled_out = noun.chars().take_while(char::is_ascii_uppercase).count() > 1;
    let sounds_like_vowel: &[char] = if is_spelled_out {
        &['A', 'E', 'F', 'H', 'I', 'L', 'M', 'N', 'O', 'R', 'S', 'X']
    } else {
        &['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']
    };
    if noun.starts_with(sounds_like_vowel) { "an" } else { "a" }
}

/// A rule with its patterns, which are compiled at first use.
#[derive(Debug)]
pub struct Text {
    pub rule: TextRule,
    compiled: OnceLock<(Regex, Option<Regex>)>,
}

impl Text {
    pub const fn of(rule: TextRule) -> Self {
        Self { rule, compiled: OnceLock::new() }
    }

    #[expect(clippy::expect_used, reason = "the patterns are constants, and a test compiles each of them")]
    pub fn accepts(&self, text: &str) -> bool {
        let TextRule { pattern, length: (least, most), bytes, except, .. } = self.rule;
        let compile = |pattern: &str| Regex::new(pattern).expect("a constant pattern compiles");
        let (pattern, except) = self.compiled.get_or_init(|| (compile(pattern), except.map(compile)));
        bytes.is_none_or(|bytes| text.len() <= bytes)
            && (least..=most).contains(&text.chars().count())
            && pattern.is_match(text)
            && !except.as_ref().is_some_and(|except| except.is_match(text))
    }
}

// Parts of patterns. The repetitions are explicit because URNs contain names, whose length is limited there too.
macro_rules! name {
    () => {
        "[A-Za-z]([A-Za-z0-9_-]{0,58}[A-Za-z0-9])?"
    };
}
macro_rules! version {
    () => {
        "[A-Za-z0-9]([A-Za-z0-9._-]{0,40}[A-Za-z0-9])?"
    };
}
macro_rules! alias {
    () => {
        "[A-Za-z]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?"
    };
}
// The documentation says 32 letters and digits. The project of an embedded server can have another name, and the
// service itself refuses an id that is wrong.
macro_rules! project {
    () => {
        "[A-Za-z0-9_-]{1,64}"
    };
}
macro_rules! region {
    () => {
        "[A-Za-z0-9_-]{1,64}"
    };
}
macro_rules! topic {
    () => {
        "[A-Za-z0-9][A-Za-z0-9_-]{0,254}"
    };
}

const NAME_WORDS: &str =
    "has 1 to 60 letters, digits, '_' or '-', starts with a letter and ends with a letter or digit";

pub static REGION: Text = Text::of(TextRule {
    noun: "region",
    pattern: concat!("^", region!(), "$"),
    length: (1, 64),
    bytes: None,
    except: None,
    expectation: "has 1 to 64 letters, digits, '_' or '-'",
});
pub static PROJECT_ID: Text = Text::of(TextRule {
    noun: "project id",
    pattern: concat!("^", project!(), "$"),
    length: (1, 64),
    bytes: None,
    except: None,
    expectation: "has 1 to 64 letters, digits, '_' or '-'",
});
pub static FUNCTION_NAME: Text = Text::of(TextRule {
    noun: "function name",
    pattern: concat!("^", name!(), "$"),
    length: (1, 60),
    bytes: None,
    except: None,
    expectation: NAME_WORDS,
});
pub static PACKAGE_NAME: Text = Text::of(TextRule {
    noun: "package name",
    pattern: concat!("^", name!(), "$"),
    length: (1, 60),
    bytes: None,
    except: None,
    expectation: NAME_WORDS,
});
pub static VERSION_NAME: Text = Text::of(TextRule {
    noun: "version",
    pattern: concat!("^", version!(), "$"),
    length: (1, 42),
    bytes: None,
    except: Some(r"^latest$"),
    expectation: "has 1 to 42 letters, digits, '-', '_' or '.', starts and ends with a letter or digit, and is not `latest`",
});
pub static ALIAS_NAME: Text = Text::of(TextRule {
    noun: "alias",
    pattern: concat!("^", alias!(), "$"),
    length: (1, 64),
    bytes: None,
    except: None,
    expectation: "has 1 to 64 letters, digits, '_' or '-', starts with a letter and ends with a letter or digit",
});
/// A handler names a place in the code, and the server creates a file from it, so it must not lead out of the code.
pub static HANDLER: Text = Text::of(TextRule {
    noun: "handler",
    pattern: r"^[^\s\x00-\x1f\x7f-\x9f\\]+$",
    length: (1, 128),
    bytes: None,
    except: Some(r"^/|(^|/)[.][.](/|$)"),
    expectation: "has 1 to 128 characters without spaces, such as index.handler",
});
pub static RUNTIME: Text = Text::of(TextRule {
    noun: "runtime",
    pattern: r"^[A-Za-z][A-Za-z0-9.#() ]*$",
    length: (1, 64),
    bytes: None,
    except: None,
    expectation: "is spelled as in the service, such as Python3.9 or Node.js18.15",
});
/// The description of a function, version or alias.
pub static DESCRIPTION: Text = Text::of(TextRule {
    noun: "description",
    pattern: r"^[\s\S]*$",
    length: (0, 512),
    bytes: None,
    except: None,
    expectation: "has at most 512 characters",
});
pub static AGENCY: Text = Text::of(TextRule {
    noun: "agency name",
    pattern: r"^[A-Za-z0-9_-]+$",
    length: (1, 64),
    bytes: None,
    except: None,
    expectation: "has 1 to 64 letters, digits, '_' or '-'",
});
/// The name of an environment variable or of a secret. Names that the runtimes set themselves are refused.
pub static VARIABLE_NAME: Text = Text::of(TextRule {
    noun: "variable name",
    pattern: r"^[A-Za-z][A-Za-z0-9_.-]*$",
    length: (1, 4096),
    bytes: None,
    except: Some(concat!(
        "^RUNTIME_(PROJECT_ID|FUNC_NAME|FUNC_VERSION|PACKAGE|HANDLER|TIMEOUT|INITIALIZER_HANDLER|INITIALIZER_TIMEOUT",
        "|USERDATA|CPU|MEMORY|CODE_ROOT|ROOT|LOG_DIR|MAX_RESP_BODY_SIZE|API_ADDR)$"
    )),
    expectation: "starts with a letter, has letters, digits, '_', '-' or '.', and is not one that the runtime sets, such as RUNTIME_CPU",
});
/// Environment variables of processes cannot contain NUL characters.
pub static VARIABLE_VALUE: Text = Text::of(TextRule {
    noun: "environment value",
    pattern: r"^[^\x00]*$",
    length: (0, quota::ENVIRONMENT_BYTES),
    bytes: None,
    except: None,
    expectation: "is text, a number, or true or false, with at most 4,096 characters and no NUL character",
});
pub const TAG_KEY_RULE: TextRule = TextRule {
    noun: "tag key",
    // Spaces at the ends are excluded by `except`, because each Unicode class in a pattern slows down the start of
    // every command.
    pattern: r"^[\p{L}\p{Nd} _.:=+@-]+$",
    length: (1, 128),
    bytes: None,
    except: Some(r"^(_sys_| )| $"),
    expectation: "has 1 to 128 letters, digits, spaces or '_.:=+-@', no space at either end, and does not start with `_sys_`",
};
pub static TAG_KEY: Text = Text::of(TAG_KEY_RULE);
pub static TAG_VALUE: Text = Text::of(TextRule {
    noun: "tag value",
    pattern: r"^[\p{L}\p{Nd} _.:=+@/-]*$",
    length: (0, 255),
    bytes: None,
    except: None,
    expectation: "has at most 255 letters, digits, spaces or '_.:=+-@/'",
});
pub static BUCKET: Text = Text::of(TextRule {
    noun: "OBS bucket name",
    pattern: r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$",
    length: (3, 63),
    bytes: None,
    except: Some(r"^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$"),
    expectation: "has 3 to 63 lower-case letters, digits, '-' or '.', starts and ends with a letter or digit, and is not an IP address",
});
/// The start of an object's key, which has at most 1,024 bytes.
pub static OBS_PREFIX: Text = Text::of(TextRule {
    noun: "OBS prefix",
    pattern: r"^[^\x00-\x1f\x7f-\x9f]*$",
    length: (0, 1024),
    bytes: Some(1024),
    except: None,
    expectation: "has at most 1,024 bytes and no line breaks or other control characters",
});
pub static STREAM: Text = Text::of(TextRule {
    noun: "DIS stream name",
    pattern: r"^[A-Za-z0-9_-]+$",
    length: (1, 64),
    bytes: None,
    except: None,
    expectation: "has 1 to 64 letters, digits, '_' or '-'",
});
/// The topic's name has a limit; the URN as a whole has none. One definition limits the URN to 255 characters, but the
/// topic's name alone can have that many.
pub static TOPIC_URN: Text = Text::of(TextRule {
    noun: "SMN topic URN",
    pattern: concat!("^urn:smn:", region!(), ":", project!(), ":", topic!(), "$"),
    length: (1, 512),
    bytes: None,
    except: None,
    expectation: "has the form urn:smn:<region>:<project id>:<topic>; the topic has 1 to 255 letters, digits, '-' or '_'",
});
pub static FUNCTION_URN: Text = Text::of(TextRule {
    noun: "function URN",
    pattern: concat!(
        "^urn:fss:",
        region!(),
        ":",
        project!(),
        ":function:",
        name!(),
        ":",
        name!(),
        "(:(",
        version!(),
        "|!",
        alias!(),
        "))?$"
    ),
    length: (1, 269),
    bytes: None,
    except: None,
    expectation: "has at most 269 characters and the form urn:fss:<region>:<project id>:function:<package>:<name>, optionally followed by :<version> or :!<alias>",
});
pub static DEPENDENCY_NAME: Text = Text::of(TextRule {
    noun: "dependency name",
    pattern: r"^[A-Za-z]([A-Za-z0-9_.-]*[A-Za-z0-9])?$",
    length: (1, 96),
    bytes: None,
    except: None,
    expectation: "has 1 to 96 letters, digits, '_', '-' or '.', starts with a letter and ends with a letter or digit",
});
pub static OBS_URL: Text = Text::of(TextRule {
    noun: "OBS object URL",
    pattern: r"^https://[a-z0-9][a-z0-9.-]*/[^\s\x00-\x1f\x7f-\x9f]+$",
    length: (1, 1024),
    bytes: None,
    except: None,
    expectation: "has the form https://<bucket>.obs.<region>.myhuaweicloud.com/<object>, without spaces",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_article_follows_the_sound() {
        for (noun, expected) in [
            ("id", "an"),
            ("image address", "an"),
            ("OBS bucket name", "an"),
            ("SMN topic URN", "an"),
            ("DIS stream name", "a"),
            ("URN", "a"),
            ("GPU type", "a"),
            ("function URN", "a"),
        ] {
            assert_eq!(article(noun), expected, "{noun}");
        }
    }

    /// For each rule, texts at its limits that are accepted and refused.
    #[test]
    fn rules_accept_and_refuse_at_their_limits() {
        let long = |length: usize| "a".repeat(length);
        let topic = |name: &str| format!("urn:smn:eu-de:p1:{name}");
        let urn = |rest: &str| format!("urn:fss:eu-de:p1:function:{rest}");
        let cases: [(&Text, Vec<String>, Vec<String>); 17] = [
            (&REGION, texts(&["eu-de", "local-1"]), texts(&["", "eu de", "eu:de"])),
            (&PROJECT_ID, texts(&["p1", &long(64)]), texts(&["", &long(65), "p.1"])),
            (
                &FUNCTION_NAME,
                texts(&["a", "A-1", "in_take", &long(60)]),
                texts(&["", "1a", "a-", "ä", &long(61), "a\n"]),
            ),
            (&PACKAGE_NAME, texts(&["default"]), texts(&["9", "a."])),
            (&VERSION_NAME, texts(&["v1.2", "1", &long(42)]), texts(&["latest", "v1.", "", &long(43)])),
            (&ALIAS_NAME, texts(&["prod", &long(64)]), texts(&["!prod", "1a", &long(65)])),
            (
                &HANDLER,
                texts(&["index.handler", "-", "src/a.b", "a::b.C::d", &long(128)]),
                texts(&["", "a b", "/a.b", "../a.b", "a/../b", "a\\b", "a\n", "a\u{85}", &long(129)]),
            ),
            (&RUNTIME, texts(&["C#(.NET Core 2.0)", "http"]), texts(&["", "Python\n", "1"])),
            (&AGENCY, texts(&["fgs-notify", &long(64)]), texts(&["", "a b", &long(65)])),
            (&VARIABLE_NAME, texts(&["LOG_LEVEL", "a.b-c", "RUNTIME_X"]), texts(&["1X", "", "A B", "RUNTIME_CPU"])),
            (&VARIABLE_VALUE, texts(&["", "line\nline\t\u{1}"]), texts(&["a\0", "\0"])),
            (
                &TAG_KEY,
                texts(&["team", "a b", "größe:1", "_x", "fgctl.stack", &long(128)]),
                texts(&["", " a", "a ", "a/b", "_sys_x", "a\n", "½", &long(129)]),
            ),
            (&TAG_VALUE, texts(&["", "a/b ü", " ", &long(255)]), texts(&["a,b", "a\n", &long(256)])),
            (
                &BUCKET,
                texts(&["abc", "a.b-c", "1.2.3", &long(63)]),
                texts(&["ab", "Abc", "a..b", "a.-b", "a-.b", "-ab", "ab-", "192.168.0.1", "999.1.1.1", &long(64)]),
            ),
            (
                &OBS_PREFIX,
                texts(&["", "/async/", "a b", &long(1024)]),
                texts(&["a\n", "a\0", &long(1025), &"ü".repeat(513)]),
            ),
            (
                &TOPIC_URN,
                vec![topic("pager"), topic(&long(255))],
                vec![topic("-x"), topic(&long(256)), topic("x\n"), "urn:smn:eu-de:p1".into(), topic("a:b")],
            ),
            (
                &FUNCTION_URN,
                vec![urn("default:f"), urn("default:f:!prod"), urn("default:f:v1.0"), urn("default:f:latest")],
                vec!["f".into(), urn("d:f:v1."), urn("d:1"), urn("d:f:!"), urn("d:f:"), urn("d:f:a:b"), urn("d:f\n")],
            ),
        ];
        for (rule, accepted, refused) in &cases {
            let noun = rule.rule.noun;
            for text in accepted {
                assert!(rule.accepts(text), "{noun}: {text:?}");
            }
            for text in refused {
                assert!(!rule.accepts(text), "{noun}: {text:?}");
            }
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn descriptions_streams_and_urls_follow_their_rules() {
        assert!(DESCRIPTION.accepts("line\nline") && !DESCRIPTION.accepts(&"ü".repeat(513)));
        assert!(STREAM.accepts("a_b-C") && !STREAM.accepts("") && !STREAM.accepts("a.b"));
        assert!(OBS_URL.accepts("https://b.obs.eu-de.example/x.zip"));
        for refused in ["http://b.obs.eu-de.example/x", "https://b/", "https://b/x y", "https://b/x\n", "https:///x"] {
            assert!(!OBS_URL.accepts(refused), "{refused:?}");
        }
    }
}
