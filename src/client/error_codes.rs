//! The service's error codes: what each one means, what to do, and whether trying again helps.

/// The known facts about one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) meaning: &'static str,
    pub(super) advice: &'static str,
    pub(super) again: Again,
}

/// Whether the same request may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Helps,
    DoesNotHelp,
}

use Again::{DoesNotHelp, Helps};

/// Code, meaning, advice, and whether trying again helps. Codes of test events and workflows are left out, because no
/// request here causes them.
#[rustfmt::skip] // One code a line.
const TABLE: &[(&str, &str, &str, Again)] = &[
    // The gateway checks a request first.
    ("APIGW.0101", "the address has no such API", "check the endpoint and the region", DoesNotHelp),
    ("APIGW.0106", "a parameter is wrong", "this is a bug in fgctl: please report it", DoesNotHelp),
    ("APIGW.0201", "the request did not get through the gateway", "check its size", Helps),
    ("APIGW.0301", "the credentials were not accepted", "run `fgctl whoami` to see which are used; check them, their expiry and this machine's clock", DoesNotHelp),
    ("APIGW.0303", "the credentials were not accepted", "run `fgctl whoami` to see which are used", DoesNotHelp),
    ("APIGW.0305", "the credentials were not accepted", "run `fgctl whoami` to see which are used", DoesNotHelp),
    ("APIGW.0307", "the token has expired, or is for another region", "get a new one for this project", DoesNotHelp),
    ("APIGW.0308", "too many requests", "lower --concurrency or --max-requests-per-second", Helps),
    ("APIGW.0310", "the project is not available", "check the project id, and whether the account is in arrears", DoesNotHelp),
    ("APIGW.0401", "this machine's address is not allowed", "ask the account's administrator", DoesNotHelp),
    ("APIGW.0402", "the account is not allowed", "ask the account's administrator", DoesNotHelp),
    ("APIGW.0404", "access is not allowed", "ask the account's administrator", DoesNotHelp),
    ("APIGW.0602", "the request is malformed", "a bug in fgctl or a proxy causes this: please report it", DoesNotHelp),
    ("APIGW.0607", "the API does not support this protocol", "check the endpoint's scheme", DoesNotHelp),
    ("APIGW.0610", "the service behind the gateway failed", "if it persists, contact the service's support with the request id", Helps),
    ("APIGW.0613", "the service behind the gateway is not available", "if it persists, contact the service's support with the request id", Helps),
    ("APIGW.0802", "the user has no access to this region", "check the region", DoesNotHelp),
    // General codes, whose number is the HTTP status.
    ("FSS.0400", "a parameter is wrong", "the service's message says which", DoesNotHelp),
    ("FSS.0401", "not authorized, or the function does not exist", "check the project, the region and the permissions", DoesNotHelp),
    ("FSS.0404", "the resource does not exist", "check its name, the project and the region", DoesNotHelp),
    ("FSS.0408", "the service took too long", "if it persists, contact the service's support with the request id", Helps),
    ("FSS.0409", "the resource already exists", "run `fgctl plan` again", DoesNotHelp),
    ("FSS.0410", "the resource no longer exists", "run `fgctl plan` again", DoesNotHelp),
    ("FSS.0413", "the body is too large", "put large code into OBS, or send a smaller event", DoesNotHelp),
    ("FSS.0424", "a dependency is wrong", "check the function's dependencies", DoesNotHelp),
    ("FSS.0428", "something has to be deleted first", "the service's message says what", DoesNotHelp),
    ("FSS.0429", "too many requests", "lower --concurrency or --max-requests-per-second", Helps),
    ("FSS.0500", "the service failed", "if it persists, contact the service's support with the request id", Helps),
    ("FSS.0502", "the service failed", "if it persists, contact the service's support with the request id", Helps),
    ("FSS.0503", "the service is not available", "if it persists, contact the service's support with the request id", Helps),
    ("FSS.0504", "the service took too long", "if it persists, contact the service's support with the request id", Helps),
    // Functions.
    ("FSS.1002", "the name is invalid", "use letters, digits, - and _, and start with a letter", DoesNotHelp),
    ("FSS.1003", "the handler is invalid", "for Python and Node.js, write file.function", DoesNotHelp),
    ("FSS.1004", "the package name is invalid", "use letters, digits, - and _, and start with a letter", DoesNotHelp),
    ("FSS.1005", "the region does not offer this runtime", "choose one that it offers", DoesNotHelp),
    ("FSS.1007", "the service does not offer this memory size", "choose one that it offers", DoesNotHelp),
    ("FSS.1008", "the timeout is out of range", "choose another value", DoesNotHelp),
    ("FSS.1009", "the environment variables are invalid", "check their names", DoesNotHelp),
    ("FSS.1010", "the URL of the code is wrong", "check the object's URL", DoesNotHelp),
    ("FSS.1011", "the code is unusable", "check that the archive opens", DoesNotHelp),
    ("FSS.1012", "the code is missing", "check `code`", DoesNotHelp),
    ("FSS.1014", "the alias is invalid", "check its name", DoesNotHelp),
    ("FSS.1015", "the version is invalid", "check its name", DoesNotHelp),
    ("FSS.1016", "nothing has changed since the last published version", "change the code first", DoesNotHelp),
    ("FSS.1017", "there are more than 20 environment variables", "remove some", DoesNotHelp),
    ("FSS.1018", "the environment variables are too large", "shorten or remove some", DoesNotHelp),
    ("FSS.1019", "the description is too long", "use at most 512 characters", DoesNotHelp),
    ("FSS.1020", "a function in a VPC needs an agency", "set `agency`", DoesNotHelp),
    ("FSS.1024", "the dependency is invalid", "check `dependencies`", DoesNotHelp),
    ("FSS.1026", "the number of instances or of concurrent requests is invalid", "check `scaling`, and the account's quota", DoesNotHelp),
    ("FSS.1034", "the image's address is invalid, or the agency may not read it", "check `image.url` and the agency's rights in SWR", DoesNotHelp),
    ("FSS.1035", "the image is missing", "push it, and check `image.url`", DoesNotHelp),
    ("FSS.1036", "the VPC does not exist", "check `vpc.id` and the region", DoesNotHelp),
    ("FSS.1037", "the subnet does not exist in this VPC", "check `vpc.subnet`", DoesNotHelp),
    ("FSS.1038", "the file system is mounted already", "check `mounts`", DoesNotHelp),
    ("FSS.1039", "a path of a mount is invalid", "check `mounts`", DoesNotHelp),
    ("FSS.1040", "the agency may not use the file system", "give it the rights, or use another agency", DoesNotHelp),
    ("FSS.1041", "the project has reached its quota of functions", "delete some, or request a higher quota", DoesNotHelp),
    ("FSS.1042", "the project has reached its quota of code", "delete some, or request a higher quota", DoesNotHelp),
    ("FSS.1043", "the function has reached its limit of aliases", "delete one", DoesNotHelp),
    ("FSS.1044", "the project has reached its limit of packages", "delete one", DoesNotHelp),
    ("FSS.1045", "the project has reached its quota of dependencies", "delete some, or request a higher quota", DoesNotHelp),
    ("FSS.1046", "the dependency belongs to someone else", "use one of this account or a public one", DoesNotHelp),
    ("FSS.1047", "the account has reached its limit of VPCs for functions", "use a VPC that another function uses", DoesNotHelp),
    ("FSS.1048", "the project has reached its limit of VPCs for functions", "use a VPC that another function uses", DoesNotHelp),
    ("FSS.1049", "the function has more than 5 mounts", "remove some", DoesNotHelp),
    ("FSS.1050", "the file system to mount does not exist", "check `resource` in `mounts`", DoesNotHelp),
    ("FSS.1051", "the function does not exist", "check its name, the project and the region", DoesNotHelp),
    ("FSS.1052", "the version does not exist", "publish it, or use another", DoesNotHelp),
    ("FSS.1053", "the alias does not exist", "create it, or use another", DoesNotHelp),
    ("FSS.1054", "the OBS object with the code does not exist", "upload it, and check its URL", DoesNotHelp),
    ("FSS.1055", "the package does not exist", "check its name", DoesNotHelp),
    ("FSS.1056", "the dependency does not exist", "check the function's dependencies", DoesNotHelp),
    ("FSS.1061", "a function with this name already exists", "run `fgctl plan` again", DoesNotHelp),
    ("FSS.1062", "a version with this name already exists", "choose another name", DoesNotHelp),
    ("FSS.1063", "an alias with this name already exists", "choose another name", DoesNotHelp),
    ("FSS.1066", "another alias points to this version", "a version can have only one alias", DoesNotHelp),
    ("FSS.1071", "the code package is larger than 50 MB", "put it into OBS: `code: { obs: … }`", DoesNotHelp),
    ("FSS.1072", "the inline code is larger than 10 KB", "use `code: { dir: … }`", DoesNotHelp),
    ("FSS.1075", "the owner of the mounts is invalid", "use -1, or 1 to 65534 except 1000 and 1002", DoesNotHelp),
    ("FSS.1090", "the subnet is not active", "wait until it is, or use another", Helps),
    ("FSS.1094", "an alias also sends requests to this version", "change the alias first", DoesNotHelp),
    ("FSS.1095", "the file system to mount is not ready", "wait until it is", Helps),
    ("FSS.1096", "the file system to mount does not speak NFS", "use SFS or SFS Turbo", DoesNotHelp),
    // Triggers.
    ("FSS.1101", "the region does not offer this type of trigger", "use another type, such as `eventgrid` instead of `obs`", DoesNotHelp),
    ("FSS.1102", "the SMN trigger is invalid", "check the topic's URN and its region", DoesNotHelp),
    ("FSS.1106", "the OBS trigger is invalid", "check its bucket, events, prefix and suffix", DoesNotHelp),
    ("FSS.1107", "the API of the trigger is invalid", "check its group, path and methods", DoesNotHelp),
    ("FSS.1108", "another OBS trigger has the same bucket, prefix and suffix", "use another prefix or suffix", DoesNotHelp),
    ("FSS.1109", "the timer is invalid", "check its name and its schedule", DoesNotHelp),
    ("FSS.1111", "the Kafka instance does not exist", "check its id and the region", DoesNotHelp),
    ("FSS.1112", "the Kafka trigger is invalid", "check its instance and topics", DoesNotHelp),
    ("FSS.1113", "the Kafka instance needs a user and a password", "set `user` and `password`", DoesNotHelp),
    ("FSS.1114", "the function is not in the subnet of the Kafka instance", "set `vpc` to the instance's subnet", DoesNotHelp),
    ("FSS.1115", "the source of the trigger cannot be reached", "check its network and security group", Helps),
    ("FSS.1116", "the Kafka instance refused the user or the password", "check both", DoesNotHelp),
    ("FSS.1117", "the Kafka topics could not be read", "check the topics and the user's rights", DoesNotHelp),
    ("FSS.1118", "the account may not use this type of trigger", "ask the service's support", DoesNotHelp),
    ("FSS.1121", "the trigger needs an agency", "set `agency`", DoesNotHelp),
    ("FSS.1122", "the trigger needs an agency", "set `agency`", DoesNotHelp),
    ("FSS.1123", "the version has 10 triggers that poll for events, which is the limit", "delete one, or put some on another version", DoesNotHelp),
    ("FSS.1124", "the API group has reached its limit of APIs", "delete one, or use another group", DoesNotHelp),
    ("FSS.1131", "the trigger does not exist", "run `fgctl plan` again", DoesNotHelp),
    ("FSS.1132", "the trigger does not exist", "run `fgctl plan` again", DoesNotHelp),
    ("FSS.1136", "the trigger does not exist", "run `fgctl plan` again", DoesNotHelp),
    ("FSS.1137", "the service has no such type of trigger", "check the type", DoesNotHelp),
    ("FSS.1138", "the trigger does not exist", "run `fgctl plan` again", DoesNotHelp),
    ("FSS.1140", "the trigger does not exist", "run `fgctl plan` again", DoesNotHelp),
    ("FSS.1141", "the function already has a trigger for this topic", "run `fgctl plan` again", DoesNotHelp),
    ("FSS.1145", "the function already has a trigger for these objects", "run `fgctl plan` again", DoesNotHelp),
    ("FSS.1146", "an API with this name already exists", "choose another name", DoesNotHelp),
    ("FSS.1147", "an API with this path and method already exists", "choose another path", DoesNotHelp),
    ("FSS.1148", "the function already has a timer with this name", "choose another name", DoesNotHelp),
    ("FSS.1150", "the function already has a trigger for these topics", "run `fgctl plan` again", DoesNotHelp),
    ("FSS.1151", "the bucket is in another region", "use one in the function's region", DoesNotHelp),
    ("FSS.1152", "the bucket cannot have triggers", "use another bucket", DoesNotHelp),
    ("FSS.1154", "the version or alias has triggers", "delete its triggers first", DoesNotHelp),
    ("FSS.1169", "the source of the trigger cannot be reached", "check its network and security group", Helps),
    ("FSS.1171", "the topic does not exist", "check its URN", DoesNotHelp),
    ("FSS.1172", "the database or the collection does not exist", "check their names", DoesNotHelp),
    ("FSS.1174", "the trigger does not exist", "run `fgctl plan` again", DoesNotHelp),
    ("FSS.1306", "the limit of triggers is reached", "delete one", DoesNotHelp),
    ("FSS.1307", "a trigger with this name already exists", "choose another name", DoesNotHelp),
    ("FSS.1417", "the API of the trigger is invalid", "check its gateway, group, path and methods", DoesNotHelp),
    ("FSS.1201", "the body is too large", "make the code smaller, or put it into OBS", DoesNotHelp),
    ("FSS.1401", "the image could not be read from SWR", "check `image.url`", Helps),
    ("FSS.1402", "the image could not be pulled", "check `image.url` and the agency's rights in SWR", Helps),
    ("FSS.1404", "the initializer is invalid", "check `initializer.handler`", DoesNotHelp),
    ("FSS.1405", "the initializer's timeout is out of range", "use 1 to 300 seconds", DoesNotHelp),
    ("FSS.1309", "the project, the region or the function's URN is wrong", "check the project id and the region, which `fgctl whoami` shows, and the URN if the manifest contains one", DoesNotHelp),
];

