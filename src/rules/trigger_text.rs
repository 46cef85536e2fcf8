//! Text in fields of triggers.

use super::field::PLAIN;
use super::text::{Text, TextRule};

pub static NAME: Text = Text::of(TextRule {
    noun: "trigger name",
    pattern: r"^[A-Za-z][A-Za-z0-9_-]*$",
    length: (1, 64),
    expectation: "has 1 to 64 letters, digits, '_' or '-', and starts with a letter",
    ..PLAIN
});
/// CTS allows no dashes.
pub static CTS_NAME: Text = Text::of(TextRule {
    noun: "CTS trigger name",
    pattern: r"^[A-Za-z][A-Za-z0-9_]*$",
    length: (1, 64),
    expectation: "has 1 to 64 letters, digits or '_', and starts with a letter",
    ..PLAIN
});
/// The code of a type of triggers.
pub static TYPE_CODE: Text = Text::of(TextRule {
    noun: "trigger type",
    pattern: r"^[A-Z][A-Z0-9_]*$",
    length: (1, 64),
    expectation: "has 1 to 64 upper-case letters, digits or '_', such as DDS or RABBITMQ",
    ..PLAIN
});
pub static USER_EVENT: Text = Text::of(TextRule {
    noun: "user event",
    pattern: r"^[^\x00]*$",
    length: (0, 2047),
    bytes: Some(2047),
    expectation: "has fewer than 2,048 bytes",
    ..PLAIN
});
pub static CTS_OPERATION: Text = Text::of(TextRule {
    noun: "CTS operation",
    pattern: r"^[^\s:;]+:[^\s:;]+(;[^\s:;]+)*:[^\s:;]+(;[^\s:;]+)*$",
    length: (5, 1024),
    expectation: "has the form service:types:operations, as in ECS:ecs:createServer;deleteServer",
    ..PLAIN
});
pub static API_PATH: Text = Text::of(TextRule {
    noun: "API path",
    pattern: r"^/[^\s\x00-\x1f\x7f-\x9f]*$",
    length: (1, 512),
    expectation: "begins with `/` and contains no spaces",
    ..PLAIN
});
pub static DOMAIN: Text = Text::of(TextRule {
    noun: "domain name",
    pattern: r"^[A-Za-z0-9.-]+$",
    length: (1, 255),
    expectation: "has 1 to 255 letters, digits, '-' or '.'",
    ..PLAIN
});
pub static KAFKA_TOPIC: Text = Text::of(TextRule {
    noun: "Kafka topic",
    pattern: r"^[A-Za-z0-9._-]+$",
    length: (1, 200),
    expectation: "has 1 to 200 letters, digits, '_', '-' or '.'",
    ..PLAIN
});
pub static USER_NAME: Text = Text::of(TextRule {
    noun: "user name",
    expectation: "has at most 256 characters and no line breaks or other control characters",
    ..PLAIN
});
pub static ADDRESS: Text = Text::of(TextRule {
    noun: "broker address",
    length: (1, 1024),
    expectation: "has at most 1,024 characters and no line breaks or other control characters",
    ..PLAIN
});
pub static CHANNEL: Text = Text::of(TextRule {
    noun: "name of a channel or source",
    pattern: r"^[A-Za-z0-9._-]+$",
    length: (1, 128),
    expectation: "has 1 to 128 letters, digits, '_', '-' or '.'",
    ..PLAIN
});
pub static EVENT_TYPE: Text = Text::of(TextRule {
    noun: "event type",
    expectation: "has at most 256 characters and no line breaks or other control characters",
    ..PLAIN
});
