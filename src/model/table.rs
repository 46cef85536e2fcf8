//! The table of fields, with one row per field. To add a field, add a variant to [`Field`] and a row here.

use crate::rules::number;
use crate::rules::runtime::{Language, OF_IMAGES, RUNTIMES};

use super::dependency::Dependencies;
use super::field::Field;
use super::number::{Concurrency, ContainerOwner, Memory};
use super::period::{Initializer, PreStop, RestoreHook, TimeoutPeriod};
use super::reserved::Reserved;
use super::row::{Call, DefaultValue, Facet, Form, Ignore, Row};
use super::setting::{EphemeralStorage, GpuMemory, Instances, LogTags, MountOwner, Mounts, Networks, PrivateZones};
use super::text::{
    AbsolutePath, AgencyName, Command, Description, GpuType, Handler, Heartbeat, Id, ImageAddress, LogName,
    PeeringCidr, Runtime,
};

use Call::{Configuration, Create};
use DefaultValue::{Flag, Number, Text};
use Facet::{Async, Code, Config, Protection, Secrets, Triggers};

/// The calls that write a field.
const BOTH: &[Call] = &[Create, Configuration];
const UPDATE: &[Call] = &[Configuration];
const CODE: &[Call] = &[Create, Call::Code];

const fn config(field: Field, key: &'static str) -> Row {
    Row::new(field, key, Config)
}

const fn of_policy(field: Field, key: &'static str) -> Row {
    Row::new(field, key, Async).ignore(Ignore::Never)
}

fn is_java(runtime: &str) -> bool {
    Language::of(runtime) == Language::Java
}

fn is_java_or_node(runtime: &str) -> bool {
    matches!(Language::of(runtime), Language::Java | Language::NodeJs)
}

fn is_of_images(runtime: &str) -> bool {
    OF_IMAGES.contains(&runtime)
}

/// The groups: mappings that hold several fields, with their descriptions in the schema.
pub static GROUPS: &[(&str, &str)] = &[
    (
        "image",
        "A container image instead of code, for the runtimes `Custom Image`, `http` and `Custom`. Needs an agency that may \
         read images. The handler is `-` unless it is declared.",
    ),
    ("scaling", "How many instances there are, and how many requests each handles at once."),
    ("logs", "Where the function's log goes."),
    ("vpc", "The network that the function reaches, and from which it can be reached."),
    ("mount_user", "The owner of mounted files."),
    ("gpu", "The function's share of a GPU."),
    ("kms", "Keys that encrypt what the service stores."),
];