/// Codes that always mean that the user lacks a permission.
const PERMISSION: [&str; 9] = [
    "FSS.0403",
    "APIGW.0302",
    "APIGW.0304",
    "APIGW.0306",
    "APIGW.0801",
    "FSS.1125",
    "FSS.1126",
    "FSS.1127",
    "FSS.1303",
];

/// Some gateways write `APIG` instead of `APIGW`, and some replies `FGS` instead of `FSS`.
pub(super) fn canonical(code: &str) -> String {
    match code.split_once('.') {
        Some(("APIG", number)) => format!("APIGW.{number}"),
        Some(("FGS", number)) => format!("FSS.{number}"),
        _ => code.to_owned(),
    }
}

pub(super) fn known(code: &str) -> Option<Known> {
    let code = canonical(code);
    let (_, meaning, advice, again) = *TABLE.iter().find(|(known, ..)| *known == code)?;
    Some(Known { meaning, advice, again })
}

pub(super) fn is_missing_permission(code: &str) -> bool {
    PERMISSION.contains(&canonical(code).as_str())
}

/// Whether the code comes from the gateway, which cannot tell whether a function exists.
pub(super) fn is_of_gateway(code: &str) -> bool {
    canonical(code).starts_with("APIGW.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_listed_once() {
        let codes: BTreeSet<&str> = TABLE.iter().map(|(code, ..)| *code).chain(PERMISSION).collect();
        assert_eq!(codes.len(), TABLE.len() + PERMISSION.len());
    }

    #[test]
    fn alternative_spellings_of_a_code_are_recognized() {
        assert_eq!(known("APIG.0308"), known("APIGW.0308"));
        assert_eq!(known("FGS.1061"), known("FSS.1061"));
        assert!(known("APIGW.0308").is_some_and(|known| known.again == Helps));
        assert!(known("FSS.1061").is_some_and(|known| known.again == DoesNotHelp));
        assert_eq!(known("FSS.9999"), None);
        assert!(is_missing_permission("APIG.0302") && !is_missing_permission("FSS.0401"));
    }
}
