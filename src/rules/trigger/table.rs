//! The types of triggers, with one entry per type. The names of wire fields are those of the service's `event_data`.

use super::schedule::Kind;
use super::{ANY_ID, Choice, ChoiceValue, Invocation, Need, Shape, StatusRule, TriggerField, TriggerType, Uniqueness};
use crate::rules::number::{self, Range};
use crate::rules::text::{AGENCY, BUCKET, OBS_PREFIX, STREAM, TOPIC_URN};
use crate::rules::trigger_text::{
    ADDRESS, API_PATH, CHANNEL, CTS_NAME, CTS_OPERATION, DOMAIN, EVENT_TYPE, KAFKA_TOPIC, NAME, USER_EVENT, USER_NAME,
};

/// A field that a manifest can leave out.
const fn field(key: &'static str, wire: &'static str, shape: Shape, doc: &'static str) -> TriggerField {
    TriggerField { key, wire, shape, need: Need::Optional, doc, can_change: false, absent: None }
}

impl TriggerField {
    const fn required(self) -> Self {
        Self { need: Need::Required, ..self }
    }

    /// Exactly one of these fields is required.
    const fn one_of(self) -> Self {
        Self { need: Need::OneOf, ..self }
    }

    const fn key_of_trigger(self) -> Self {
        Self { need: Need::KeyOfTrigger, ..self }
    }

    /// The value that is sent for a field that is left out.
    const fn or(self, default: &'static str) -> Self {
        Self { need: Need::Default(default), ..self }
    }

    const fn fixed(self, value: &'static str) -> Self {
        Self { need: Need::Fixed(value), ..self }
    }

    /// The value that the service uses for a field that is left out.
    const fn unless(self, absent: &'static str) -> Self {
        Self { absent: Some(absent), ..self }
    }

    const fn changeable(self) -> Self {
        Self { can_change: true, ..self }
    }
}

const fn choice(key: &'static str) -> Choice {
    Choice { key, wire: ChoiceValue::Text(key) }
}

const fn named(key: &'static str, wire: &'static str) -> Choice {
    Choice { key, wire: ChoiceValue::Text(wire) }
}

const fn numbered(key: &'static str, wire: u32) -> Choice {
    Choice { key, wire: ChoiceValue::Number(wire) }
}

const NAME_DOC: &str = "The trigger's name in the service. Default: the key.";

static OBS_EVENTS: &[Choice] = &[
    choice("s3:ObjectCreated:*"),
    choice("s3:ObjectCreated:Put"),
    choice("s3:ObjectCreated:Post"),
    choice("s3:ObjectCreated:Copy"),
    choice("s3:ObjectCreated:CompleteMultipartUpload"),
    choice("s3:ObjectRemoved:*"),
    choice("s3:ObjectRemoved:Delete"),
    choice("s3:ObjectRemoved:DeleteMarkerCreated"),
];

static TIMER: &[TriggerField] = &[
    field("name", "name", Shape::Text(&NAME), NAME_DOC).key_of_trigger(),
    field(
        "rate",
        "schedule",
        Shape::Schedule(Kind::Rate),
        "The interval: minutes, hours or days, such as `5m` (1 to 60), `2h` (1 to 24) or `1d` (1 to 30).",
    )
    .one_of(),
    field(
        "cron",
        "schedule",
        Shape::Schedule(Kind::Cron),
        "A cron expression whose first field is the seconds, such as `0 15 2 * * ?`, optionally with a time zone in \
         front, such as `CRON_TZ=Europe/Berlin 0 0 8 * * MON-FRI`; or an interval, such as `@every 1h30m`.",
    )
    .one_of(),
    field(
        "user_event",
        "user_event",
        Shape::Text(&USER_EVENT),
        "Text that each event contains as `user_event`: less than 2 KB. Default: none.",
    ),
];

