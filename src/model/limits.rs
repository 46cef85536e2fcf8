//! The service's ranges and name rules, each once: the types of [`crate::model`] and the manifest's JSON Schema both
//! read them here. Nothing here checks anything.
//!
//! Sources: the vendor's API definitions and documentation; where they disagree, the request side's numbers, which
//! the service enforces.

/// Retries after a failed attempt, so that there are at most one more attempts than that.
pub const MAX_RETRIES: (u32, u32) = (0, 3);
pub const DEFAULT_MAX_RETRIES: u32 = 1;

/// Seconds for which an asynchronous request may start attempts; the upper end is 24 hours.
pub const VALIDITY_SECONDS: (u32, u32) = (1, 86_400);
pub const DEFAULT_VALIDITY_SECONDS: u32 = 3_600;

/// Days after which OBS deletes a notification object; 0 keeps it for ever.
pub const EXPIRES_DAYS: (u32, u32) = (0, 365);

/// Seconds that one run may take; the upper end is 72 hours.
pub const TIMEOUT_SECONDS: (u32, u32) = (3, 259_200);
pub const DEFAULT_TIMEOUT_SECONDS: u32 = 3;

/// Seconds that an initializer may take.
pub const INITIALIZER_SECONDS: (u32, u32) = (1, 300);
pub const DEFAULT_INITIALIZER_SECONDS: u32 = 3;

/// MB of memory that a function can be given.
pub const MEMORY_MB: [u32; 15] =
    [128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 8192, 10240];
pub const DEFAULT_MEMORY_MB: u32 = 128;

/// Environment variables of one function, and as many secrets.
pub const ENVIRONMENT_ENTRIES: usize = 20;
/// Bytes of all keys and values of the environment together; secrets have as many of their own.
pub const ENVIRONMENT_BYTES: usize = 4096;

/// Tags on one function, fgctl's own marks included.
pub const TAGS: usize = 20;
/// Tags that fgctl may need for itself on one function: `fgctl.stack`, `.config`, `.code`, `.async`, `.protect`, `.secrets`.
pub const OWN_TAGS: usize = 6;

/// Bytes of a code archive that the API takes (50 MB).
pub const ARCHIVE_BYTES: u64 = 50 * 1024 * 1024;
/// Bytes that an archive may unpack to (1,500 MB).
pub const UNPACKED_BYTES: u64 = 1500 * 1024 * 1024;

/// Characters of a function URN.
pub const FUNCTION_URN_LENGTH: usize = 269;

/// A rule for text: a pattern that both Rust's `regex` and JSON Schema understand, and the same in words.
#[derive(Debug, Clone, Copy)]
pub struct TextRule {
    /// What the text is, for messages: "function name".
    pub noun: &'static str,
    /// Anchored at both ends.
    pub pattern: &'static str,
    /// Characters, least and most.
    pub length: (usize, usize),
    /// What is refused although the pattern matches.
    pub except: Option<&'static str>,
    /// Completes "a {noun} …".
    pub expectation: &'static str,
}