/// In the order of [`Field`].
pub static ROWS: &[Row] = &[
    config(Field::Runtime, "runtime")
        .ignore(Ignore::Never)
        .typed::<Runtime>(
            "The runtime, as the service spells it; it cannot change later. Required here or in `defaults`. Example: \
             `Python3.9`.",
        )
        .examples(&RUNTIMES)
        .wire(Form::Text("runtime"), BOTH),
    config(Field::Handler, "handler")
        .typed::<Handler>(
            "The entry point: file and function in Python, Node.js and PHP. Required here or in `defaults`. Example: \
             `index.handler`.",
        )
        .wire(Form::Text("handler"), BOTH),
    config(Field::Memory, "memory")
        .typed::<Memory>("Memory in MB: 128, 256, 512 and so on to 10240. Default: 128.")
        .default(Number(number::DEFAULT_MEMORY_MB as i64))
        .wire(Form::Plain("memory_size"), BOTH),
    config(Field::Timeout, "timeout")
        .typed::<TimeoutPeriod>(
            "The longest time that one run may take: 3 to 259,200 seconds, or text such as `30s`, `15m` or `1h`. Default: 3.",
        )
        .default(Number(number::DEFAULT_TIMEOUT_SECONDS as i64))
        .wire(Form::Plain("timeout"), BOTH),
    config(Field::Description, "description")
        .typed::<Description>("A description for people, at most 512 characters. Default: empty.")
        .default(Text(""))
        .wire(Form::Text("description"), BOTH),
    config(Field::Agency, "agency")
        .typed::<AgencyName>(
            "The IAM agency that lets the function reach other services, including targets. Default: none. Example: \
             `fgs-notify`.",
        )
        .wire(Form::Text("xrole"), BOTH),
    config(Field::ExecutionAgency, "execution_agency")
        .later(1)
        .typed::<AgencyName>(
            "The IAM agency whose credentials the running code gets, if they should differ from those of \
             `agency`. For all runtimes. Default: none; the running code then gets the credentials of `agency`. Example: `fgs-run`.",
        )
        .wire(Form::Text("app_xrole"), BOTH),
    config(Field::Initializer, "initializer")
        .typed::<Initializer>(
            "Code that runs once in each new instance, before its first invocation. Default: none. Example: \
             `{ handler: index.initializer, timeout: 10 }`.",
        )
        .wire(Form::Hook { handler: "initializer_handler", timeout: "initializer_timeout" }, BOTH),
    config(Field::PreStop, "pre_stop")
        .later(2)
        .only_for("Java and Node.js", is_java_or_node)
        .typed::<PreStop>(
            "What runs before an instance is removed; its timeout is 1 to 90 seconds. For Java and Node.js. Default: nothing. \
             Example: `{ handler: index.stop, timeout: 10 }`.",
        )
        .wire(Form::Hook { handler: "pre_stop_handler", timeout: "pre_stop_timeout" }, BOTH),
    config(Field::Heartbeat, "heartbeat")
        .later(3)
        .only_for("Java", is_java)
        .typed::<Heartbeat>(
            "The method of the handler's class that checks whether an instance works. For Java. Default: \
             none. Example: `com.acme.Orders.heartBeat`.",
        )
        .wire(Form::Text("heartbeat_handler"), UPDATE),
    config(Field::RestoreHook, "restore_hook")
        .later(4)
        .only_for("Java", is_java)
        .typed::<RestoreHook>(
            "What runs after an instance is restored from a snapshot; its timeout is 1 to 300 seconds. For Java with snapshots. \
             Default: nothing. Example: `{ handler: com.acme.Orders.restored, timeout: 10 }`.",
        )
        .wire(Form::Hook { handler: "restore_hook_handler", timeout: "restore_hook_timeout" }, UPDATE),
    Row::new(Field::ImageUrl, "image.url", Code)
        .later(5)
        .typed::<ImageAddress>(
            "The address of the image in SWR; it begins with `swr.`. The service does not notice a tag that is pushed \
             again, so use a new tag or a digest for each build. Example: \
             `swr.eu-de.otc.t-systems.com/shop/orders:1.2`.",
        )
        .wire(Form::Omitted("custom_image.image"), BOTH),
    config(Field::ImageCommand, "image.command")
        .later(6)
        .typed::<Command>(
            "The command that starts the container, with commas between its parts. Default: the image's own. Example: \
             `/bin/sh`.",
        )
        .wire(Form::Omitted("custom_image.command"), BOTH),
    config(Field::ImageArguments, "image.args")
        .later(7)
        .typed::<Command>("The arguments of the command, with commas between them. Default: the image's own. Example: `-c,run.sh`.")
        .wire(Form::Omitted("custom_image.args"), BOTH),
    config(Field::ImageWorkingDirectory, "image.working_dir")
        .later(8)
        .typed::<AbsolutePath>("The directory in which the command runs. The service accepts only `/`. Default: `/`.")
        .default(Text("/"))
        .wire(Form::Omitted("custom_image.working_dir"), BOTH),
    config(Field::ImageUser, "image.uid")
        .later(9)
        .typed::<ContainerOwner>("The user that runs the container: 0 to 65,534. Default: the service's own, which is 1003.")
        .wire(Form::NumberText("custom_image.uid"), BOTH),
    config(Field::ImageGroup, "image.gid")
        .later(10)
        .typed::<ContainerOwner>("The group that runs the container: 0 to 65,534. Default: the service's own, which is 1003.")
        .wire(Form::NumberText("custom_image.gid"), BOTH),
    config(Field::MaxInstances, "scaling.max_instances")
        .later(11)
        .of_v2()
        .typed::<Instances>(
            "How many instances can run at once: 1 to 1,000, -1 for no limit, or 0 to disable the function. For functions \
             of type v2. Default: 400.",
        )
        .default(Number(number::DEFAULT_INSTANCES as i64))
        .wire(Form::Plain("strategy_config.concurrency"), &[Call::MaxInstances]),
    config(Field::Concurrency, "scaling.concurrency")
        .later(12)
        .of_v2()
        .typed::<Concurrency>(
            "How many requests one instance handles at once: 1 to 1,000. For functions of type v2; some regions accept \
             more than 1 only for container images and the runtime `http`. Default: 1.",
        )
        .default(Number(number::DEFAULT_REQUESTS_PER_INSTANCE as i64))
        .wire(Form::Plain("strategy_config.concurrent_num"), UPDATE),
    config(Field::Reserved, "scaling.reserved")
        .later(39)
        .of_v2()
        .typed::<Reserved>(
            "Instances of `latest` (the version that you edit) that are kept ready, so that requests do not wait for a \
             start. They cost money while they are idle. A manifest cannot reserve instances for versions and aliases. \
             For functions of type v2. Default: none. Example: `{ count: 2 }`.",
        )
        .wire(Form::Separate("reservedinstances"), &[Call::Reserved]),
    config(Field::LogsEnabled, "logs.enabled")
        .later(13)
        .of_v2()
        .typed::<bool>(
            "If true, the function's log is sent to LTS. If you set no group and stream, the service creates them. Default: \
             false; some regions send logs anyway.",
        )
        .default(Flag(false))
        .wire(Form::Plain("enable_lts_log"), BOTH),
    config(Field::LogGroupId, "logs.group_id")
        .later(14)
        .typed::<Id>("The id of the log group. Needs `stream_id` and `enabled: true`. Default: one that the service creates.")
        .wire(Form::Renamed { written: "log_config.group_id", shown: "log_group_id" }, BOTH),
    config(Field::LogGroupName, "logs.group_name")
        .later(15)
        .typed::<LogName>("The name of the log group, which the console shows. Needs `group_id`. Example: `orders`.")
        .wire(Form::Omitted("log_config.group_name"), BOTH),
    config(Field::LogStreamId, "logs.stream_id")
        .later(16)
        .typed::<Id>("The id of the log stream. Needs `group_id`. Default: one that the service creates.")
        .wire(Form::Renamed { written: "log_config.stream_id", shown: "log_stream_id" }, BOTH),
    config(Field::LogStreamName, "logs.stream_name")
        .later(17)
        .typed::<LogName>("The name of the log stream, which the console shows. Needs `stream_id`. Example: `intake`.")
        .wire(Form::Omitted("log_config.stream_name"), BOTH),
    config(Field::LogTags, "logs.tags")
        .later(18)
        .of_v2()
        .typed::<LogTags>(
            "Tags that each line of the log gets: at most 10, with 1 to 64 letters, digits, '_' or '-' in each key and \
             value. Needs `enabled: true`. Default: none. Example: `{ team: orders }`.",
        )
        .wire(Form::Entries("lts_custom_tag"), BOTH),
    config(Field::Dependencies, "dependencies")
        .later(19)
        .typed::<Dependencies>(
            "Packages that the function loads besides its code: at most 20, in any order. Each is the id of a version; or a \
             name and a version, which fgctl looks up; or a name and files, which fgctl uploads as a new version if no \
             version has this content. Not for container images. Default: none. Example: `[{ name: shared, dir: libs/shared }]`.",
        )
        .wire(Form::Dependencies("depend_version_list"), CODE),
    config(Field::VpcId, "vpc.id")
        .later(20)
        .typed::<Id>(
            "The id of the VPC that the function can reach. Needs `subnet`, and an agency that may manage VPC ports. \
             Default: none; the function then reaches only the internet.",
        )
        .wire(Form::Omitted("func_vpc.vpc_id"), BOTH),
    config(Field::VpcSubnet, "vpc.subnet")
        .later(21)
        .typed::<Id>("The id of the subnet in the VPC. Needs `id`. A project has at most 4 subnets for its functions.")
        .wire(Form::Omitted("func_vpc.subnet_id"), BOTH),
    config(Field::DisablePublicNetwork, "vpc.disable_public_network")
        .later(22)
        .typed::<bool>("If true, the function has no direct access to the internet. Default: false.")
        .default(Flag(false))
        .wire(Form::Plain("network_controller.disable_public_network"), BOTH),
    config(Field::TriggerAccessVpcs, "vpc.trigger_access_vpcs")
        .later(23)
        .typed::<Networks>("The ids of the VPCs from which the function can be invoked. Default: none, which means all VPCs.")
        .wire(Form::Ids { list: "network_controller.trigger_access_vpcs", id: "vpc_id" }, BOTH),
    config(Field::PeeringCidr, "peering_cidr")
        .later(24)
        .typed::<PeeringCidr>(
            "The networks that the function reaches by VPC peering: 1 to 5, with `;` between them. Default: none. Example: \
             `192.168.0.0/16;10.1.0.0/16`.",
        )
        .wire(Form::Text("peering_cidr"), UPDATE),
    config(Field::DomainNames, "domain_names")
        .later(25)
        .typed::<PrivateZones>(
            "The private zones whose names the function can resolve. Needs `vpc`, and an agency that may read DNS zones. \
             Default: none.",
        )
        .wire(Form::JsonText("domain_names"), BOTH),
    config(Field::Mounts, "mounts")
        .later(26)
        .typed::<Mounts>(
            "File systems that the function's instances share: at most 5. Needs `vpc`, and an agency that may use them. \
             Default: none.",
        )
        .wire(
            Form::Objects {
                list: "mount_config.func_mounts",
                members: &[
                    ("type", "mount_type"),
                    ("resource", "mount_resource"),
                    ("share_path", "mount_share_path"),
                    ("local_path", "local_mount_path"),
                ],
            },
            BOTH,
        ),
    config(Field::MountUser, "mount_user.uid")
        .later(27)
        .typed::<MountOwner>(
            "The user that owns mounted files: -1 for the service's choice, or 1 to 65,534 except 1000 and 1002. Default: -1.",
        )
        .default(Number(number::DEFAULT_MOUNT_OWNER))
        .wire(Form::Plain("mount_config.mount_user.user_id"), BOTH),
    config(Field::MountGroup, "mount_user.gid")
        .later(28)
        .typed::<MountOwner>(
            "The group that owns mounted files: -1 for the service's choice, or 1 to 65,534 except 1000 and 1002. Default: -1.",
        )
        .default(Number(number::DEFAULT_MOUNT_OWNER))
        .wire(Form::Plain("mount_config.mount_user.user_group_id"), BOTH),
    config(Field::EphemeralStorage, "ephemeral_storage")
        .later(29)
        .typed::<EphemeralStorage>("MB of temporary storage in `/tmp`: 512 or 10240. Default: 512.")
        .default(Number(number::DEFAULT_EPHEMERAL_STORAGE_MB as i64))
        .wire(Form::Plain("ephemeral_storage"), UPDATE),
    config(Field::GpuMemory, "gpu.memory")
        .later(30)
        .only_for("container images and the runtime `Custom`", is_of_images)
        .typed::<GpuMemory>(
            "MB of GPU memory, a multiple of 1024. For container images and the runtime `Custom`, in some regions. \
             Default: no GPU.",
        )
        .wire(Form::Plain("gpu_memory"), BOTH),
    config(Field::GpuType, "gpu.type")
        .later(31)
        .only_for("container images and the runtime `Custom`", is_of_images)
        .typed::<GpuType>("The kind of GPU, such as `nvidia-t4` or `nvidia-a30`. Needs `gpu.memory`. Default: the region's own.")
        .wire(Form::Omitted("gpu_type"), BOTH),
    config(Field::DynamicMemory, "dynamic_memory")
        .later(32)
        .typed::<bool>("If true, a request can choose the memory of its instance. Default: false.")
        .default(Flag(false))
        .wire(Form::Plain("enable_dynamic_memory"), BOTH),
    config(Field::ClassIsolation, "class_isolation")
        .later(33)
        .only_for("Java", is_java)
        .typed::<bool>("If true, the function's classes are loaded separately from the runtime's. For Java. Default: false.")
        .default(Flag(false))
        .wire(Form::Plain("enable_class_isolation"), UPDATE),
    config(Field::AuthInHeader, "auth_in_header")
        .later(34)
        .only_for("container images and the runtime `http`", is_of_images)
        .typed::<bool>(
            "If true, requests carry the agency's credentials in their headers. For container images and the runtime \
             `http`. Default: false.",
        )
        .default(Flag(false))
        .wire(Form::Plain("enable_auth_in_header"), UPDATE),
    config(Field::Stateful, "stateful")
        .later(35)
        .of_v2()
        .typed::<bool>("If true, the function keeps state between requests. For functions of type v2. Default: false.")
        .default(Flag(false))
        .wire(Form::Plain("is_stateful_function"), BOTH),
    config(Field::EnterpriseProject, "enterprise_project")
        .later(36)
        .typed::<Id>("The id of the enterprise project that pays for the function. Default: `0`, the account's own.")
        .default(Text("0"))
        .wire(Form::Omitted("enterprise_project_id"), BOTH),
    config(Field::EnvironmentKey, "kms.environment")
        .later(37)
        .typed::<Id>(
            "The id of the KMS key that encrypts the environment and the secrets, in regions that offer this. Default: none.",
        )
        .wire(Form::Omitted("user_data_encrypt_kms_key_id"), BOTH),
    config(Field::CodeKey, "kms.code")
        .later(38)
        .typed::<Id>("The id of the KMS key that encrypts the code, in regions that offer this. Default: none.")
        .wire(Form::Omitted("code_encrypt_kms_key_id"), CODE),
    config(Field::Environment, "environment").ignore(Ignore::Entries).wire(Form::Variables("user_data"), BOTH),
    Row::new(Field::Secrets, "secrets", Secrets).wire(Form::Secrets("encrypted_user_data"), BOTH),
    config(Field::Tags, "tags").ignore(Ignore::Entries),
    Row::new(Field::Code, "code", Code),
    Row::new(Field::Protect, "protect", Protection).ignore(Ignore::Never).default(Flag(false)),
    Row::new(Field::Async, "async", Async),
    of_policy(Field::MaxRetries, "max_retries").default(Number(number::DEFAULT_MAX_RETRIES as i64)),
    of_policy(Field::MaxValidityPeriod, "max_validity_period").default(Number(number::DEFAULT_VALIDITY_SECONDS as i64)),
    of_policy(Field::OnSuccess, "on_success"),
    of_policy(Field::OnFailure, "on_failure"),
    of_policy(Field::StatusLog, "status_log").default(Flag(false)),
    Row::new(Field::Triggers, "triggers", Triggers).ignore(Ignore::Never),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::row::Since;
    use std::collections::BTreeSet;

    #[test]
    fn each_field_has_its_own_row() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.field as usize, index, "{}", row.key);
        }
        assert!(ROWS.len() <= 128, "a set of fields holds at most 128");
    }

    /// Marks record fields by number.
    #[test]
    fn later_fields_have_unique_numbers() {
        let numbers: Vec<u8> = ROWS
            .iter()
            .filter_map(|row| match row.since {
                Since::First => None,
                Since::Later(number) => Some(number),
            })
            .collect();
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len(), "{numbers:?}");
        assert!(numbers.iter().all(|number| *number < 128));
    }

    /// Every default is a valid value of the field's type, or null.
    #[test]
    fn defaults_are_valid() {
        for row in ROWS {
            let (Some(typed), default) = (row.typed, row.default.value()) else { continue };
            assert!(default.is_null() || (typed.parse)(default.clone()) == Ok(default), "{}", row.key);
        }
    }
}