static OBS: &[TriggerField] = &[
    field("bucket", "bucket", Shape::Text(&BUCKET), "The bucket, in the function's region.").required(),
    field(
        "events",
        "events",
        Shape::Choices(OBS_EVENTS),
        "The operations on objects that start the function. An event that ends in `*` includes all the others of its kind. \
         Example: `[s3:ObjectCreated:*]`.",
    )
    .required(),
    field(
        "prefix",
        "prefix",
        Shape::Text(&OBS_PREFIX),
        "Only objects whose names start with this. Default: all. Example: `incoming/`.",
    ),
    field(
        "suffix",
        "suffix",
        Shape::Text(&OBS_PREFIX),
        "Only objects whose names end with this. Default: all. Example: `.csv`.",
    ),
    field("name", "name", Shape::Text(&NAME), "The name of OBS's event notification for the bucket. Default: chosen by the service."),
];

static SMN: &[TriggerField] = &[field(
    "topic",
    "topic_urn",
    Shape::Text(&TOPIC_URN),
    "The topic's URN. Example: `urn:smn:eu-de:0123456789abcdef0123456789abcdef:orders`.",
)
.required()];

static DIS: &[TriggerField] = &[
    field("stream", "stream_name", Shape::Text(&STREAM), "The stream's name. Example: `orders`.").required(),
    field(
        "start",
        "sharditerator_type",
        Shape::Choice(&[named("oldest", "TRIM_HORIZON"), named("latest", "LATEST")]),
        "Whether the function receives the records that the stream already has (`oldest`) or only new ones (`latest`). \
         Default: `latest`.",
    )
    .or("latest"),
    field(
        "polling_interval",
        "polling_interval",
        Shape::Milliseconds(number::POLLING_MILLISECONDS),
        "How often the service asks for new records: `2ms` to `60s`. Default: `30s`.",
    )
    .or("30s")
    .changeable(),
    field(
        "max_fetch_bytes",
        "max_fetch_bytes",
        Shape::Number(number::FETCH_BYTES),
        "The maximum number of bytes in one event: 1,024 to 4,194,304. Default: chosen by the service.",
    )
    .changeable(),
    field(
        "serial",
        "is_serial",
        Shape::FlagText,
        "Whether the service sends the next records only after the function has handled the previous ones. Default: false.",
    )
    .or("false")
    .changeable(),
    field(
        "batch_size",
        "batch_size",
        Shape::Number(Range { least: 1, most: 10_000 }),
        "The maximum number of records in one event: 1 to 10,000. Default: chosen by the service.",
    ),
];

static LTS: &[TriggerField] = &[
    field("group_id", "log_group_id", Shape::Text(ANY_ID), "The id of the log group.").required(),
    field("stream_id", "log_topic_id", Shape::Text(ANY_ID), "The id of the log stream.").required(),
];

static CTS: &[TriggerField] = &[
    field("name", "name", Shape::Text(&CTS_NAME), NAME_DOC).key_of_trigger(),
    field(
        "operations",
        "operations",
        Shape::Texts { item: &CTS_OPERATION, most: 100 },
        "The recorded operations that start the function, as `service:resource types:operations`, with `;` between several types or operations. At most \
         100. Example: `[ECS:ecs:createServer;deleteServer]`.",
    )
    .required(),
];