pub const STACK: TextRule = TextRule {
    noun: "stack name",
    pattern: r"^[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?$",
    length: (1, 64),
    except: None,
    expectation: "has 1 to 64 letters, digits, '_' or '-', starts with a letter and ends with a letter or digit",
};
pub const FUNCTION_NAME: TextRule = TextRule {
    noun: "function name",
    pattern: r"^[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?$",
    length: (1, 60),
    except: None,
    expectation: "has 1 to 60 letters, digits, '_' or '-', starts with a letter and ends with a letter or digit",
};
pub const PACKAGE_NAME: TextRule = TextRule {
    noun: "package name",
    pattern: FUNCTION_NAME.pattern,
    length: (1, 60),
    except: None,
    expectation: FUNCTION_NAME.expectation,
};
pub const VERSION_NAME: TextRule = TextRule {
    noun: "version",
    pattern: r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
    length: (1, 42),
    except: Some(r"^latest$"),
    expectation: "has 1 to 42 letters, digits, '-', '_' or '.', starts and ends with a letter or digit, and is not `latest`",
};
pub const ALIAS_NAME: TextRule = TextRule {
    noun: "alias",
    pattern: r"^[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?$",
    length: (1, 64),
    except: None,
    expectation: "has 1 to 64 letters, digits, '_' or '-', starts with a letter and ends with a letter or digit",
};
pub const HANDLER: TextRule = TextRule {
    noun: "handler",
    pattern: r"^\S+$",
    length: (1, 128),
    except: None,
    expectation: "has 1 to 128 characters and no spaces, as in index.handler",
};
pub const RUNTIME: TextRule = TextRule {
    noun: "runtime",
    pattern: r"^[A-Za-z][A-Za-z0-9.#() ]*$",
    length: (1, 64),
    except: None,
    expectation: "is spelled as the service spells it, as in Python3.9 or Node.js18.15",
};
pub const DESCRIPTION: TextRule = TextRule {
    noun: "description",
    pattern: r"^[\s\S]*$",
    length: (0, 512),
    except: None,
    expectation: "has at most 512 characters",
};
pub const AGENCY: TextRule = TextRule {
    noun: "agency name",
    pattern: r"^[A-Za-z0-9_-]+$",
    length: (1, 64),
    except: None,
    expectation: "has 1 to 64 letters, digits, '_' or '-'",
};
pub const ENVIRONMENT_NAME: TextRule = TextRule {
    noun: "variable name",
    pattern: r"^[A-Za-z][A-Za-z0-9_.-]*$",
    length: (1, 256),
    except: None,
    expectation: "starts with a letter and has letters, digits, '_', '-' or '.'",
};
pub const TAG_KEY: TextRule = TextRule {
    noun: "tag key",
    // Spaces at the ends are excepted apart: every Unicode class in a pattern costs each command time at its start.
    pattern: r"^[\p{L}\p{Nd} _.:=+@-]+$",
    length: (1, 128),
    except: Some(r"^(_sys_|fgctl[.]| )| $"),
    expectation: "has 1 to 128 letters, digits, spaces or '_.:=+-@', no space at either end, and neither `_sys_` nor `fgctl.` in front",
};
pub const TAG_VALUE: TextRule = TextRule {
    noun: "tag value",
    pattern: r"^[\p{L}\p{Nd} _.:=+@/-]*$",
    length: (0, 255),
    except: None,
    expectation: "has at most 255 letters, digits, spaces or '_.:=+-@/'",
};
pub const BUCKET: TextRule = TextRule {
    noun: "OBS bucket name",
    pattern: r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$",
    length: (3, 63),
    except: Some(r"^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$"),
    expectation: "has 3 to 63 lower-case letters, digits, '-' or '.', starts and ends with a letter or digit, and is no IP address",
};
pub const OBS_PREFIX: TextRule = TextRule {
    noun: "OBS prefix",
    pattern: r"^[\s\S]*$",
    length: (0, 1024),
    except: None,
    expectation: "has at most 1,024 characters",
};
pub const STREAM: TextRule = TextRule {
    noun: "DIS stream name",
    pattern: r"^[A-Za-z0-9_-]+$",
    length: (1, 64),
    except: None,
    expectation: "has 1 to 64 letters, digits, '_' or '-'",
};
pub const TOPIC_URN: TextRule = TextRule {
    noun: "SMN topic URN",
    pattern: r"^urn:smn:[a-z0-9-]+:[A-Za-z0-9]+:[A-Za-z0-9][A-Za-z0-9_-]*$",
    length: (1, 350),
    except: None,
    expectation: "reads urn:smn:<region>:<project id>:<topic>",
};
pub const OBS_URL: TextRule = TextRule {
    noun: "OBS object URL",
    pattern: r"^https://[a-z0-9][a-z0-9.-]*/.+$",
    length: (1, 1024),
    except: None,
    expectation: "reads https://<bucket>.obs.<region>.myhuaweicloud.com/<object>",
};

/// Runtimes known to exist somewhere. The list is open: availability differs by region, so an unknown one is a warning.
pub const RUNTIMES: [&str; 29] = [
    "Java8",
    "Java11",
    "Java17",
    "Java21",
    "Python2.7",
    "Python3.6",
    "Python3.9",
    "Python3.10",
    "Python3.12",
    "Go1.8",
    "Go1.x",
    "Node.js6.10",
    "Node.js8.10",
    "Node.js10.16",
    "Node.js12.13",
    "Node.js14.18",
    "Node.js16.17",
    "Node.js18.15",
    "Node.js20.15",
    "C#(.NET Core 2.0)",
    "C#(.NET Core 2.1)",
    "C#(.NET Core 3.1)",
    "C#(.NET Core 6.0)",
    "Custom",
    "PHP7.3",
    "PHP8.3",
    "Cangjie1.0",
    "http",
    "Custom Image",
];