macro_rules! gateway {
    ($($first:expr),*) => {
        &[
            $($first,)*
            field("name", "name", Shape::Text(&NAME), "The API's name. Default: the key.").key_of_trigger(),
            field("group_id", "group_id", Shape::Text(ANY_ID), "The id of the API group.").required(),
            field("env_id", "env_id", Shape::Text(ANY_ID), "The id of the gateway's environment in which the API is published. Default: `DEFAULT_ENVIRONMENT_RELEASE_ID`, which is RELEASE.").or("DEFAULT_ENVIRONMENT_RELEASE_ID"),
            field("env_name", "env_name", Shape::Text(ANY_ID), "The name of that environment. Default: none. Example: `RELEASE`."),
            field("auth", "auth", Shape::Choice(&[choice("IAM"), choice("APP"), choice("NONE")]), "How callers prove who they are. `NONE` lets everyone call the function.").required(),
            field("protocol", "protocol", Shape::Choice(&[choice("HTTP"), choice("HTTPS")]), "Default: `HTTPS`.").or("HTTPS"),
            field("path", "path", Shape::Text(&API_PATH), "The path of the API. Example: `/orders`.").required(),
            field("method", "req_method", Shape::Choice(&[
                    choice("GET"),
                    choice("POST"),
                    choice("PUT"),
                    choice("DELETE"),
                    choice("HEAD"),
                    choice("PATCH"),
                    choice("OPTIONS"),
                    choice("ANY"),
                ]), "Default: `ANY`.").or("ANY"),
            field("match", "match_mode", Shape::Choice(&[named("prefix", "SWA"), named("exact", "NORMAL")]), "Whether `path` is a prefix or the whole path. Default: `prefix`.").or("prefix"),
            field("domain", "sl_domain", Shape::Text(&DOMAIN), "The subdomain of the API group, which the service assigns. Some regions need it."),
            field("visibility", "type", Shape::Choice(&[numbered("public", 1), numbered("private", 2)]), "Default: `public`.").or("public"),
            field("backend", "backend_type", Shape::Text(ANY_ID), "").fixed("FUNCTION"),
            field("timeout", "func_info.timeout", Shape::Number(number::GATEWAY_MILLISECONDS), "Milliseconds that the gateway waits for the function: 1 to 60,000. Default: 5000.").or("5000"),
            field("invocation", "func_info.invocation_type", Shape::Choice(&[choice("sync"), choice("async")]), "`async` makes the gateway answer at once; the function's policy then applies. Default: `sync`.").unless("sync"),
        ]
    };
}

static APIG: &[TriggerField] = gateway!();
static DEDICATED_GATEWAY: &[TriggerField] =
    gateway!(field("instance_id", "instance_id", Shape::Text(ANY_ID), "The id of the dedicated gateway.").required());

static KAFKA: &[TriggerField] = &[
    field("instance_id", "instance_id", Shape::Text(ANY_ID), "The id of the Kafka instance.").required(),
    field("topics", "topic_ids", Shape::Texts { item: &KAFKA_TOPIC, most: 100 }, "The topics. Example: `[orders]`.")
        .required(),
    field(
        "batch_size",
        "batch_size",
        Shape::Number(Range { least: 1, most: 1000 }),
        "The maximum number of records in one event: 1 to 1,000. Default: 100.",
    )
    .or("100"),
    field("user", "kafka_user", Shape::Text(&USER_NAME), "The user for SASL. Default: none."),
    field(
        "password",
        "kafka_password",
        Shape::Secret,
        "The variable in fgctl's own environment that holds the user's password. Example: `{ env: KAFKA_PASSWORD }`.",
    ),
    field(
        "address",
        "kafka_connect_address",
        Shape::Text(&ADDRESS),
        "The addresses of the brokers. Default: those of the instance.",
    ),
    field("tls", "kafka_ssl_enable", Shape::Flag, "Whether the connection is encrypted. Default: false.")
        .unless("false"),
];

static EVENT_GRID: &[TriggerField] = &[
    field("channel_id", "channel_id", Shape::Text(ANY_ID), "The id of the event channel.").required(),
    field("channel_name", "channel_name", Shape::Text(&CHANNEL), "The name of the channel."),
    field("source", "source_name", Shape::Text(&CHANNEL), "The event source. Default: `HC.OBS.DWR`, which is OBS.")
        .or("HC.OBS.DWR"),
    field("name", "trigger_name", Shape::Text(&NAME), NAME_DOC).key_of_trigger(),
    field("agency", "agency", Shape::Text(&AGENCY), "The agency with which EventGrid calls the function."),
    field("bucket", "bucket", Shape::Text(&BUCKET), "The bucket, if the source is OBS."),
    field(
        "event_types",
        "event_types",
        Shape::Texts { item: &EVENT_TYPE, most: 100 },
        "The types of events. Example: `[OBS:DWR:ObjectCreated:PUT]`.",
    )
    .required(),
    field("encode_key", "Key_encode", Shape::Flag, "Whether object names are URL-encoded. Default: false.")
        .unless("false"),
];

const fn asynchronous(code: &'static str, key: &'static str, fields: &'static [TriggerField]) -> TriggerType {
    TriggerType {
        code,
        key,
        doc: "",
        fields,
        identity: &[],
        uniqueness: Uniqueness::Version,
        status: StatusRule::AlwaysActive,
        polls: false,
        invocation: Invocation::Asynchronous,
        missed: "",
    }
}

pub static TYPES: &[TriggerType] = &[
    TriggerType {
        doc: "A timer. Exactly one of `rate` and `cron` is required.",
        identity: &["name"],
        status: StatusRule::StartsActive,
        polls: true,
        missed: "a tick between the two requests is missed",
        ..asynchronous("TIMER", "timer", TIMER)
    },
    TriggerType {
        doc: "Objects in a bucket. Some regions offer `eventgrid` instead.",
        identity: &["bucket", "prefix", "suffix"],
        uniqueness: Uniqueness::Project,
        missed: "objects that are written between the two requests start nothing",
        ..asynchronous("OBS", "obs", OBS)
    },
    TriggerType {
        doc: "Messages of an SMN topic.",
        identity: &["topic_urn"],
        missed: "messages that are published between the two requests start nothing",
        ..asynchronous("SMN", "smn", SMN)
    },
    TriggerType {
        doc: "Records of a DIS stream. Some regions have no DIS.",
        identity: &["stream_name"],
        polls: true,
        missed: "if `start` is `latest`, records that arrive between the two requests are missed",
        ..asynchronous("DIS", "dis", DIS)
    },
    TriggerType {
        doc: "Lines of a log stream.",
        identity: &["log_group_id", "log_topic_id"],
        status: StatusRule::StartsActive,
        polls: true,
        missed: "lines that are logged between the two requests start nothing",
        ..asynchronous("LTS", "lts", LTS)
    },
    TriggerType {
        doc: "Operations that Cloud Trace Service records.",
        identity: &["name"],
        missed: "operations that are recorded between the two requests start nothing",
        ..asynchronous("CTS", "cts", CTS)
    },
    TriggerType {
        doc: "An API of the shared API gateway.",
        identity: &["group_id", "path", "req_method"],
        uniqueness: Uniqueness::Project,
        invocation: Invocation::Declared,
        missed: "requests to the API fail between the two requests, and the API gets a new id",
        ..asynchronous("APIG", "apig", APIG)
    },
    TriggerType {
        doc: "An API of a dedicated API gateway.",
        identity: &["instance_id", "group_id", "path", "req_method"],
        uniqueness: Uniqueness::Project,
        invocation: Invocation::Declared,
        missed: "requests to the API fail between the two requests, and the API gets a new id",
        ..asynchronous("DEDICATEDGATEWAY", "dedicated_gateway", DEDICATED_GATEWAY)
    },
    TriggerType {
        doc: "Records of a Kafka instance (DMS). The function needs `vpc` with the instance's subnet.",
        identity: &["instance_id", "topic_ids"],
        status: StatusRule::StartsDisabled,
        polls: true,
        missed: "records that arrive between the two requests may be missed",
        ..asynchronous("KAFKA", "kafka", KAFKA)
    },
    TriggerType {
        doc: "Events of EventGrid, such as those of a bucket.",
        identity: &["channel_id", "trigger_name"],
        missed: "events that arrive between the two requests start nothing",
        ..asynchronous("EVENTGRID", "eventgrid", EVENT_GRID)
    },
];
